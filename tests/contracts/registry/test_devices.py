"""Devices come by k of n auditors and leave after their sold hours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bourse import A100, H100, HOUR, SLICE, Bourse, deploy
from brownie import chain
from words import reverts

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import Attestation

DAY = 24 * HOUR
CARD = device_hash("GPU-CARD")


def capacity(
    bourse: Bourse, device_class: bytes = H100, owner: str = "provider"
) -> tuple[Any, ...]:
    return tuple(bourse.registry.capacityOf(bourse.address(owner), device_class))


def refused(bourse: Bourse, attestation: Attestation, error: str, *values: Any, **how: Any) -> None:
    """Refused alone, and a good one in the same batch with it."""
    before = (capacity(bourse), tuple(bourse.registry.deviceOf(attestation.device)))
    good = bourse.attestation("GPU-GOOD")
    with reverts(error, *values):
        bourse.attest(good, attestation, **how)
    assert before == (capacity(bourse), tuple(bourse.registry.deviceOf(attestation.device)))
    assert bourse.registry.deviceOf(good.device)[0] == "0x" + "00" * 20


class TestEnrolled:
    def test_attest__new_device__adds_lanes_bond_and_record(self, bourse: Bourse) -> None:
        new = bourse.attestation("GPU-NEW", expiry=chain.time() + DAY)
        tx = bourse.attest(new)
        provider = bourse.address("provider")
        assert capacity(bourse) == (5, 1000, new.expiry, 0, 1000)
        assert bourse.registry.bondOf(provider)[3] == 5 * 1000 * 1000
        assert len(bourse.registry.devicesOf(provider, H100)) == 5
        device = bourse.registry.deviceOf(new.device)
        assert (device[0], device[1], device[2], device[4]) == (provider, new.expiry, 0, True)
        event = tx.events["DeviceAttested"]
        assert (event["provider"], event["laneMilli"], event["expiry"], event["simulated"]) == (
            provider,
            1000,
            new.expiry,
            True,
        )
        assert dict(tx.events["CapacityChanged"])["lanes"] == 5

    def test_attest__shared_device__many_lanes(self, bourse: Bourse) -> None:
        bourse.attest(bourse.attestation("GPU-S", device_class=A100, lane_milli=125))
        assert capacity(bourse, A100)[:2] == (8, 125)
        assert [bytes(c) for c in bourse.registry.classesOf(bourse.address("provider"))] == [
            H100,
            A100,
        ]

    def test_attest__known_device__renews_class_with_earliest(self, bourse: Bourse) -> None:
        first = int(capacity(bourse)[2])
        devices = [bourse.attestation(f"GPU-{i}", expiry=first + 100 + i) for i in range(4)]
        bourse.attest(*devices[:3])
        assert capacity(bourse)[2] == first
        bourse.attest(devices[3])
        assert capacity(bourse)[:3] == (4, 1000, first + 100)

    def test_attest__all_three_auditors__taken(self, bourse: Bourse) -> None:
        bourse.attest(bourse.attestation("GPU-N"), by=("auditor3", "auditor1", "auditor2"))
        assert capacity(bourse)[0] == 5


class TestRefused:
    def test_attest__lists_differ__refused(self, bourse: Bourse) -> None:
        with reverts("LengthMismatch", 1, 0):
            bourse.registry.attest([as_tuple(bourse.attestation())], [], bourse.sends("stranger"))

    def test_attest__owner_not_registered__refused(self, bourse: Bourse) -> None:
        attestation = bourse.attestation("GPU-R", owner="rival")
        refused(bourse, attestation, "NotRegistered", bourse.address("rival"))

    def test_attest__simulated_on_strict_market__refused(self, isolated: None) -> None:
        strict = deploy(allow_simulated=False)
        strict.registry.register(strict.address("agent"), strict.sends("provider"))
        simulated = strict.attestation()
        with reverts("SimulatedRefused", simulated.device):
            strict.attest(simulated)
        strict.attest(replace(simulated, simulated=False))
        assert capacity(strict)[0] == 1

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"device_class": bytes(32)}, "BadClass"),
            ({"device": bytes(32)}, "BadDevice"),
            ({"device": CARD, "parent": CARD}, "BadDevice"),
            ({"lane_milli": 0}, "BadLane"),
            ({"lane_milli": 300}, "BadLane"),
            ({"lane_milli": 2000}, "BadLane"),
            ({"expiry": 1}, "StaleAttestation"),
            ({"evidence": bytes(32)}, "NoEvidence"),
            ({"lane_milli": 500}, "LaneMismatch"),
        ],
    )
    def test_attest__bad_field__refused(
        self, bourse: Bourse, changes: dict[str, Any], error: str
    ) -> None:
        attestation = replace(bourse.attestation("GPU-X"), **changes)
        values = {
            "BadClass": (bytes(32),),
            "BadDevice": (attestation.device, attestation.parent),
            "BadLane": (attestation.lane_milli, 1000),
            "LaneMismatch": (500, 1000),
            "NoEvidence": (),
        }
        if error == "StaleAttestation":
            with pytest.raises(Exception, match="StaleAttestation: 1, "):
                bourse.attest(attestation)
        else:
            refused(bourse, attestation, error, *values[error])

    def test_attest__valid_too_long__refused(self, bourse: Bourse) -> None:
        longest = int(bourse.registry.MAX_VALIDITY())
        assert longest == 400 * DAY
        with pytest.raises(Exception, match="AttestationTooLong"):
            bourse.attest(bourse.attestation("GPU-N", expiry=chain.time() + longest + 60))
        bourse.attest(bourse.attestation("GPU-N", expiry=chain.time() + longest - 60))

    def test_attest__signatures__refused(self, bourse: Bourse) -> None:
        new = bourse.attestation("GPU-N")
        refused(bourse, new, "TooFewAuditors", 1, 2, by=("auditor1",))
        refused(bourse, new, "TooFewAuditors", 0, 2, by=())
        auditor = bourse.address("auditor1")
        refused(bourse, new, "AuditorRepeated", auditor, by=("auditor1", "auditor1"))
        stranger = bourse.address("stranger")
        refused(bourse, new, "NotAuditor", stranger, by=("auditor1", "stranger"))

    def test_attest__signed_for_market_or_other_chain__refused(self, bourse: Bourse) -> None:
        new = bourse.attestation("GPU-N")
        for domain in (bourse.market_domain, Domain(chain.id + 1, bourse.registry.address)):
            signatures = [[bourse.keys[n].sign(new, domain) for n in ("auditor1", "auditor2")]]
            with pytest.raises(Exception, match="NotAuditor"):
                bourse.registry.attest([as_tuple(new)], signatures, bourse.sends("stranger"))

    def test_attest__same_or_older_again__refused(self, bourse: Bourse) -> None:
        expiry = int(bourse.registry.deviceOf(device_hash("GPU-0"))[1])
        for again in (expiry, expiry - 1):
            refused(bourse, bourse.attestation(expiry=again), "StaleAttestation", again, expiry)

    def test_attest__another_owner_class_or_parent__taken(self, bourse: Bourse) -> None:
        bourse.registry.register(bourse.address("delegate"), bourse.sends("rival"))
        later = chain.time() + 300 * DAY
        taken = ("DeviceTaken", device_hash("GPU-0"), bourse.address("provider"))
        refused(bourse, bourse.attestation(owner="rival", expiry=later), *taken)
        refused(bourse, bourse.attestation(device_class=A100, expiry=later), *taken)
        refused(bourse, bourse.attestation(parent=CARD, expiry=later), *taken)

    def test_attest__lane_limit__refused(self, bourse: Bourse) -> None:
        bourse.attest(bourse.attestation("GPU-S0", device_class=A100, lane_milli=2))
        more = bourse.attestation("GPU-S1", device_class=A100, lane_milli=2)
        refused(bourse, more, "TooManyLanes", 1000, 511)

    def test_attest__too_many_lanes_at_once__refused(self, bourse: Bourse) -> None:
        refused(
            bourse,
            bourse.attestation("GPU-S", device_class=A100, lane_milli=1),
            "TooManyLanes",
            1000,
            511,
        )


class TestSlices:
    def slices(self, bourse: Bourse, expiry: int, count: int = 2) -> list[Attestation]:
        return [
            bourse.attestation(f"MIG-{i}", parent=CARD, device_class=SLICE, expiry=expiry)
            for i in range(count)
        ]

    def card(self, bourse: Bourse, expiry: int) -> Attestation:
        return bourse.attestation("GPU-CARD", device_class=A100, expiry=expiry)

    def test_slices__of_enrolled_card__refused(self, bourse: Bourse) -> None:
        later = chain.time() + DAY
        bourse.attest(self.card(bourse, later))
        slice_ = self.slices(bourse, later + 1)[0]
        names = (slice_.device, CARD)
        refused(bourse, slice_, "ParentEnrolled", *names)

    def test_card__with_enrolled_slices__refused(self, bourse: Bourse) -> None:
        later = chain.time() + DAY
        bourse.attest(*self.slices(bourse, later))
        assert capacity(bourse, SLICE)[0] == 2
        refused(bourse, self.card(bourse, later + 1), "SlicesEnrolled", CARD, 2)

    def test_card__cut_and_whole_again__older_attestations_stay_dead(self, bourse: Bourse) -> None:
        now, provider = chain.time(), bourse.sends("provider")
        whole, cut = self.card(bourse, now + DAY), self.slices(bourse, now + 2 * DAY)
        bourse.attest(whole)
        bourse.registry.removeDevice(CARD, provider)
        refused(bourse, self.slices(bourse, now + DAY)[0], "StaleAttestation", now + DAY, now + DAY)
        bourse.attest(*cut)
        for slice_ in cut:
            bourse.registry.removeDevice(slice_.device, provider)
        refused(bourse, whole, "StaleAttestation", now + DAY, now + 2 * DAY)
        refused(bourse, cut[0], "StaleAttestation", now + 2 * DAY, now + 2 * DAY)
        bourse.attest(self.card(bourse, now + 3 * DAY))
        assert capacity(bourse, A100)[0] == 1


class TestRemove:
    def test_remove__free_device__by_owner(self, bourse: Bourse) -> None:
        device, provider = device_hash("GPU-1"), bourse.address("provider")
        tx = bourse.registry.removeDevice(device, bourse.sends("provider"))
        assert capacity(bourse)[:2] == (3, 1000)
        assert bourse.registry.bondOf(provider)[3] == 3 * 1000 * 1000
        assert "DeviceRemoved" in tx.events
        left = [bytes(d) for d in bourse.registry.devicesOf(provider, H100)]
        assert left == [device_hash(f"GPU-{i}") for i in (0, 3, 2)]
        assert [bourse.registry.deviceOf(d)[3] for d in left] == [0, 1, 2]
        with reverts("DeviceUnknown", device):
            bourse.registry.removeDevice(device, bourse.sends("provider"))

    def test_remove__all__lane_may_change(self, bourse: Bourse) -> None:
        for i in range(4):
            bourse.registry.removeDevice(device_hash(f"GPU-{i}"), bourse.sends("provider"))
        assert capacity(bourse)[0] == 0
        later = chain.time() + 300 * DAY
        bourse.attest(bourse.attestation("GPU-0", lane_milli=250, expiry=later))
        assert capacity(bourse)[:3] == (4, 250, later)
        assert len(bourse.registry.classesOf(bourse.address("provider"))) == 1

    def test_remove__sold_hours_need_it__refused_until_past(self, bourse: Bourse) -> None:
        start = bourse.next_hour(2)
        bourse.lease(start=start, milli=3000)
        owner = bourse.sends("provider")
        bourse.registry.removeDevice(device_hash("GPU-0"), owner)
        with reverts("HoursSold", 2, 3):
            bourse.registry.removeDevice(device_hash("GPU-1"), owner)
        chain.mine(timestamp=start + HOUR - 5)
        with reverts("HoursSold", 2, 3):
            bourse.registry.removeDevice(device_hash("GPU-1"), owner)
        chain.mine(timestamp=start + HOUR)
        bourse.registry.removeDevice(device_hash("GPU-1"), owner)

    def test_remove__all_in_the_hour_of_an_unclosed_lease__refused_until_it_is_over(
        self, bourse: Bourse
    ) -> None:
        """Otherwise lanes of another size would be given back, and hours be sold twice."""
        start = bourse.next_hour(2)
        bourse.lease(start=start, duration=1800, milli=1000)
        owner = bourse.sends("provider")
        for i in range(3):
            bourse.registry.removeDevice(device_hash(f"GPU-{i}"), owner)
        chain.mine(timestamp=start + 1800 + 60)
        with reverts("HoursSold", 0, 1):
            bourse.registry.removeDevice(device_hash("GPU-3"), owner)
        chain.mine(timestamp=start + HOUR)
        bourse.registry.removeDevice(device_hash("GPU-3"), owner)

    def test_remove__by_stranger__after_expiry_only(self, bourse: Bourse) -> None:
        device = device_hash("GPU-0")
        expiry = bourse.registry.deviceOf(device)[1]
        with reverts("NotRemovable", device, expiry):
            bourse.registry.removeDevice(device, bourse.sends("stranger"))
        chain.mine(timestamp=expiry)
        bourse.registry.removeDevice(device, bourse.sends("stranger"))
        assert capacity(bourse)[0] == 3
