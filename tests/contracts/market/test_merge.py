"""`merge`: two adjacent parts that have not started become one."""

from __future__ import annotations

from typing import Any

import brownie
import pytest
from bourse import FREEZE, HOUR, MPS, OK, PRICE, REDEEM_GRACE, Bourse, Fill, terms
from brownie import chain
from counting import NOBODY, accounted, acting, lanes, position, window
from words import reverts

from contracts.protocol.series import Series

COST = PRICE // 1000
"""Of one unit."""


def merge(bourse: Bourse, first: int, second: int, milli: int = 1000, by: str = "buyer") -> Any:
    return bourse.market.merge(first, second, milli, bourse.sends(by))


def pair(bourse: Bourse, milli: int = 1000, hours: int = 2) -> tuple[int, int, int]:
    """Two fills of an hour each, one after the other; and the start of the first."""
    start = bourse.next_hour(hours)
    first = bourse.lease(start=start, milli=milli)
    return first, bourse.lease(start=start + HOUR, milli=milli), start


class TestMerged:
    def test_merge__two_fills__are_one_lease(self, bourse: Bourse) -> None:
        first, second, start = pair(bourse, milli=2000)
        before = bourse.state()
        tx = merge(bourse, first, second, 2000)
        merged = window(first, start, 2 * HOUR)
        assert position(bourse, first) == position(bourse, second) == NOBODY
        assert position(bourse, merged) == (4000, 2000, 0, start + 2 * HOUR, 0, 0)
        assert dict(tx.events["Merged"]) == {
            "first": first,
            "second": second,
            "holder": bourse.address("buyer"),
            "merged": merged,
            "milli": 2000,
        }
        moved = [(event["id"], event["value"]) for event in tx.events["TransferSingle"]]
        assert moved == [(first, 2000), (second, 2000), (merged, 4000)]
        assert bourse.state() == before
        chain.mine(timestamp=start + 2 * HOUR)
        assert bourse.redeem(bourse.signed(bourse.voucher(merged, 14_399_999))).reasons == (OK,)
        chain.mine(timestamp=start + 2 * HOUR + REDEEM_GRACE + 1)
        before = bourse.balance("buyer")
        assert bourse.close((merged, "buyer")).reasons == (OK,)
        assert bourse.balance("buyer") - before == 4 * PRICE - 14_399_999 * COST // 3600
        assert accounted(bourse) == bourse.market.totalHeld()

    def test_merge__part__leaves_the_rest(self, bourse: Bourse) -> None:
        first, second, start = pair(bourse, milli=2000)
        merge(bourse, first, second, 1000)
        assert position(bourse, first) == (1000, 1000, 0, start + HOUR, 0, 0)
        assert position(bourse, second) == (1000, 1000, 0, start + 2 * HOUR, 0, 0)
        merged = window(first, start, 2 * HOUR)
        assert position(bourse, merged) == (2000, 1000, 0, start + 2 * HOUR, 0, 0)
        assert lanes(bourse, start, 3) == [2, 2, 0]

    def test_merge__after_split__is_as_before(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start + 900, duration=2 * HOUR, milli=2000)
        whole = position(bourse, series)
        bourse.market.split(series, start + HOUR, 2000, bourse.sends("buyer"))
        parts = (window(series, start + 900, 2700), window(series, start + HOUR, HOUR + 900))
        merge(bourse, *parts, 2000)
        assert position(bourse, series) == whole
        assert lanes(bourse, start, 4) == [2, 2, 2, 0]

    def test_merge__closed_early__frees_each_hour_once(self, bourse: Bourse) -> None:
        first, second, start = pair(bourse)
        bourse.lease("other", start=start, duration=2 * HOUR)
        merge(bourse, first, second)
        merged = window(first, start, 2 * HOUR)
        chain.mine(timestamp=start + 120)
        final = bourse.voucher(merged, 0, is_final=True)
        bourse.redeem(bourse.signed(final, agent="agent"))
        bourse.close((merged, "buyer"))
        assert lanes(bourse, start, 3) == [1, 1, 0]

    def test_merge__then_cut_elsewhere__parts_sum_up(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        first = bourse.lease(start=start, duration=2 * HOUR)
        second = bourse.lease(start=start + 2 * HOUR)
        merge(bourse, first, second)
        merged = window(first, start, 3 * HOUR)
        bourse.market.split(merged, start + HOUR, 1000, bourse.sends("buyer"))
        head, tail = window(first, start, HOUR), window(first, start + HOUR, 2 * HOUR)
        assert position(bourse, head)[:2] == (1000, 1000)
        assert position(bourse, tail)[:2] == (2000, 1000)
        assert accounted(bourse, (head, "buyer"), (tail, "buyer")) == bourse.market.totalHeld()

    def test_merge__whole_week__allowed_and_not_more(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        first = bourse.lease(start=start, duration=100 * HOUR)
        second = bourse.lease(start=start + 100 * HOUR, duration=68 * HOUR)
        third = bourse.lease(start=start + 168 * HOUR, duration=HOUR)
        merge(bourse, first, second)
        week = window(first, start, 168 * HOUR)
        assert position(bourse, week)[:2] == (168_000, 1000)
        with reverts("DurationOutsideLimits", 169 * HOUR, 0, 168 * HOUR):
            merge(bourse, week, third)


class TestRefused:
    def test_merge__gap_overlap_or_order__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        first = bourse.lease(start=start, duration=2 * HOUR)
        overlapping = bourse.lease(start=start + HOUR)
        later = bourse.lease(start=start + 3 * HOUR)
        after = bourse.lease(start=start + 2 * HOUR)
        for one, two in ((first, overlapping), (first, later), (after, first), (first, first)):
            with reverts("NotAdjacent", one, two):
                merge(bourse, one, two)

    def test_merge__off_the_hour__refused(self, bourse: Bourse) -> None:
        """Both were charged the hour in which they meet: one lease would free it only once."""
        start = bourse.next_hour()
        first = bourse.lease(start=start, duration=1800)
        second = bourse.lease(start=start + 1800, duration=1800)
        with reverts("NotAdjacent", first, second):
            merge(bourse, first, second)

    def test_merge__other_price_or_terms__refused(self, bourse: Bourse) -> None:
        first, _, start = pair(bourse)
        dearer = bourse.ask(price_per_gpu_hour=PRICE + 1000)
        bourse.fill(dearer, Fill(bourse.bid(), start=start + HOUR, price=PRICE + 1000))
        other_price = Series(start + HOUR, HOUR, COST + 1, 1000, bourse.terms).id
        assert position(bourse, other_price)[0] == 1000
        bourse.registry.registerTerms(terms(), bourse.sends("provider"))
        number = int(bourse.registry.termsCount())
        bourse.fill(bourse.ask(terms=number), Fill(bourse.bid(), start=start + HOUR))
        other_terms = Series(start + HOUR, HOUR, COST, 1000, number).id
        assert position(bourse, other_terms)[0] == 1000
        for second in (other_price, other_terms):
            with reverts("NotAdjacent", first, second):
                merge(bourse, first, second)

    def test_merge__frozen_or_started__refused(self, bourse: Bourse) -> None:
        first, second, start = pair(bourse)
        before = bourse.state((first, "buyer"), (second, "buyer"))
        for now in (start - FREEZE, start + 1):
            chain.mine(timestamp=now)
            with brownie.reverts(revert_pattern="TransfersFrozen: .*"):
                merge(bourse, first, second)
        assert bourse.state((first, "buyer"), (second, "buyer")) == before

    @pytest.mark.parametrize(
        ("milli", "error", "values"),
        [
            (0, "NotWholeLots", (0, 3600)),
            (1500, "MilliOffStep", (1500, 1000)),
            (3000, "MilliOutsideLimits", (3000, 0, 2000)),
        ],
    )
    def test_merge__wrong_milli__refused(
        self, bourse: Bourse, milli: int, error: str, values: tuple[int, ...]
    ) -> None:
        first, second, _ = pair(bourse, milli=2000)
        before = bourse.state((first, "buyer"), (second, "buyer"))
        with reverts(error, *values):
            merge(bourse, first, second, milli)
        assert bourse.state((first, "buyer"), (second, "buyer")) == before

    def test_merge__less_of_the_second__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        first = bourse.lease(start=start, milli=2000)
        second = bourse.lease(start=start + HOUR)
        with reverts("MilliOutsideLimits", 2000, 0, 1000):
            merge(bourse, first, second, 2000)

    def test_merge__other_holders_part__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        first = bourse.lease(start=start)
        second = bourse.lease("other", start=start + HOUR)
        with reverts("MilliOutsideLimits", 1000, 0, 0):
            merge(bourse, first, second)

    def test_merge__never_filled__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        made_up = [Series(start + i * HOUR, HOUR, 1, 0, 7).id for i in range(2)]
        with reverts("MilliOutsideLimits", 1000, 0, 0):
            merge(bourse, *made_up)

    def test_merge__interrupted_part__refused(self, bourse: Bourse) -> None:
        first, second, start = pair(bourse)
        buyer, module = bourse.address("buyer"), acting(bourse.arbitration)
        bourse.market.shorten(second, buyer, start + HOUR + 1800, module)
        with reverts("PositionNotOpen", second, buyer):
            merge(bourse, first, second)
        bourse.market.shorten(first, buyer, start + 1800, module)
        with reverts("PositionNotOpen", first, buyer):
            merge(bourse, first, second)

    def test_merge__joins_an_interrupted_one__refused(self, bourse: Bourse) -> None:
        first, second, start = pair(bourse)
        whole = bourse.lease(start=start, duration=2 * HOUR)
        buyer = bourse.address("buyer")
        bourse.market.shorten(whole, buyer, start + HOUR, acting(bourse.arbitration))
        with reverts("PositionNotOpen", whole, buyer):
            merge(bourse, first, second)

    def test_merge__smaller_step_of_shared_device__refused(self, bourse: Bourse) -> None:
        shared = b"\x07" * 32
        bourse.attest(bourse.attestation("GPU-S", device_class=shared, lane_milli=250))
        numbers = []
        for step in (250, 500):
            bourse.registry.registerTerms(
                terms(device_class=shared, isolation=MPS, step=step), bourse.sends("provider")
            )
            numbers.append(int(bourse.registry.termsCount()))
        start = bourse.next_hour()
        ids = []
        for i, (number, step) in enumerate(zip(numbers, (250, 500), strict=True)):
            wanted = Fill(bourse.bid(device_classes=shared), milli=500, start=start + i * HOUR)
            assert bourse.fill(bourse.ask(terms=number), wanted).reasons == ((OK,),)
            ids.append(Series(start + i * HOUR, HOUR, COST, step, number).id)
        with reverts("NotAdjacent", *ids):
            merge(bourse, *ids, 500)
        second = Fill(bourse.bid(device_classes=shared), milli=500, start=start + HOUR)
        assert bourse.fill(bourse.ask(terms=numbers[0]), second).reasons == ((OK,),)
        with reverts("MilliOffStep", 100, 250):
            merge(bourse, ids[0], window(ids[0], start + HOUR, HOUR), 100)
        merge(bourse, ids[0], window(ids[0], start + HOUR, HOUR), 250)
        assert position(bourse, window(ids[0], start, 2 * HOUR))[:2] == (500, 250)
