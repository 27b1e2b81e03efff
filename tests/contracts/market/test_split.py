"""`split`: a position cut at a whole hour, before its start or while it runs."""

from __future__ import annotations

from typing import Any

import brownie
import pytest
from bourse import FREEZE, HOUR, MPS, OK, PRICE, REDEEM_GRACE, Bourse, Fill, terms
from brownie import chain
from counting import (
    AGENT_CLAIMED,
    CASE,
    CUT,
    FINAL,
    NOBODY,
    accounted,
    acting,
    lanes,
    position,
    window,
)
from words import reason, reverts

from contracts.protocol.series import Series

COST = PRICE // 1000
"""Of one unit."""


def split(bourse: Bourse, series: int, at: int, milli: int, by: str = "buyer") -> Any:
    return bourse.market.split(series, at, milli, bourse.sends(by))


def shared_terms(bourse: Bourse, step: int = 250) -> tuple[bytes, int]:
    """A class of divided devices and terms that sell it."""
    shared = b"\x07" * 32
    bourse.attest(bourse.attestation("GPU-S", device_class=shared, lane_milli=step))
    bourse.registry.registerTerms(
        terms(device_class=shared, isolation=MPS, step=step), bourse.sends("provider")
    )
    return shared, int(bourse.registry.termsCount())


