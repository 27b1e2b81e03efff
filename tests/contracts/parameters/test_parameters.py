"""What `Parameters` starts with, and what it refuses to start with."""

from __future__ import annotations

from typing import Any

import pytest
from bourse import ZERO, initial, signer
from brownie import Parameters, accounts
from governance import Governance
from words import reverts

TREASURY, FIRST, SECOND = (signer(name).address for name in ("treasury", "auditor1", "auditor2"))
AUDITORS = [signer(f"auditor{i}").address for i in (1, 2, 3)]
ARBITERS = [signer(f"arbiter{i}").address for i in (1, 2)]
TOKEN = 10**6
MANY = tuple(f"0x{i:040x}" for i in range(1, 257))


def create(**changes: Any) -> Any:
    options = {"from": accounts[1]}
    return Parameters.deploy(accounts[2], accounts[3], initial(**changes), options)


def test_parameters__deployed__readable(governance: Governance) -> None:
    of = governance.parameters
    assert (of.feeBps(), of.treasury(), of.paused(), of.pausedUntil()) == (100, TREASURY, False, 0)
    assert (list(of.auditors()), of.auditorThreshold()) == (AUDITORS, 2)
    assert [of.auditorIndex(a) for a in (*AUDITORS, ZERO)] == [1, 2, 3, 0]
    assert (of.minBondPerMilli(bytes(32)), of.roleBond()) == (1_000, 50)
    assert (of.attestationFee(), of.disputeFee()) == (3, 7)
    assert (of.arbiterSetCount(), list(of.arbitersOf(1)), of.arbiterThresholdOf(1)) == (
        1,
        ARBITERS,
        2,
    )
    assert [of.arbiterIndex(1, a) for a in (*ARBITERS, FIRST)] == [1, 2, 0]
    assert [(list(of.arbitersOf(n)), of.arbiterThresholdOf(n)) for n in (0, 2)] == [([], 0)] * 2


def test_parameters__deployed__caps_readable(governance: Governance) -> None:
    of = governance.parameters
    assert (of.MAX_FEE_BPS(), of.MAX_PAUSE(), of.ADMIN_DELAY()) == (1_000, 604_800, 259_200)
    assert of.MAX_ATTESTATION_FEE() == 100 * TOKEN
    assert of.MAX_DISPUTE_FEE() == 1_000 * TOKEN
    assert of.MAX_ROLE_BOND() == 100_000 * TOKEN


def test_parameters__deployed__events_tell_everything(governance: Governance) -> None:
    events = governance.parameters.tx.events
    assert events["FeeSet"]["feeBps"] == 100
    assert events["TreasurySet"]["treasury"] == TREASURY
    assert tuple(events["AuditorsSet"].values()) == (tuple(AUDITORS), 2)
    assert tuple(events["ArbiterSetAdded"].values()) == (1, tuple(ARBITERS), 2)
    assert events["DefaultMinBondSet"]["minBondPerMilli"] == 1_000
    assert events["RoleBondSet"]["roleBond"] == 50
    assert tuple(events["FeesSet"].values()) == (3, 7)


def test_parameters__deployed__roles_are_of_timelock_and_pauser_alone(
    governance: Governance,
) -> None:
    of = governance.parameters
    granted = [(event["role"], event["account"]) for event in of.tx.events["RoleGranted"]]
    assert granted == [
        (of.DEFAULT_ADMIN_ROLE(), governance.timelock),
        (of.GOVERNOR_ROLE(), governance.timelock),
        (of.PAUSER_ROLE(), governance.pauser),
    ]
    assert (of.defaultAdmin(), of.defaultAdminDelay()) == (governance.timelock, of.ADMIN_DELAY())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"fee_bps": 1_001}, ("FeeTooHigh", 1_001, 1_000)),
        ({"treasury": ZERO}, ("ZeroAddress",)),
        ({"auditor_threshold": 0}, ("BadThreshold", 0, 1)),
        ({"auditor_threshold": 2}, ("BadThreshold", 2, 1)),
        ({"auditors": ()}, ("BadThreshold", 1, 0)),
        ({"auditors": (FIRST, ZERO)}, ("BadAuditor", 1, ZERO)),
        ({"auditors": (FIRST, SECOND, FIRST)}, ("BadAuditor", 2, FIRST)),
        ({"auditors": MANY}, ("TooManyMembers", 256, 255)),
        ({"arbiters": (FIRST,)}, ("BadThreshold", 0, 1)),
        ({"arbiters": (FIRST,), "arbiter_threshold": 2}, ("BadThreshold", 2, 1)),
        ({"arbiters": (FIRST, ZERO), "arbiter_threshold": 1}, ("BadArbiter", 1, ZERO)),
        ({"arbiters": (FIRST, FIRST), "arbiter_threshold": 1}, ("BadArbiter", 1, FIRST)),
        ({"arbiters": MANY, "arbiter_threshold": 1}, ("TooManyMembers", 256, 255)),
        (
            {"role_bond": 100_000 * TOKEN + 1},
            ("RoleBondTooHigh", 100_000 * TOKEN + 1, 100_000 * TOKEN),
        ),
        (
            {"attestation_fee": 100 * TOKEN + 1},
            ("AttestationFeeTooHigh", 100 * TOKEN + 1, 100 * TOKEN),
        ),
        (
            {"dispute_fee": 1_000 * TOKEN + 1},
            ("DisputeFeeTooHigh", 1_000 * TOKEN + 1, 1_000 * TOKEN),
        ),
    ],
)
def test_constructor__out_of_range__refused(
    governance: Governance, changes: dict[str, Any], error: tuple[Any, ...]
) -> None:
    with reverts(*error):
        create(**changes)


def test_constructor__nobody_for_a_role__refused(governance: Governance) -> None:
    options = {"from": accounts[1]}
    with reverts("AccessControlInvalidDefaultAdmin", ZERO):
        Parameters.deploy(ZERO, accounts[3], initial(), options)
    with reverts("ZeroAddress"):
        Parameters.deploy(accounts[2], ZERO, initial(), options)


def test_constructor__no_arbiters__no_set(governance: Governance) -> None:
    of = create(arbiter_threshold=1)
    assert of.arbiterSetCount() == 0
    assert "ArbiterSetAdded" not in of.tx.events


def test_constructor__at_every_cap__accepted(governance: Governance) -> None:
    of = create(
        fee_bps=1_000,
        auditors=MANY[:255],
        auditor_threshold=255,
        min_bond_per_milli=2**64 - 1,
        role_bond=100_000 * TOKEN,
        attestation_fee=100 * TOKEN,
        dispute_fee=1_000 * TOKEN,
    )
    assert (of.feeBps(), of.auditorThreshold(), of.auditorIndex(MANY[254])) == (1_000, 255, 255)
    assert (of.minBondPerMilli(b"\1" * 32), of.roleBond()) == (2**64 - 1, 100_000 * TOKEN)
    assert (of.attestationFee(), of.disputeFee()) == (100 * TOKEN, 1_000 * TOKEN)
