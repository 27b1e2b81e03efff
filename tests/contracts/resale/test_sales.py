"""`Resale.fill`: units change hands at the ask's price."""

from __future__ import annotations

import pytest
from bourse import FEE_BPS, HOUR, MPS, OK, PRICE, REDEEM_GRACE, USD, Bourse, Fill, terms
from brownie import chain
from counting import CUT, NOBODY, accounted, lanes, position, window
from secondary import offer, resell, resell_all, taking
from words import reason

from contracts.protocol.series import Series

COST = PRICE // 1000
"""Of one unit."""


class TestSold:
    def test_resell__part__moves_units_and_money(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR, milli=3000)
        before = {name: bourse.balance(name) for name in ("buyer", "other", "treasury")}
        ask, wanted = offer(bourse, series), taking(bourse, series, milli=2000)
        outcome = resell(bourse, ask, wanted)
        assert outcome.reasons == ((OK,),)
        payment, fee = 4 * PRICE, 4 * PRICE * FEE_BPS // 10_000
        assert bourse.balance("other") == before["other"] - payment
        assert bourse.balance("buyer") == before["buyer"] + payment - fee
        assert bourse.balance("treasury") == before["treasury"] + fee
        assert position(bourse, series) == (2000, 1000, 0, start + 2 * HOUR, 0, 0)
        assert position(bourse, series, "other") == (4000, 2000, 0, start + 2 * HOUR, 0, 0)
        assert lanes(bourse, start, 3) == [3, 3, 0]
        assert dict(outcome.events["Resold"]) == {
            "askDigest": bourse.digest(ask),
            "seller": bourse.address("buyer"),
            "buyer": bourse.address("other"),
            "bidDigest": bourse.digest(wanted.bid),
            "series": series,
            "units": 4000,
            "payment": payment,
            "fee": fee,
        }
        assert dict(outcome.events["TransferSingle"]) == {
            "operator": bourse.resale.address,
            "from": bourse.address("buyer"),
            "to": bourse.address("other"),
            "id": series,
            "value": 4000,
        }
        held = ((series, "buyer"), (series, "other"))
        assert accounted(bourse, *held) == bourse.market.totalHeld()

    def test_resell__all__forgets_the_seller(self, bourse: Bourse) -> None:
        series = bourse.lease(milli=2000)
        assert resell(
            bourse, offer(bourse, series), taking(bourse, series, milli=2000)
        ).reasons == ((OK,),)
        assert position(bourse, series) == NOBODY
        assert position(bourse, series, "other")[:2] == (2000, 2000)

    def test_resell__buyer__uses_and_is_refunded_at_series_price(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start)
        cheap = {"price_per_gpu_hour": PRICE // 2}
        at_start = bourse.balance("other")
        outcome = resell(
            bourse, offer(bourse, series, **cheap), taking(bourse, series, price=PRICE // 2)
        )
        assert outcome.reasons == ((OK,),)
        assert bourse.balance("other") == at_start - PRICE // 2
        chain.mine(timestamp=start + HOUR)
        voucher = bourse.signed(bourse.voucher(series, 900_000, "other"))
        assert bourse.redeem(voucher).reasons == (OK,)
        chain.mine(timestamp=start + HOUR + REDEEM_GRACE + 1)
        assert bourse.close((series, "other")).reasons == (OK,)
        # Used a quarter at 2 USD, bought at 1 USD: half a dollar better off than before.
        assert bourse.balance("other") == at_start - PRICE // 2 + PRICE * 3 // 4
        assert accounted(bourse) == bourse.market.totalHeld()

    def test_resell__fee_of_an_odd_price__rounded_down(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=36)
        price = {"price_per_gpu_hour": 1_999_000}
        before = [bourse.balance(name) for name in ("buyer", "treasury")]
        outcome = resell(
            bourse, offer(bourse, series, **price), taking(bourse, series, price=1_999_000)
        )
        # 10 units at 1,999 ticks: 19,990, of which 1 % is 199.9.
        assert outcome.events["Resold"]["payment"] == 19_990
        assert outcome.events["Resold"]["fee"] == 199
        assert [bourse.balance(name) for name in ("buyer", "treasury")] == [
            before[0] + 19_791,
            before[1] + 199,
        ]

    def test_resell__nonces__bid_spent_and_ask_not(self, bourse: Bourse) -> None:
        series = bourse.lease(milli=2000)
        ask, wanted = offer(bourse, series), taking(bourse, series)
        outcome = resell(bourse, ask, wanted, taking(bourse, series, bid=wanted.bid))
        assert outcome.reasons == ((OK, reason("NonceSpent")),)
        assert not bourse.market.isNonceOpen(bourse.address("other"), wanted.bid.nonce)
        assert bourse.market.isNonceOpen(bourse.address("buyer"), ask.nonce)
        assert bourse.market.recordOf(bourse.digest(ask)) == 0
        assert bourse.market.recordOf(bourse.digest(wanted.bid)) == 0

    def test_resell__joins_what_the_buyer_holds(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start)
        bourse.lease("other", start=start)
        resell(bourse, offer(bourse, series), taking(bourse, series))
        assert position(bourse, series, "other") == (2000, 2000, 0, start + HOUR, 0, 0)

    def test_resell__shared_device__in_its_steps(self, bourse: Bourse) -> None:
        shared = b"\x07" * 32
        bourse.attest(bourse.attestation("GPU-S", device_class=shared, lane_milli=250))
        bourse.registry.registerTerms(
            terms(device_class=shared, isolation=MPS, step=250), bourse.sends("provider")
        )
        number = int(bourse.registry.termsCount())
        start = bourse.next_hour()
        bid = bourse.bid(device_classes=shared)
        bourse.fill(bourse.ask(terms=number), Fill(bid, milli=1000, start=start, duration=72))
        series = Series(start, 72, COST, 250, number).id
        fills = [taking(bourse, series, milli=m, device_classes=shared) for m in (100, 250, 500)]
        outcome = resell(bourse, offer(bourse, series), *fills)
        assert outcome.reasons == ((reason("MilliOffStep"), OK, OK),)
        assert position(bourse, series)[:2] == (5, 250)
        assert position(bourse, series, "other")[:2] == (15, 750)

    def test_resell__tail_of_a_running_lease__while_the_head_runs(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=3 * HOUR)
        chain.mine(timestamp=start + 600)
        bourse.market.split(series, start + HOUR, 1000, bourse.sends("buyer"))
        tail = window(series, start + HOUR, 2 * HOUR)
        cut = resell(bourse, offer(bourse, series), taking(bourse, series))
        assert cut.reasons == ((reason("PositionNotOpen"),),)
        outcome = resell(bourse, offer(bourse, tail), taking(bourse, tail))
        assert outcome.reasons == ((OK,),)
        assert position(bourse, series) == (1000, 1000, 0, start + HOUR, CUT, 0)
        assert position(bourse, tail, "other") == (2000, 1000, 0, start + 3 * HOUR, 0, 0)
        chain.mine(timestamp=start + HOUR + 120)
        final = bourse.voucher(tail, 0, "other", is_final=True)
        bourse.redeem(bourse.signed(final, agent="agent"))
        assert bourse.close((tail, "other")).reasons == (OK,)
        assert lanes(bourse, start, 4) == [1, 0, 0, 0]
        assert accounted(bourse, (series, "buyer")) == bourse.market.totalHeld()

    def test_resell__on_and_on__units_and_money_are_conserved(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, milli=3000)
        total = accounted(bourse, (series, "buyer"))
        for seller, buyer, milli in (
            ("buyer", "other", 2000),
            ("other", "buyer", 1000),
            ("buyer", "other", 2000),
            ("other", "buyer", 3000),
        ):
            ask, wanted = offer(bourse, series, seller), taking(bourse, series, buyer, milli=milli)
            assert resell(bourse, ask, wanted).reasons == ((OK,),)
            held = ((series, "buyer"), (series, "other"))
            assert accounted(bourse, *held) == bourse.market.totalHeld() == total
        assert position(bourse, series)[:2] == (3000, 3000)
        assert lanes(bourse, start, 2) == [3, 0]


class TestBatches:
    def test_resell__several_bids__no_unit_twice(self, bourse: Bourse) -> None:
        bourse.pay_in("rival", 100 * USD)
        series = bourse.lease(milli=3000)
        fills = [
            taking(bourse, series, "other", milli=2000),
            taking(bourse, series, "rival", milli=2000),
            taking(bourse, series, "rival", milli=1000),
            taking(bourse, series, "other", milli=1000),
        ]
        outcome = resell(bourse, offer(bourse, series), *fills)
        short = reason("ERC1155InsufficientBalance")
        assert outcome.reasons == ((OK, short, OK, short),)
        skipped = [
            (event["bidDigest"], event["reason"]) for event in outcome.events["ResaleSkipped"]
        ]
        assert skipped == [(bourse.digest(fills[i].bid), short) for i in (1, 3)]
        assert position(bourse, series) == NOBODY
        assert position(bourse, series, "other")[:2] == (2000, 2000)
        assert position(bourse, series, "rival")[:2] == (1000, 1000)

    def test_resell__same_ask_in_two_groups__no_unit_twice(self, bourse: Bourse) -> None:
        series = bourse.lease()
        ask = offer(bourse, series)
        groups = [bourse.group(ask, taking(bourse, series)) for _ in range(2)]
        outcome = resell_all(bourse, groups)
        assert outcome.reasons == ((OK,), (reason("NoPosition"),))
        assert outcome.events["ResaleSkipped"]["bidDigest"] == "0x" + "00" * 32

    def test_resell__bad_group_between_good_ones__alone_is_skipped(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        first, second = bourse.lease(start=start), bourse.lease(start=start + HOUR)
        never = bourse.series(start=start + 2 * HOUR)
        groups = [
            bourse.group(offer(bourse, series), taking(bourse, series))
            for series in (first, never, second)
        ]
        assert resell_all(bourse, groups).reasons == ((OK,), (reason("NoPosition"),), (OK,))

    def test_resell__bought_and_sold_in_one_batch__passes_on(self, bourse: Bourse) -> None:
        bourse.pay_in("rival", 100 * USD)
        series = bourse.lease()
        groups = [
            bourse.group(offer(bourse, series), taking(bourse, series, "other")),
            bourse.group(offer(bourse, series, "other"), taking(bourse, series, "rival")),
        ]
        assert resell_all(bourse, groups).reasons == ((OK,), (OK,))
        assert position(bourse, series, "rival")[:2] == (1000, 1000)

    def test_resell__poorer_after_each__skips_what_is_unfunded(self, bourse: Bourse) -> None:
        bourse.pay_in("rival", 5 * USD // 2)
        series = bourse.lease(milli=2000)
        fills = [taking(bourse, series, "rival") for _ in range(2)]
        outcome = resell(bourse, offer(bourse, series), *fills)
        assert outcome.reasons == ((OK, reason("InsufficientBalance")),)
        assert bourse.balance("rival") == USD // 2

    def test_resell__empty__does_nothing(self, bourse: Bourse) -> None:
        series = bourse.lease()
        assert resell_all(bourse, []).reasons == ()
        assert resell(bourse, offer(bourse, series)).reasons == ((),)


class TestRecords:
    def test_resell__partial_bid__goes_on_from_a_fill(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, milli=2000)
        bid = bourse.bid("other", milli=3000, max_fills=3, budget=5 * USD)
        bourse.fill(bourse.ask(), Fill(bid, milli=1000, start=start))
        outcome = resell(
            bourse,
            offer(bourse, series, price_per_gpu_hour=PRICE // 2),
            taking(bourse, series, bid=bid, milli=1000, price=PRICE // 2),
        )
        assert outcome.reasons == ((OK,),)
        assert bourse.market.isNonceOpen(bid.buyer, bid.nonce)
        last = Fill(bid, milli=1000, start=start)
        assert bourse.fill(bourse.ask(), last).reasons == ((OK,),)
        record = bourse.market.recordOf(bourse.digest(bid))
        assert record & (1 << 64) - 1 == 3 * 3_600_000
        assert record >> 64 & (1 << 32) - 1 == 3000
        assert record >> 96 & (1 << 32) - 1 == 3
        assert record >> 128 & (1 << 40) - 1 == chain[-1].timestamp
        assert record >> 168 == 5 * USD
        assert not bourse.market.isNonceOpen(bid.buyer, bid.nonce)

    def test_resell__rest_of_a_filled_bid__is_its_limit(self, bourse: Bourse) -> None:
        series = bourse.lease(milli=2000)
        bid = bourse.bid("other", milli=2000, max_fills=5)
        bourse.fill(bourse.ask(), Fill(bid, milli=1000))
        wanted = [taking(bourse, series, bid=bid, milli=m) for m in (2000, 1000)]
        outcome = resell(bourse, offer(bourse, series), *wanted)
        assert outcome.reasons == ((reason("MilliOutsideLimits"), OK),)
        assert not bourse.market.isNonceOpen(bid.buyer, bid.nonce)

    def test_resell__budget_spent_in_a_fill__counts(self, bourse: Bourse) -> None:
        series = bourse.lease()
        bid = bourse.bid("other", milli=2000, max_fills=5, budget=2 * PRICE - 1)
        bourse.fill(bourse.ask(), Fill(bid, milli=1000))
        outcome = resell(bourse, offer(bourse, series), taking(bourse, series, bid=bid))
        assert outcome.reasons == ((reason("OverBudget"),),)

    @pytest.mark.parametrize(
        ("limit", "error"),
        [({"quantity": 2 * 3_600_000}, "QuantityExceeded"), ({"max_fills": 2}, "FillsExceeded")],
    )
    def test_resell__limited_ask__sells_no_more(
        self, bourse: Bourse, limit: dict[str, int], error: str
    ) -> None:
        series = bourse.lease(milli=4000)
        ask = offer(bourse, series, **limit)
        assert resell(bourse, ask, taking(bourse, series)).reasons == ((OK,),)
        fills = [taking(bourse, series) for _ in range(2)]
        assert resell(bourse, ask, *fills).reasons == ((OK, reason(error)),)
        assert bourse.market.recordOf(bourse.digest(ask)) >> 96 & (1 << 32) - 1 == 2
        assert position(bourse, series)[:2] == (2000, 2000)

    def test_resell__named_filler__leaves_the_time(self, bourse: Bourse) -> None:
        series = bourse.lease()
        life = {"filler": bourse.address("stranger"), "deadline": chain.time() + HOUR}
        ask, wanted = offer(bourse, series, **life), taking(bourse, series, **life)
        assert resell(bourse, ask, wanted, by="other").reasons == ((reason("WrongFiller"),),)
        assert resell(bourse, ask, wanted).reasons == ((OK,),)
        for order in (ask, wanted.bid):
            record = bourse.market.recordOf(bourse.digest(order))
            assert record >> 128 & (1 << 40) - 1 == chain[-1].timestamp

    def test_resell__one_nonce_in_two_orders__are_alternatives(self, bourse: Bourse) -> None:
        series = bourse.lease()
        primary = bourse.bid("other", window_end=bourse.next_hour() + 50 * HOUR)
        secondary = bourse.bid("other", nonce=primary.nonce)
        wanted = taking(bourse, series, bid=secondary)
        assert resell(bourse, offer(bourse, series), wanted).reasons == ((OK,),)
        assert bourse.fill(bourse.ask(), Fill(primary)).reasons == ((reason("NonceSpent"),),)
