"""Auditors end attestations early, and no new device makes the shares of sold leases too small."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bourse import A100, H100, HOUR, OK, USD, Bourse, Fill
from brownie import accounts, chain
from counting import accounted
from leases import UNBONDING
from words import reason, reverts

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain
from contracts.protocol.hashing import keccak
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import Revocation

EVIDENCE = keccak(b"the card is a cheaper one")
GPU_0 = device_hash("GPU-0")
PER_DEVICE = 1000 * 1000
"""Minimum bond of one device."""


def revocation(bourse: Bourse, device: bytes = GPU_0, **changes: Any) -> Revocation:
    expiry = int(bourse.registry.deviceOf(device)[1])
    return replace(Revocation(device, expiry, EVIDENCE), **changes)


def capacity(bourse: Bourse) -> tuple[int, ...]:
    return tuple(bourse.registry.capacityOf(bourse.address("provider"), H100))


def is_revoked(bourse: Bourse, device: bytes = GPU_0) -> bool:
    return bool(bourse.registry.deviceOf(device)[5])


def refused(bourse: Bourse, given: Revocation, error: str, *values: Any, **how: Any) -> None:
    """Refused alone, and a good one in the same batch with it."""
    before = capacity(bourse)
    good = revocation(bourse, device_hash("GPU-3"))
    with reverts(error, *values):
        bourse.revoke(good, given, **how)
    assert capacity(bourse) == before
    assert not is_revoked(bourse, good.device)


def fill_now(bourse: Bourse) -> str:
    """What another fill of the class comes to."""
    ask = bourse.ask(nonce=bourse.nonce("provider"))
    wanted = Fill(bourse.bid("other"), start=bourse.next_hour(30), milli=1000)
    return str(bourse.fill(ask, wanted).reasons[0][0])


class TestRevoke:
    def test_revoke__sold_hours__stay_and_no_more_are_sold(self, bourse: Bourse) -> None:
        start = bourse.next_hour(2)
        held = (bourse.lease(start=start, milli=2000), "buyer")
        position = bourse.state(held)[1]
        before = capacity(bourse)
        tx = bourse.revoke(revocation(bourse))
        assert capacity(bourse)[:3] == (*before[:2], 0)
        assert is_revoked(bourse)
        event = dict(tx.events["DeviceRevoked"])
        assert (event["provider"], event["evidence"]) == (
            bourse.address("provider"),
            "0x" + EVIDENCE.hex(),
        )
        assert bourse.registry.soldLanes(bourse.address("provider"), H100, start // HOUR) == 2
        assert bourse.state(held)[1] == position
        assert fill_now(bourse) == reason("AttestationExpired")

    def test_revoke__before_the_start__holder_takes_all_back(self, bourse: Bourse) -> None:
        before = bourse.balance("buyer")
        held = (bourse.lease(start=bourse.next_hour(5), milli=1000), "buyer")
        assert bourse.close(held, by="buyer").reasons == (reason("CloseTooEarly"),)
        bourse.revoke(revocation(bourse))
        assert bourse.close(held, by="buyer").reasons == (OK,)
        assert bourse.balance("buyer") == before
        assert bourse.market.totalHeld() == accounted(bourse)

    def test_revoke__attested_later__sells_again(self, bourse: Bourse) -> None:
        old = bourse.attestation("GPU-0", expiry=int(bourse.registry.deviceOf(GPU_0)[1]))
        bourse.revoke(revocation(bourse))
        with reverts("StaleAttestation", old.expiry, old.expiry):
            bourse.attest(old)
        bourse.attest(replace(old, expiry=old.expiry + 1))
        assert not is_revoked(bourse)
        assert fill_now(bourse) == OK

    def test_revoke__removed_by_a_stranger__rest_sells_again(self, bourse: Bourse) -> None:
        bourse.revoke(revocation(bourse))
        bourse.registry.removeDevice(GPU_0, bourse.sends("stranger"))
        assert capacity(bourse)[0] == 3
        assert not is_revoked(bourse)
        assert fill_now(bourse) == OK

    def test_revoke__sold_hours_need_it__not_removed(self, bourse: Bourse) -> None:
        bourse.lease(start=bourse.next_hour(2), milli=4000)
        bourse.revoke(revocation(bourse))
        with reverts("HoursSold", 3, 4):
            bourse.registry.removeDevice(GPU_0, bourse.sends("stranger"))


class TestRevokeRefused:
    def test_revoke__lists_differ__refused(self, bourse: Bourse) -> None:
        with reverts("LengthMismatch", 1, 0):
            bourse.registry.revoke([as_tuple(revocation(bourse))], [], bourse.sends("stranger"))

    def test_revoke__signatures__refused(self, bourse: Bourse) -> None:
        given = revocation(bourse)
        refused(bourse, given, "TooFewAuditors", 1, 2, by=("auditor1",))
        auditor = bourse.address("auditor1")
        refused(bourse, given, "AuditorRepeated", auditor, by=("auditor1", "auditor1"))
        provider = bourse.address("provider")
        refused(bourse, given, "NotAuditor", provider, by=("auditor1", "provider"))

    def test_revoke__auditor_without_a_bond__refused(self, bourse: Bourse) -> None:
        timelock = bourse.timelock.address
        accounts.at(timelock, force=True)
        accounts[0].transfer(timelock, 10**18)
        bourse.parameters.setRoleBond(10 * USD, {"from": timelock})
        values = (bourse.address("auditor1"), 0, 10 * USD)
        refused(bourse, revocation(bourse), "RoleBondTooLow", *values)

    def test_revoke__signed_for_another_contract__refused(self, bourse: Bourse) -> None:
        given = revocation(bourse)
        for domain in (bourse.market_domain, Domain(chain.id + 1, bourse.registry.address)):
            signatures = [[bourse.keys[n].sign(given, domain) for n in ("auditor1", "auditor2")]]
            with pytest.raises(Exception, match="NotAuditor"):
                bourse.registry.revoke([as_tuple(given)], signatures, bourse.sends("stranger"))

    def test_revoke__unknown_device__refused(self, bourse: Bourse) -> None:
        unknown = device_hash("GPU-NONE")
        refused(bourse, revocation(bourse, unknown), "DeviceUnknown", unknown)

    def test_revoke__no_evidence__refused(self, bourse: Bourse) -> None:
        refused(bourse, revocation(bourse, evidence=bytes(32)), "NoEvidence")

    def test_revoke__another_attestation__refused(self, bourse: Bourse) -> None:
        """What was signed against an older attestation does not end a newer one."""
        old = revocation(bourse)
        bourse.attest(bourse.attestation("GPU-0", expiry=old.expiry + 5))
        refused(bourse, old, "NotRevocable", GPU_0, old.expiry, old.expiry + 5)

    def test_revoke__twice__refused(self, bourse: Bourse) -> None:
        given = revocation(bourse)
        bourse.revoke(given)
        refused(bourse, given, "NotRevocable", GPU_0, given.expiry, given.expiry)


class TestShares:
    """Bond for the four devices that there are, and no unit more."""

    @pytest.fixture
    def bare(self, bourse: Bourse) -> Bourse:
        bourse.registry.requestUnbonding(50 * USD - 4 * PER_DEVICE, bourse.sends("provider"))
        return bourse

    def test_attest__hours_sold_and_bond_too_low__refused(self, bare: Bourse) -> None:
        bare.lease(start=bare.next_hour(2), milli=1000)
        share = bare.registry.leaseBond(bare.address("provider"), 1000)
        for new in (bare.attestation("GPU-N"), bare.attestation("GPU-N", device_class=A100)):
            with reverts("BondTooLow", 4 * PER_DEVICE, 5 * PER_DEVICE):
                bare.attest(new)
        assert bare.registry.leaseBond(bare.address("provider"), 1000) == share

    def test_attest__bond_for_all__taken(self, bare: Bourse) -> None:
        bare.lease(start=bare.next_hour(2), milli=1000)
        bare.market.bond(PER_DEVICE, bare.sends("provider"))
        bare.attest(bare.attestation("GPU-N"))
        assert capacity(bare)[0] == 5

    def test_attest__known_device__renewed_whatever_the_bond(self, bare: Bourse) -> None:
        bare.lease(start=bare.next_hour(2), milli=1000)
        bare.registry.requestUnbonding(1, bare.sends("provider"))
        expiry = int(bare.registry.deviceOf(GPU_0)[1]) + 1
        bare.attest(bare.attestation("GPU-0", expiry=expiry))
        assert bare.registry.deviceOf(GPU_0)[1] == expiry

    def test_attest__nothing_sold__taken(self, bare: Bourse) -> None:
        bare.attest(bare.attestation("GPU-N"))
        assert capacity(bare)[0] == 5

    def test_attest__last_claim_over__taken(self, bare: Bourse) -> None:
        start = bare.next_hour(2)
        bare.lease(start=start, duration=HOUR, milli=1000)
        last = start + HOUR + UNBONDING
        chain.mine(timestamp=last - 10)
        with reverts("BondTooLow", 4 * PER_DEVICE, 5 * PER_DEVICE):
            bare.attest(bare.attestation("GPU-N"))
        chain.mine(timestamp=last)
        bare.attest(bare.attestation("GPU-N"))
        assert capacity(bare)[0] == 5
