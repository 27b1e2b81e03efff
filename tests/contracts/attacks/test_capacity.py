"""Hours sold twice, devices counted twice, lanes that change their size under a lease."""

from __future__ import annotations

from dataclasses import replace

from arbiters import Court, at
from attacks.loot import THIEF, money, refusal, unharmed
from bourse import A100, H100, HOUR, OK, PRICE, SLICE, Fill, terms
from brownie import chain
from counting import lanes
from words import reason

from contracts.bindings.tuples import as_tuple
from contracts.protocol.hashing import keccak
from contracts.protocol.typed_data import Attestation

PLAIN = 1
DAY = 24 * HOUR


def enrol(court: Court, attestation: Attestation) -> str:
    """The error with which an attestation that two auditors signed is refused."""
    of = court.bourse
    keys = (of.keys["auditor1"], of.keys["auditor2"])
    signatures = [key.sign(attestation, of.registry_domain) for key in keys]
    return refusal(court, THIEF, of.registry, "attest", [as_tuple(attestation)], [signatures])


class TestLanes:
    def test_fill__four_devices_five_times__fifth_is_refused_in_any_order(
        self, court: Court
    ) -> None:
        """Overlapping by a second is enough; the next hour is free."""
        of, start = court.bourse, court.bourse.next_hour()
        ask = of.ask(terms=PLAIN)
        taken = Fill(of.bid(THIEF, milli=4000), 4000, start, 36)
        assert of.fill(ask, taken).reasons == ((OK,),)
        over = [
            Fill(of.bid(), start=start + HOUR - 36, duration=36),
            Fill(of.bid(), start=start - HOUR + 36, duration=HOUR),
            Fill(of.bid(), start=start - HOUR, duration=3 * HOUR),
        ]
        with unharmed(court):
            outcome = of.fill(ask, *over)
            assert outcome.reasons == ((reason("OverCapacity"),) * 3,)
        assert lanes(of, start - HOUR, 3) == [0, 4, 0]

    def test_provider__empties_the_calendar_and_cuts_its_lanes__old_leases_free_nothing_new(
        self, court: Court
    ) -> None:
        """Interrupt every lease before its start, take out all devices, come back in eighths: the
        leases that close afterwards must not free lanes of the new size."""
        of = court.bourse
        start = of.next_hour(4)
        lease = court.lease("buyer", start=start, duration=2 * HOUR)
        court.interrupt(lease)
        assert lanes(of, start, 2) == [0, 0]
        for number in range(4):
            device = of.attestation(f"GPU-{number}").device
            of.registry.removeDevice(device, of.sends("provider"))
        for number in range(4):
            eighths = of.attestation(f"GPU-{number}", lane_milli=125)
            of.attest(replace(eighths, expiry=eighths.expiry + DAY))
        of.registry.registerTerms(terms(step=125, isolation=2), of.sends("provider"))
        new = of.ask(terms=int(of.registry.termsCount()))
        assert of.fill(new, Fill(of.bid("other"), 125, start, 2 * HOUR)).reasons == ((OK,),)
        assert lanes(of, start, 2) == [1, 1]
        at(start + 30)
        court.redeem(lease, 0, is_final=True)
        at(start + 61)
        assert money(court, lambda: court.close(lease), lease) == {
            "buyer": 2 * PRICE,
            "escrow": -2 * PRICE,
        }
        assert lanes(of, start, 2) == [1, 1]

    def test_provider__cuts_its_lanes_in_the_hour_of_an_interrupted_lease__not_before_it_is_over(
        self, court: Court
    ) -> None:
        """A lease cut to nothing in the middle of an hour still holds that hour's lane."""
        of = court.bourse
        start = of.next_hour(4) + 600
        lease = court.lease("buyer", start=start)
        court.interrupt(lease)
        assert lanes(of, start, 2) == [1, 0]
        for number in range(3):
            of.registry.removeDevice(of.attestation(f"GPU-{number}").device, of.sends("provider"))
        last = of.attestation("GPU-3").device
        with unharmed(court):
            assert refusal(court, "provider", of.registry, "removeDevice", last) == "HoursSold"
        at(start + 30)
        court.redeem(lease, 0, is_final=True)
        at(start + 61)
        court.close(lease)
        assert lanes(of, start, 2) == [0, 0]

    def test_attest__lanes_of_another_size__refused_while_devices_stay(self, court: Court) -> None:
        with unharmed(court):
            assert enrol(court, court.bourse.attestation("GPU-9", lane_milli=125)) == "LaneMismatch"