class TestUnstarted:
    def test_split__all__is_head_and_tail(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=3 * HOUR, milli=2000)
        before = bourse.state()
        tx = split(bourse, series, start + HOUR, 2000)
        head, tail = window(series, start, HOUR), window(series, start + HOUR, 2 * HOUR)
        assert position(bourse, series) == NOBODY
        assert position(bourse, head) == (2000, 2000, 0, start + HOUR, 0, 0)
        assert position(bourse, tail) == (4000, 2000, 0, start + 3 * HOUR, 0, 0)
        assert dict(tx.events["Split"]) == {
            "series": series,
            "holder": bourse.address("buyer"),
            "head": head,
            "tail": tail,
            "milli": 2000,
        }
        moved = [(event["id"], event["value"]) for event in tx.events["TransferSingle"]]
        assert moved == [(series, 6000), (head, 2000), (tail, 4000)]
        assert bourse.state() == before
        assert accounted(bourse, (head, "buyer"), (tail, "buyer")) == bourse.market.totalHeld()

    def test_split__part__leaves_the_rest(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR, milli=3000)
        split(bourse, series, start + HOUR, 1000)
        head, tail = window(series, start, HOUR), window(series, start + HOUR, HOUR)
        assert position(bourse, series) == (4000, 2000, 0, start + 2 * HOUR, 0, 0)
        assert position(bourse, head) == (1000, 1000, 0, start + HOUR, 0, 0)
        assert position(bourse, tail) == (1000, 1000, 0, start + 2 * HOUR, 0, 0)
        assert lanes(bourse, start, 3) == [3, 3, 0]

    def test_split__begins_and_ends_inside_hours__cuts_on_the_hour(self, bourse: Bourse) -> None:
        hour = bourse.next_hour()
        series = bourse.lease(start=hour + 1800, duration=HOUR)
        split(bourse, series, hour + HOUR, 1000)
        head, tail = window(series, hour + 1800, 1800), window(series, hour + HOUR, 1800)
        assert position(bourse, head)[:2] == (500, 1000)
        assert position(bourse, tail)[:2] == (500, 1000)
        assert lanes(bourse, hour, 3) == [1, 1, 0]

    def test_split__equal_series_held__joins(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        tail = bourse.lease(start=start + HOUR)
        series = bourse.lease(start=start, duration=2 * HOUR)
        split(bourse, series, start + HOUR, 1000)
        assert position(bourse, tail) == (2000, 2000, 0, start + 2 * HOUR, 0, 0)
        # And a later fill of the head joins it as it would join any other.
        head = bourse.lease(start=start)
        assert position(bourse, head) == (2000, 2000, 0, start + HOUR, 0, 0)
        assert lanes(bourse, start, 2) == [2, 2]

    def test_split__shared_device__cuts_its_steps(self, bourse: Bourse) -> None:
        shared, number = shared_terms(bourse)
        start = bourse.next_hour()
        bid = bourse.bid(device_classes=shared)
        wanted = Fill(bid, milli=750, start=start, duration=2 * HOUR)
        assert bourse.fill(bourse.ask(terms=number), wanted).reasons == ((OK,),)
        series = Series(start, 2 * HOUR, COST, 250, number).id
        with reverts("MilliOffStep", 300, 250):
            split(bourse, series, start + HOUR, 300)
        split(bourse, series, start + HOUR, 500)
        assert position(bourse, series)[:2] == (500, 250)
        assert position(bourse, window(series, start, HOUR))[:2] == (500, 500)
        assert lanes(bourse, start, 2, shared) == [3, 3]

    def test_split__gift_of_the_tail__each_hour_freed_once(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR, milli=2000)
        split(bourse, series, start + HOUR, 2000)
        head, tail = window(series, start, HOUR), window(series, start + HOUR, HOUR)
        names = (bourse.address("buyer"), bourse.address("other"))
        bourse.market.safeTransferFrom(*names, tail, 2000, b"", bourse.sends("buyer"))
        chain.mine(timestamp=start + 120)
        final = bourse.voucher(head, 0, is_final=True)
        bourse.redeem(bourse.signed(final, agent="agent"))
        assert bourse.close((head, "buyer")).reasons == (OK,)
        assert lanes(bourse, start, 2) == [0, 2]
        chain.mine(timestamp=start + HOUR + 120)
        final = bourse.voucher(tail, 120_000, "other", is_final=True)
        assert bourse.redeem(bourse.signed(final, agent="agent")).reasons == (OK,)
        before = bourse.balance("other")
        assert bourse.close((tail, "other")).reasons == (OK,)
        assert lanes(bourse, start, 2) == [0, 0]
        assert bourse.balance("other") - before == 2 * PRICE - 120_000 * COST // 3600
        assert accounted(bourse) == bourse.market.totalHeld()


class TestRunning:
    def test_split__running__head_keeps_id_and_usage(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=3 * HOUR, milli=2000)
        chain.mine(timestamp=start + 600)
        used = 2000 * 300
        bourse.redeem(bourse.signed(bourse.voucher(series, used)))
        tx = split(bourse, series, start + HOUR, 2000)
        tail = window(series, start + HOUR, 2 * HOUR)
        assert tx.events["Split"]["head"] == series
        assert position(bourse, series) == (2000, 2000, used, start + HOUR, CUT, 0)
        assert position(bourse, tail) == (4000, 2000, 0, start + 3 * HOUR, 0, 0)
        moved = [(event["id"], event["value"]) for event in tx.events["TransferSingle"]]
        assert moved == [(series, 4000), (tail, 4000)]
        assert lanes(bourse, start, 4) == [2, 2, 2, 0]
        assert accounted(bourse, (series, "buyer"), (tail, "buyer")) == bourse.market.totalHeld()

    def test_split__frozen_before_start__head_keeps_id(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR)
        chain.mine(timestamp=start - FREEZE)
        split(bourse, series, start + HOUR, 1000)
        assert position(bourse, series) == (1000, 1000, 0, start + HOUR, CUT, 0)
        tail = window(series, start + HOUR, HOUR)
        # A fill of the cut window may still come, but not into the head; the tail can be sold.
        fills = (Fill(bourse.bid(), start=start, duration=2 * HOUR),)
        assert bourse.fill(bourse.ask(), *fills).reasons == ((reason("PositionNotOpen"),),)
        names = (bourse.address("buyer"), bourse.address("other"))
        bourse.market.safeTransferFrom(*names, tail, 1000, b"", bourse.sends("buyer"))
        with brownie.reverts(revert_pattern="TransfersFrozen: .*"):
            bourse.market.safeTransferFrom(*names, series, 1000, b"", bourse.sends("buyer"))

    def test_split__again__cuts_what_is_left(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=4 * HOUR)
        chain.mine(timestamp=start + 60)
        split(bourse, series, start + 3 * HOUR, 1000)
        with reverts("CutOutside", start + 3 * HOUR, start, start + 3 * HOUR):
            split(bourse, series, start + 3 * HOUR, 1000)
        split(bourse, series, start + HOUR, 1000)
        middle, last = (
            window(series, start + HOUR, 2 * HOUR),
            window(series, start + 3 * HOUR, HOUR),
        )
        assert position(bourse, series) == (1000, 1000, 0, start + HOUR, CUT, 0)
        assert position(bourse, middle) == (2000, 1000, 0, start + 3 * HOUR, 0, 0)
        assert position(bourse, last) == (1000, 1000, 0, start + 4 * HOUR, 0, 0)
        bourse.market.merge(middle, last, 1000, bourse.sends("buyer"))
        joined = window(series, start + HOUR, 3 * HOUR)
        assert position(bourse, joined) == (3000, 1000, 0, start + 4 * HOUR, 0, 0)

    def test_split__voucher_past_the_cut__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR)
        chain.mine(timestamp=start + 60)
        split(bourse, series, start + HOUR, 1000)
        chain.mine(timestamp=start + 2 * HOUR)
        more = bourse.signed(bourse.voucher(series, 3_600_001))
        assert bourse.redeem(more).reasons == (reason("MoreThanElapsed"),)
        assert bourse.redeem(bourse.signed(bourse.voucher(series, 3_600_000))).reasons == (OK,)

    def test_split__both_close_at_their_ends__refund_to_the_unit(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        paid_before = bourse.balance("buyer")
        series = bourse.lease(start=start, duration=2 * HOUR, milli=3000)
        chain.mine(timestamp=start + 600)
        split(bourse, series, start + HOUR, 3000)
        tail = window(series, start + HOUR, HOUR)
        chain.mine(timestamp=start + 2 * HOUR)
        used = (1_234_567, 7_654_321)
        head_voucher = bourse.signed(bourse.voucher(series, used[0]))
        tail_voucher = bourse.signed(bourse.voucher(tail, used[1]))
        assert bourse.redeem(head_voucher, tail_voucher).reasons == (OK, OK)
        chain.mine(timestamp=start + HOUR + REDEEM_GRACE + 1)
        outcome = bourse.close((series, "buyer"), (tail, "buyer"))
        assert outcome.reasons == (OK, reason("CloseTooEarly"))
        chain.mine(timestamp=start + 2 * HOUR + REDEEM_GRACE + 1)
        assert bourse.close((tail, "buyer")).reasons == (OK,)
        payments = [total * COST // 3600 for total in used]
        assert bourse.balance("buyer") == paid_before - sum(payments)
        assert bourse.balance("treasury") == sum(payment // 100 for payment in payments)
        assert accounted(bourse) == bourse.market.totalHeld()

    def test_split__head_closes_early__tail_keeps_its_hours(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=4 * HOUR, milli=2000)
        other = bourse.lease("other", start=start, duration=4 * HOUR)
        assert lanes(bourse, start, 4) == [3, 3, 3, 3]
        chain.mine(timestamp=start + 120)
        split(bourse, series, start + 2 * HOUR, 2000)
        tail = window(series, start + 2 * HOUR, 2 * HOUR)
        final = bourse.voucher(series, 1, is_final=True)
        bourse.redeem(bourse.signed(final, agent="agent"))
        assert bourse.close((series, "buyer"), (series, "buyer")).reasons == (
            OK,
            reason("NoPosition"),
        )
        assert lanes(bourse, start, 4) == [1, 1, 3, 3]
        # What was freed sells again, and not a lane more.
        wanted = [Fill(bourse.bid(milli=3000), start=start + HOUR, milli=m) for m in (3000, 1000)]
        outcome = bourse.fill(bourse.ask(), *wanted)
        assert outcome.reasons == ((OK, reason("OverCapacity")),)
        chain.mine(timestamp=start + 2 * HOUR + 120)
        final = bourse.voucher(tail, 0, is_final=True)
        bourse.redeem(bourse.signed(final, agent="agent"))
        assert bourse.close((tail, "buyer")).reasons == (OK,)
        assert lanes(bourse, start, 4)[2:] == [1, 1]
        held = ((other, "other"), (window(series, start + HOUR, HOUR), "buyer"))
        assert accounted(bourse, *held) == bourse.market.totalHeld()

    def test_split__interrupted__cuts_what_is_left(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=4 * HOUR)
        buyer = bourse.address("buyer")
        chain.mine(timestamp=start + 60)
        ends = start + 2 * HOUR + 1800
        bourse.market.shorten(series, buyer, ends, acting(bourse.arbitration))
        assert lanes(bourse, start, 4) == [1, 1, 1, 0]
        with reverts("CutOutside", start + 3 * HOUR, start, ends):
            split(bourse, series, start + 3 * HOUR, 1000)
        split(bourse, series, start + 2 * HOUR, 1000)
        tail = window(series, start + 2 * HOUR, 1800)
        # The hours that were taken away are refunded with the head.
        assert position(bourse, series) == (3500, 1000, 0, start + 2 * HOUR, CUT, 0)
        assert position(bourse, tail) == (500, 1000, 0, ends, 0, 0)
        chain.mine(timestamp=start + 2 * HOUR + 120)
        final = bourse.voucher(tail, 0, is_final=True)
        bourse.redeem(bourse.signed(final, agent="agent"))
        bourse.close((tail, "buyer"))
        assert lanes(bourse, start + 2 * HOUR, 2) == [0, 0]
        chain.mine(timestamp=start + 2 * HOUR + REDEEM_GRACE + 1)
        before = bourse.balance("buyer")
        assert bourse.close((series, "buyer")).reasons == (OK,)
        assert bourse.balance("buyer") - before == 3500 * COST
        assert accounted(bourse) == bourse.market.totalHeld()


class TestRefused:
    @pytest.mark.parametrize("offset", [1, HOUR - 1, -HOUR, 0, 2 * HOUR, 3 * HOUR])
    def test_split__outside_or_off_the_hour__refused(self, bourse: Bourse, offset: int) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR)
        before = bourse.state((series, "buyer"))
        with reverts("CutOutside", start + offset, start, start + 2 * HOUR):
            split(bourse, series, start + offset, 1000)
        assert bourse.state((series, "buyer")) == before

    def test_split__nothing_held__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR)
        with reverts("CutOutside", start + HOUR, start, 0):
            split(bourse, series, start + HOUR, 1000, by="other")

    def test_split__closer_than_freeze__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR)
        before = bourse.state((series, "buyer"))
        chain.mine(timestamp=start + HOUR - FREEZE + 1)
        with brownie.reverts(revert_pattern="CutTooSoon: .*"):
            split(bourse, series, start + HOUR, 1000)
        assert bourse.state((series, "buyer")) == before

    def test_split__broken_lots__refused(self, bourse: Bourse) -> None:
        hour = bourse.next_hour()
        series = bourse.lease(start=hour - 10, duration=36)
        with reverts("NotWholeLots", 26_000, 3600):
            split(bourse, series, hour, 1000)
        with reverts("NotWholeLots", 0, 3600):
            split(bourse, series, hour, 0)

    @pytest.mark.parametrize("milli", [3000, 2**32 - 400])
    def test_split__more_than_held__refused(self, bourse: Bourse, milli: int) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR, milli=2000)
        with reverts("MilliOutsideLimits", milli // 1000 * 1000, 0, 2000):
            split(bourse, series, start + HOUR, milli // 1000 * 1000)

    def test_split__part_of_a_running_one__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR, milli=2000)
        chain.mine(timestamp=start + 60)
        with reverts("MilliOutsideLimits", 1000, 2000, 2000):
            split(bourse, series, start + HOUR, 1000)

    def test_split__final__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR)
        chain.mine(timestamp=start + 60)
        final = bourse.voucher(series, 0, is_final=True)
        bourse.redeem(bourse.signed(final, agent="agent"))
        assert position(bourse, series)[4] == FINAL
        with reverts("PositionNotOpen", series, bourse.address("buyer")):
            split(bourse, series, start + HOUR, 1000)

    def test_split__in_a_case_or_claimed__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series, buyer = bourse.lease(start=start, duration=2 * HOUR), bourse.address("buyer")
        chain.mine(timestamp=start + 60)
        module = acting(bourse.arbitration)
        bourse.market.openCase(series, buyer, True, module)
        assert position(bourse, series)[4] == CASE | AGENT_CLAIMED
        with reverts("PositionNotOpen", series, buyer):
            split(bourse, series, start + HOUR, 1000)
        bourse.market.settleCase(series, buyer, 0, 0, 0, module)
        with reverts("PositionNotOpen", series, buyer):
            split(bourse, series, start + HOUR, 1000)

    def test_split__interrupted_before_start__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series, buyer = bourse.lease(start=start, duration=4 * HOUR), bourse.address("buyer")
        bourse.market.shorten(series, buyer, start + 2 * HOUR, acting(bourse.arbitration))
        with reverts("PositionNotOpen", series, buyer):
            split(bourse, series, start + HOUR, 1000)

    def test_split__joins_an_interrupted_part__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        tail = bourse.lease(start=start + HOUR)
        bourse.market.shorten(
            tail, bourse.address("buyer"), start + HOUR + 1800, acting(bourse.arbitration)
        )
        series = bourse.lease(start=start, duration=2 * HOUR)
        with reverts("PositionNotOpen", tail, bourse.address("buyer")):
            split(bourse, series, start + HOUR, 1000)
