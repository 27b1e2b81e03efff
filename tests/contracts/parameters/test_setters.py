"""Each setter: what it changes, what it refuses, and that nobody but the timelock calls it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from bourse import H100, ZERO, Bourse, initial, signer, terms
from brownie import Parameters, accounts
from governance import Governance
from words import reverts

TOKEN = 10**6
A, B, C, D = (signer(f"member{i}").address for i in range(4))
FIRST = signer("auditor1").address
MANY = tuple(f"0x{i:040x}" for i in range(1, 257))
SETTERS: list[tuple[Any, ...]] = [
    ("setFee", 7),
    ("setTreasury", A),
    ("setAuditors", [A, B], 2),
    ("addArbiterSet", [A, B], 1),
    ("setDefaultMinBond", 5),
    ("setMinBond", H100, 6, True),
    ("setRoleBond", 8),
    ("setFees", 9, 10),
]


@pytest.mark.parametrize("call", SETTERS, ids=lambda call: str(call[0]))
@pytest.mark.parametrize("who", ["governor", "pauser", "stranger", "deployer"])
def test_setter__not_the_timelock__refused(
    governance: Governance, call: tuple[Any, ...], who: str
) -> None:
    of, before = governance.parameters, governance.state(H100)
    caller = accounts[1] if who == "deployer" else getattr(governance, who)
    function, *args = call
    with reverts("AccessControlUnauthorizedAccount", caller.address, bytes(of.GOVERNOR_ROLE())):
        getattr(of, function)(*args, {"from": caller})
    assert governance.state(H100) == before


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (("setFee", 1_001), ("FeeTooHigh", 1_001, 1_000)),
        (("setFee", 65_535), ("FeeTooHigh", 65_535, 1_000)),
        (("setTreasury", ZERO), ("ZeroAddress",)),
        (("setAuditors", [A, ZERO], 1), ("BadAuditor", 1, ZERO)),
        (("setAuditors", [A, B, A], 1), ("BadAuditor", 2, A)),
        (("setAuditors", MANY, 1), ("TooManyMembers", 256, 255)),
        (("setAuditors", [A], 0), ("BadThreshold", 0, 1)),
        (("setAuditors", [A], 2), ("BadThreshold", 2, 1)),
        (("setAuditors", [], 0), ("BadThreshold", 0, 0)),
        (("addArbiterSet", [ZERO], 1), ("BadArbiter", 0, ZERO)),
        (("addArbiterSet", [A, A], 1), ("BadArbiter", 1, A)),
        (("addArbiterSet", MANY, 1), ("TooManyMembers", 256, 255)),
        (("addArbiterSet", [A], 0), ("BadThreshold", 0, 1)),
        (("addArbiterSet", [A], 2), ("BadThreshold", 2, 1)),
        (("addArbiterSet", [], 1), ("BadThreshold", 1, 0)),
        (("setRoleBond", 10**11 + 1), ("RoleBondTooHigh", 10**11 + 1, 10**11)),
        (("setFees", 10**8 + 1, 0), ("AttestationFeeTooHigh", 10**8 + 1, 10**8)),
        (("setFees", 0, 10**9 + 1), ("DisputeFeeTooHigh", 10**9 + 1, 10**9)),
    ],
)
def test_setter__out_of_range__refused_whatever_was_announced(
    governance: Governance, call: tuple[Any, ...], error: tuple[Any, ...]
) -> None:
    before = governance.state()
    with reverts(*error):
        governance.govern(*call)
    assert governance.state() == before


def test_set_fee__later__of_later_terms_only(bourse: Bourse) -> None:
    people = (accounts[1], accounts[1], accounts[6])
    Governance(bourse.timelock, bourse.parameters, *people).govern("setFee", 1_000)
    bourse.registry.registerTerms(terms(), bourse.sends("provider"))
    fees = [bourse.registry.termsOf(number)[2] for number in (bourse.terms, bourse.terms + 1)]
    assert fees == [100, 1_000]


def test_set_fee__at_the_cap__replaced(governance: Governance) -> None:
    tx = governance.govern("setFee", 1_000)
    assert governance.parameters.feeBps() == tx.events["FeeSet"]["feeBps"] == 1_000


def test_set_treasury__another__replaced(governance: Governance) -> None:
    tx = governance.govern("setTreasury", A)
    assert governance.parameters.treasury() == tx.events["TreasurySet"]["treasury"] == A


def test_set_auditors__others__all_replaced(governance: Governance) -> None:
    of = governance.parameters
    tx = governance.govern("setAuditors", [A, FIRST], 1)
    assert (list(of.auditors()), of.auditorThreshold()) == ([A, FIRST], 1)
    indexes = [of.auditorIndex(x) for x in (A, FIRST, signer("auditor2").address)]
    assert indexes == [1, 2, 0]
    assert tuple(tx.events["AuditorsSet"].values()) == ((A, FIRST), 1)


def test_set_auditors__255_for_255__affordable(governance: Governance) -> None:
    of = Parameters.deploy(
        accounts[2], accounts[3], initial(auditors=MANY[:255]), {"from": accounts[1]}
    )
    others = [f"0x{i:040x}" for i in range(1_000, 1_255)]
    tx = of.setAuditors(others, 255, {"from": accounts[2]})
    assert tx.gas_used < 20_000_000
    assert of.auditorIndex(MANY[0]) == of.auditorIndex(MANY[254]) == 0
    assert (of.auditorIndex(others[254]), len(of.auditors())) == (255, 255)


@pytest.mark.parametrize("seed", range(3))
def test_set_auditors__any_lists_in_turn__index_is_the_place_in_the_last(
    governance: Governance, seed: int
) -> None:
    random, pool = Random(seed), [*MANY[:12]]
    of = Parameters.deploy(accounts[2], accounts[3], initial(), {"from": accounts[1]})
    for _ in range(8):
        chosen = random.sample(pool, random.randint(1, len(pool)))
        of.setAuditors(chosen, random.randint(1, len(chosen)), {"from": accounts[2]})
        places = [chosen.index(a) + 1 if a in chosen else 0 for a in pool]
        assert [of.auditorIndex(a) for a in pool] == places


def test_add_arbiter_set__another__earlier_sets_stay(governance: Governance) -> None:
    of = governance.parameters
    first = (of.arbitersOf(1), of.arbiterThresholdOf(1))
    tx = governance.govern("addArbiterSet", [C, D, A], 3)
    assert (of.arbiterSetCount(), list(of.arbitersOf(2)), of.arbiterThresholdOf(2)) == (
        2,
        [C, D, A],
        3,
    )
    assert [of.arbiterIndex(2, x) for x in (C, D, A, B)] == [1, 2, 3, 0]
    assert [of.arbiterIndex(1, x) for x in (C, D, A)] == [0, 0, 0]
    assert (of.arbitersOf(1), of.arbiterThresholdOf(1)) == first
    assert tuple(tx.events["ArbiterSetAdded"].values()) == (2, (C, D, A), 3)


def test_add_arbiter_set__by_the_governor_role__returns_the_number(
    governance: Governance,
) -> None:
    of = Parameters.deploy(accounts[2], accounts[3], initial(), {"from": accounts[1]})
    assert of.addArbiterSet.call([A], 1, {"from": accounts[2]}) == 1


def test_min_bond__default_and_own__own_counts_until_given_back(governance: Governance) -> None:
    of, other = governance.parameters, b"\2" * 32
    tx = governance.govern("setMinBond", H100, 0, True)
    assert (of.minBondPerMilli(H100), of.minBondPerMilli(other)) == (0, 1_000)
    assert tuple(tx.events["MinBondSet"].values()) == ("0x" + H100.hex(), 0, True)
    governance.govern("setMinBond", H100, 2**64 - 1, True)
    tx = governance.govern("setDefaultMinBond", 77)
    assert tx.events["DefaultMinBondSet"]["minBondPerMilli"] == 77
    assert (of.minBondPerMilli(H100), of.minBondPerMilli(other)) == (2**64 - 1, 77)
    tx = governance.govern("setMinBond", H100, 5, False)
    assert (of.minBondPerMilli(H100), of.minBondPerMilli(other)) == (77, 77)
    assert tuple(tx.events["MinBondSet"].values()) == ("0x" + H100.hex(), 0, False)


def test_role_bond__at_the_cap_and_zero__replaced(governance: Governance) -> None:
    for value in (100_000 * TOKEN, 0):
        tx = governance.govern("setRoleBond", value)
        assert governance.parameters.roleBond() == tx.events["RoleBondSet"]["roleBond"] == value


def test_fees__at_the_caps_and_zero__both_replaced(governance: Governance) -> None:
    of = governance.parameters
    for fees in ((100 * TOKEN, 1_000 * TOKEN), (0, 0)):
        tx = governance.govern("setFees", *fees)
        assert (of.attestationFee(), of.disputeFee()) == fees
        assert tuple(tx.events["FeesSet"].values()) == fees