class TestDevices:
    def test_device__under_two_wallets__second_is_refused(self, court: Court) -> None:
        of = court.bourse
        of.registry.register(of.address("delegate"), of.sends(THIEF))
        later = of.attestation("GPU-0", owner=THIEF)
        with unharmed(court):
            assert enrol(court, replace(later, expiry=later.expiry + DAY)) == "DeviceTaken"
        assert of.registry.capacityOf(of.address(THIEF), H100)[0] == 0

    def test_device__as_slices_of_another_wallet__refused_both_ways(self, court: Court) -> None:
        of = court.bourse
        of.registry.register(of.address("delegate"), of.sends(THIEF))
        card = of.attestation("GPU-0")
        later = card.expiry + DAY
        cut = of.attestation(
            "MIG-0", owner=THIEF, parent=card.device, device_class=SLICE, expiry=later
        )
        of.attest(of.attestation("MIG-9", parent=keccak(b"card"), device_class=SLICE))
        whole = of.attestation("GPU-9", owner=THIEF, device_class=A100, expiry=later)
        with unharmed(court):
            assert enrol(court, cut) == "ParentEnrolled"
            assert enrol(court, replace(whole, device=keccak(b"card"))) == "SlicesEnrolled"

    def test_class__of_an_inner_node__is_attested_by_nobody(self, court: Court) -> None:
        """Terms may name any 32 bytes: those of a node in the buyer's tree of classes prove well,
        but no device is of that class."""
        of = court.bourse
        node = keccak(b"".join(sorted((H100, A100))))
        root = keccak(b"".join(sorted((node, SLICE))))
        of.registry.registerTerms(terms(device_class=node), of.sends("provider"))
        ask = of.ask(terms=int(of.registry.termsCount()))
        wanted = Fill(of.bid(device_classes=root), proof=(SLICE,))
        with unharmed(court):
            assert of.fill(ask, wanted).reasons == ((reason("NotAttested"),),)


class TestExpiry:
    def test_attestation__at_its_last_second__sells_and_then_does_not(self, court: Court) -> None:
        """The race for the last second is the chain's to decide; what was sold before stays."""
        of = court.bourse
        expiry = chain.time() + 1_000
        of.attest(of.attestation("GPU-9", expiry=expiry))
        start = of.next_hour()
        ask = of.ask(terms=PLAIN)
        chain.mine(timestamp=expiry - 200)
        assert of.fill(of.ask(terms=PLAIN), Fill(of.bid(), start=start)).reasons == ((OK,),)
        chain.mine(timestamp=expiry)
        with unharmed(court):
            wanted = Fill(of.bid(THIEF), start=start)
            outcome = of.fill(of.ask(terms=PLAIN), wanted)
            assert outcome.reasons == ((reason("AttestationExpired"),),)
        assert lanes(of, start, 1) == [1]
        assert ask.terms == PLAIN

    def test_stranger__takes_out_an_expired_device__not_one_that_sold_hours_need(
        self, court: Court
    ) -> None:
        of = court.bourse
        device = of.attestation("GPU-9", expiry=chain.time() + 100)
        of.attest(device)
        lease = court.lease("buyer", milli=4000, start=of.next_hour(4))
        first = of.fill(of.ask(terms=PLAIN), Fill(of.bid("other"), start=lease.start))
        assert first.reasons == ((OK,),)
        chain.mine(timestamp=device.expiry)
        with unharmed(court):
            assert refusal(court, THIEF, of.registry, "removeDevice", device.device) == "HoursSold"
        assert lanes(of, lease.start, 1) == [5]
