"""`proveReceipts` and `proveOverlap`: an agent that says two things."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from arbiters import (
    DISPUTE_FEE,
    FAULT,
    FINAL,
    FRAUD,
    PROVEN,
    SHARE,
    Court,
    Lease,
    at,
    bond_of,
    paid,
)
from bourse import A100, HOUR, PRICE, REDEEM_GRACE, START_GRACE, USD, terms
from brownie import chain

from contracts.protocol.hashing import keccak
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import Receipt


def prove(court: Court, first: Receipt, second: Receipt, by: Any = ("agent", "agent")) -> Any:
    signed = court.signed_receipts(first, second, by)
    return court.call.proveReceipts(*signed, court.bourse.sends("stranger"))


def prove_overlap(
    court: Court, first: Receipt, second: Receipt, by: Any = ("agent", "agent")
) -> Any:
    signed = court.signed_receipts(first, second, by)
    return court.call.proveOverlap(*signed, court.bourse.sends("stranger"))


def contradiction(court: Court, lease: Lease) -> tuple[Receipt, Receipt]:
    receipt = court.receipt(lease)
    return receipt, replace(receipt, used_gpu_ms=59_999)


def following(receipt: Receipt, **changes: Any) -> Receipt:
    """An honest receipt after this one."""
    plain = replace(
        receipt,
        sequence=receipt.sequence + 3,
        interval_start=receipt.interval_end,
        interval_end=receipt.interval_end + 60,
        used_gpu_ms=receipt.used_gpu_ms + 60_000,
    )
    return replace(plain, **changes)


FULL = {"missed_intervals": 2, "tokens": 50, "energy_millijoules": 900, "energy_measured": True}
"""What the earlier receipt of a contradiction says beside its usage."""


class TestReceipts:
    @pytest.mark.parametrize(
        "changes",
        [
            {"used_gpu_ms": 59_999},
            {"missed_intervals": 1},
            {"tokens": 49},
            {"energy_millijoules": 899},
            {"interval_start": -1},
        ],
        ids=lambda x: next(iter(x)),
    )
    @pytest.mark.parametrize("swapped", [False, True])
    def test_prove_receipts__later_counts_less__slashed(
        self, court: Court, changes: dict[str, int], swapped: bool
    ) -> None:
        lease = court.running()
        first = replace(court.receipt(lease), **FULL)
        if "interval_start" in changes:
            changes = {"interval_start": first.interval_end - 1}
        second = following(first, **changes)
        pair = (second, first) if swapped else (first, second)
        moved = court.moved(lambda: prove(court, *pair))
        assert moved == {"bond of provider": -PRICE, "burned": PRICE}

    def test_prove_receipts__same_sequence__victim_first(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, 100_001, missed_intervals=2)
        moved = court.moved(lambda: prove(court, *contradiction(court, lease)))
        assert moved == {
            "bond of provider": -PRICE,
            "buyer": paid(100_001),
            "burned": PRICE - paid(100_001),
        }
        assert court.flags(lease) == FINAL | FAULT
        assert court.missed(lease) == 0
        assert tuple(court.case(lease))[:4] == (0, 0, False, True)
        at(lease.start + START_GRACE + 1)
        assert court.moved(lambda: court.close(lease)) == {"buyer": PRICE - paid(100_001)}

    def test_prove_receipts__event__names_both(self, court: Court) -> None:
        lease = court.running()
        first, second = contradiction(court, lease)
        tx = prove(court, first, second)
        both = bytes.fromhex(court.bourse.digest(first)[2:] + court.bourse.digest(second)[2:])
        evidence = "0x" + keccak(both).hex()
        assert dict(tx.events["EquivocationProven"]) == {
            "series": lease.series,
            "holder": court.bourse.address("buyer"),
            "provider": court.bourse.address("provider"),
            "evidence": evidence,
            "prover": court.bourse.address("stranger"),
        }
        assert str(tx.events["Slashed"]["evidence"]) == evidence
        assert "CaseEnded" not in tx.events

    def test_prove_receipts__dearer_than_share__share_is_the_most(self, court: Court) -> None:
        lease = court.running(price=20 * USD)
        moved = court.moved(lambda: prove(court, *contradiction(court, lease)))
        assert moved == {"bond of provider": -SHARE, "burned": SHARE}

    def test_prove_receipts__usage_case_open__ended_without_payment(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 200_000)
        court.challenge(lease)
        pair = contradiction(court, lease)
        ends = []
        moved = court.moved(lambda: ends.append(prove(court, *pair).events["CaseEnded"]))
        assert moved == {
            "bond of provider": -PRICE,
            "burned": PRICE,
            "buyer": DISPUTE_FEE,
            "court": -DISPUTE_FEE,
        }
        assert ends[0]["outcome"] == PROVEN
        court.refused(lease, lambda: court.decide(lease, FRAUD), "NoCase")

    def test_prove_receipts__after_fault_verdict__slash_replaces_credit(self, court: Court) -> None:
        lease = court.running()
        court.no_show(lease)
        chain.sleep(24 * HOUR)
        court.resolve(lease)
        assert court.missed(lease) == 60
        prove(court, *contradiction(court, lease))
        assert court.missed(lease) == 0

    def test_prove_receipts__final__still_slashed(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, 1_000, is_final=True)
        moved = court.moved(lambda: prove(court, *contradiction(court, lease)))
        assert moved["bond of provider"] == -PRICE

    def test_prove_receipts__replaced_agent__counts_up_to_its_time(self, court: Court) -> None:
        lease = court.running()
        court.bourse.registry.setAgent(
            court.bourse.address("rival"), court.bourse.sends("provider")
        )
        chain.sleep(10 * REDEEM_GRACE)
        court.refused(
            lease,
            lambda: prove(court, *contradiction(court, lease), by=("rival", "buyer")),
            "BadSignature",
        )
        moved = court.moved(
            lambda: prove(court, *contradiction(court, lease), by=("rival", "agent"))
        )
        assert moved["bond of provider"] == -PRICE


class TestReceiptsRefused:
    def test_prove_receipts__two_leases__refused(self, court: Court) -> None:
        lease, other = court.lease(), court.running("other")
        pair = court.receipt(lease), court.receipt(other)
        court.refused(lease, lambda: prove(court, *pair), "OtherLease")
        foreign = replace(pair[0], holder=court.bourse.address("other"), used_gpu_ms=1)
        court.refused(lease, lambda: prove(court, pair[0], foreign), "OtherLease")

    @pytest.mark.parametrize("name", ["provider", "buyer", "stranger"])
    def test_prove_receipts__foreign_signature__refused(self, court: Court, name: str) -> None:
        lease = court.running()
        pair = contradiction(court, lease)
        values = (court.bourse.address("provider"), court.bourse.address(name))
        for by in ((name, "agent"), ("agent", name)):
            court.refused(lease, lambda by=by: prove(court, *pair, by=by), "BadSignature", *values)

    def test_prove_receipts__key_leaked_after_replacement__binds_nobody(self, court: Court) -> None:
        old = court.lease(duration=100 * HOUR, price=PRICE // 100)
        court.bourse.registry.setAgent(
            court.bourse.address("rival"), court.bourse.sends("provider")
        )
        chain.sleep(REDEEM_GRACE + 100)
        lease = court.running("other")
        pair = contradiction(court, lease)
        backdated = tuple(replace(x, interval_start=1, interval_end=2) for x in pair)
        for receipts in (pair, backdated):
            court.refused(lease, lambda x=receipts: prove(court, *x), "BadSignature")
        now = chain.time()
        late = tuple(
            replace(x, interval_start=now - 60, interval_end=now) for x in contradiction(court, old)
        )
        court.refused(old, lambda: prove(court, *late), "BadSignature")
        prove(court, *contradiction(court, old))

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"energy_millijoules": 0, "energy_measured": False},
            {"used_gpu_ms": 60_000},
            {"devices": (), "simulated": False, "is_final": True},
        ],
    )
    def test_prove_receipts__both_can_be_true__refused(
        self, court: Court, changes: dict[str, Any]
    ) -> None:
        lease = court.running()
        first = replace(court.receipt(lease), **FULL)
        second = following(first, **changes)
        court.refused(lease, lambda: prove(court, first, second), "NoContradiction")
        court.refused(lease, lambda: prove(court, second, first), "NoContradiction")
        court.refused(lease, lambda: prove(court, first, first), "NoContradiction")

    def test_prove_receipts__closed__refused(self, court: Court) -> None:
        lease = court.running()
        at(lease.end + REDEEM_GRACE + 1)
        court.close(lease)
        pair = contradiction(court, lease)
        court.refused(lease, lambda: prove(court, *pair), "NoPosition", *court.key(lease))

    def test_prove_receipts__not_started__refused(self, court: Court) -> None:
        lease = court.lease(start=chain.time() + HOUR)
        pair = contradiction(court, lease)
        court.refused(lease, lambda: prove(court, *pair), "NotStarted")

    def test_prove_receipts__slashed_before__refused(self, court: Court) -> None:
        lease, other = court.lease(), court.running("other")
        pair = contradiction(court, lease)
        prove(court, *pair)
        court.refused(lease, lambda: prove(court, *pair), "AlreadySlashed", *court.key(lease))
        court.claim(other, 5)
        court.challenge(other)
        court.decide(other, FRAUD)
        pair = contradiction(court, other)
        court.refused(other, lambda: prove(court, *pair), "AlreadySlashed", *court.key(other))


class TestOverlap:
    def test_prove_overlap__one_device_twice__both_slashed(self, court: Court) -> None:
        lease, other = court.lease(), court.running("other", price=2 * PRICE)
        court.redeem(lease, 100_001)
        first = court.receipt(lease, devices=(device_hash("GPU-1"), device_hash("GPU-0")))
        second = court.receipt(other)
        moved = court.moved(lambda: prove_overlap(court, first, second))
        assert moved == {
            "bond of provider": -3 * PRICE,
            "buyer": paid(100_001),
            "burned": 3 * PRICE - paid(100_001),
        }
        for each in (lease, other):
            assert court.flags(each) == FINAL | FAULT
        court.refused(lease, lambda: prove_overlap(court, first, second), "NothingToSlash")

    def test_prove_overlap__open_case_of_one__ended(self, court: Court) -> None:
        lease, other = court.lease(), court.running("other")
        court.no_show(lease)
        moved = court.moved(
            lambda: prove_overlap(court, court.receipt(lease), court.receipt(other))
        )
        assert moved["buyer"] == bond_of(PRICE)
        assert court.case(lease)[1] == 0

    def test_prove_overlap__one_closed__the_other_slashed(self, court: Court) -> None:
        lease, other = court.lease(), court.running("other")
        court.redeem(lease, 5, is_final=True)
        court.close(lease)
        pair = court.receipt(lease), court.receipt(other)
        moved = court.moved(lambda: prove_overlap(court, *pair))
        assert moved == {"bond of provider": -PRICE, "burned": PRICE}

    def test_prove_overlap__one_slashed__only_the_other(self, court: Court) -> None:
        lease, other = court.lease(), court.running("other")
        prove(court, *contradiction(court, lease))
        pair = court.receipt(lease), court.receipt(other)
        moved = court.moved(lambda: prove_overlap(court, *pair))
        assert moved == {"bond of provider": -PRICE, "burned": PRICE}

    @pytest.mark.parametrize(("milli", "devices", "proven"), [
        ((500, 500), (1, 1), False),
        ((500, 750), (1, 1), True),
        ((750, 500), (1, 1), True),
        ((500, 750), (1, 2), False),
        ((750, 500), (2, 1), False),
    ])  # fmt: skip
    def test_prove_overlap__shared_device__more_than_all_of_it(
        self,
        court: Court,
        milli: tuple[int, int],
        devices: tuple[int, int],
        proven: bool,
    ) -> None:
        """Two devices are attested, because the calendar sells no more; the agent uses one."""
        second_device = court.bourse.attestation("A100-1", device_class=A100, lane_milli=250)
        court.bourse.attest(second_device)
        number = court.shared_terms
        lease = court.lease(milli=milli[0], terms=number)
        other = court.running("other", milli=milli[1], terms=number)
        names = (device_hash("A100-0"), device_hash("A100-1"))
        pair = [
            court.receipt(x, devices=names[:n])
            for x, n in zip((lease, other), devices, strict=True)
        ]
        if not proven:
            court.refused(lease, lambda: prove_overlap(court, *pair), "NoContradiction")
        else:
            moved = court.moved(lambda: prove_overlap(court, *pair))
            assert moved["bond of provider"] == -PRICE * sum(milli) // 1000

    def test_prove_overlap__shared_and_closed__least_step_counts(self, court: Court) -> None:
        second_device = court.bourse.attestation("A100-1", device_class=A100, lane_milli=250)
        court.bourse.attest(second_device)
        number = court.shared_terms
        lease = court.lease(milli=500, terms=number)
        other = court.running("other", milli=750, terms=number)
        whole = court.lease("buyer", milli=750, terms=number, start=other.start + HOUR + 60)
        court.redeem(lease, 5, is_final=True)
        court.close(lease)
        pair = court.receipt(lease), court.receipt(other)
        court.refused(other, lambda: prove_overlap(court, *pair), "NoContradiction")
        assert whole.start > other.end


class TestOverlapRefused:
    def test_prove_overlap__one_lease__refused(self, court: Court) -> None:
        lease = court.running()
        pair = contradiction(court, lease)
        court.refused(lease, lambda: prove_overlap(court, *pair), "OtherLease")

    def test_prove_overlap__two_providers__refused(self, court: Court) -> None:
        lease = court.running()
        registry, rival = court.bourse.registry, court.bourse.sends("rival")
        registry.register(court.bourse.address("agent"), rival)
        registry.registerTerms(terms(), rival)
        number = int(registry.termsCount())
        series = (lease.series & ((1 << 120) - 1)) | (number << 120)
        foreign = replace(court.receipt(lease), series=series)
        values = (court.bourse.address("provider"), court.bourse.address("rival"))
        court.refused(
            lease,
            lambda: prove_overlap(court, court.receipt(lease), foreign),
            "DifferentProviders",
            *values,
        )

    @pytest.mark.parametrize("by", [("agent", "buyer"), ("buyer", "agent")])
    def test_prove_overlap__foreign_signature__refused(self, court: Court, by: Any) -> None:
        lease, other = court.lease(), court.running("other")
        pair = court.receipt(lease), court.receipt(other)
        court.refused(lease, lambda: prove_overlap(court, *pair, by=by), "BadSignature")

    def test_prove_overlap__other_device_or_time__refused(self, court: Court) -> None:
        lease, other = court.lease(), court.running("other")
        first, start = court.receipt(lease), lease.start
        times = [(start + 59, start + 119), (start + 60, start + 90), (start - 59, start + 1)]
        good = [court.receipt(other, interval_start=a, interval_end=b) for a, b in times]
        good.append(court.receipt(other, devices=(device_hash("GPU-1"),)))
        good.append(court.receipt(other, devices=()))
        for second in good:
            court.refused(lease, lambda x=second: prove_overlap(court, first, x), "NoContradiction")
        two_seconds = court.receipt(
            other, interval_start=start + 58, interval_end=start + 119, sequence=2
        )
        prove_overlap(court, first, two_seconds)

    def test_prove_overlap__neither_there__refused(self, court: Court) -> None:
        lease, other = court.lease(), court.running("other")
        at(lease.end + REDEEM_GRACE + 60)
        court.close(lease)
        court.close(other)
        pair = court.receipt(lease), court.receipt(other)
        value = court.bourse.address("provider")
        court.refused(lease, lambda: prove_overlap(court, *pair), "NothingToSlash", value)

    def test_prove_overlap__not_started__not_slashed(self, court: Court) -> None:
        start = chain.time() + HOUR
        lease, other = court.lease(start=start), court.lease("other", start=start)
        pair = court.receipt(lease), court.receipt(other)
        court.refused(lease, lambda: prove_overlap(court, *pair), "NothingToSlash")
