"""Auditors count while they are bonded, and are paid by whoever brings the attestation."""

from __future__ import annotations

from typing import Any

import pytest
from bourse import H100, USD, Bourse, deploy, terms
from brownie import accounts
from counting import accounted
from words import reverts

ROLE_BOND = 10 * USD
FEE = 3 * USD


@pytest.fixture
def audited(isolated: None) -> Bourse:
    """Two of three bonded auditors are needed; each takes three USD of the stranger's eleven."""
    bourse = deploy(role_bond=ROLE_BOND, attestation_fee=FEE)
    bourse.registry.register(bourse.address("agent"), bourse.sends("provider"))
    bourse.registry.registerTerms(terms(), bourse.sends("provider"))
    for name in ("auditor1", "auditor2", "auditor3"):
        key = accounts.add(bourse.keys[name].secret_hex())
        accounts[0].transfer(key, 10**18)
        bourse.accounts[name] = key
        bourse.pay_in(name, ROLE_BOND)
        bourse.market.bond(ROLE_BOND, bourse.sends(name))
    bourse.pay_in("stranger", 11 * USD)
    return bourse


def state(bourse: Bourse) -> Any:
    names = ("stranger", "auditor1", "auditor2", "auditor3")
    balances = [bourse.balance(name) for name in names]
    return balances, tuple(bourse.registry.capacityOf(bourse.address("provider"), H100))


class TestFee:
    def test_attest__two_sign__each_paid_by_the_sender(self, audited: Bourse) -> None:
        tx = audited.attest(audited.attestation())
        assert state(audited)[0] == [5 * USD, FEE, FEE, 0]
        paid = [(e["from"], e["to"], e["amount"], e["module"]) for e in tx.events["Paid"]]
        sender, module = audited.address("stranger"), audited.registry.address
        auditors = [audited.address(name) for name in ("auditor1", "auditor2")]
        assert paid == [(sender, auditor, FEE, module) for auditor in auditors]
        assert audited.market.totalHeld() == accounted(audited)

    def test_attest__more_sign_than_needed__each_paid(self, audited: Bourse) -> None:
        audited.attest(audited.attestation(), by=("auditor3", "auditor1", "auditor2"))
        assert state(audited)[0] == [2 * USD, FEE, FEE, FEE]

    def test_attest__renewal__paid_again(self, audited: Bourse) -> None:
        first = audited.attestation()
        later = audited.attestation(expiry=first.expiry + 1)
        audited.pay_in("stranger", USD)
        audited.attest(first, later)
        assert state(audited)[0] == [0, 2 * FEE, 2 * FEE, 0]

    def test_attest__too_little_for_the_second__nothing_enrolled(self, audited: Bourse) -> None:
        before = state(audited)
        with reverts("InsufficientBalance", 2 * USD, FEE):
            audited.attest(audited.attestation("GPU-0"), audited.attestation("GPU-1"))
        assert state(audited) == before

    def test_attest__sender_without_account__refused(self, audited: Bourse) -> None:
        audited.market.withdraw(audited.address("stranger"), 11 * USD, audited.sends("stranger"))
        with reverts("InsufficientBalance", 0, FEE):
            audited.attest(audited.attestation())

    def test_attest__no_fee_set__nobody_pays(self, bourse: Bourse) -> None:
        assert "Paid" not in bourse.attest(bourse.attestation("GPU-NEW")).events


class TestRoleBond:
    def refused(self, bourse: Bourse, name: str, bonded: int) -> None:
        before = state(bourse)
        with reverts("RoleBondTooLow", bourse.address(name), bonded, ROLE_BOND):
            bourse.attest(bourse.attestation(), by=("auditor1", name))
        assert state(bourse) == before

    def test_attest__one_unit_missing__refused(self, audited: Bourse) -> None:
        audited.registry.requestUnbonding(1, audited.sends("auditor2"))
        self.refused(audited, "auditor2", ROLE_BOND - 1)
        audited.attest(audited.attestation(), by=("auditor1", "auditor3"))

    def test_attest__bonded_again__counts(self, audited: Bourse) -> None:
        audited.registry.requestUnbonding(ROLE_BOND, audited.sends("auditor2"))
        self.refused(audited, "auditor2", 0)
        audited.pay_in("auditor2", ROLE_BOND)
        audited.market.bond(ROLE_BOND, audited.sends("auditor2"))
        audited.attest(audited.attestation())

    def test_attest__unbonded_beyond_the_threshold__refused_too(self, audited: Bourse) -> None:
        audited.registry.requestUnbonding(1, audited.sends("auditor3"))
        before = state(audited)
        with reverts("RoleBondTooLow", audited.address("auditor3"), ROLE_BOND - 1, ROLE_BOND):
            audited.attest(audited.attestation(), by=("auditor1", "auditor2", "auditor3"))
        assert state(audited) == before

    def test_attest__auditor_with_devices__only_its_free_bond_counts(self, audited: Bourse) -> None:
        audited.registry.register(audited.address("agent"), audited.sends("auditor2"))
        audited.attest(audited.attestation("GPU-OWN", owner="auditor2"))
        required = 1000 * 1000
        before = state(audited)
        with reverts(
            "RoleBondTooLow", audited.address("auditor2"), ROLE_BOND - required, ROLE_BOND
        ):
            audited.attest(audited.attestation())
        assert state(audited) == before

    def test_attest__no_bond_asked__unbonded_auditors_sign(self, bourse: Bourse) -> None:
        assert bourse.registry.freeBond(bourse.address("auditor1")) == 0
        bourse.attest(bourse.attestation("GPU-NEW"))
