"""`fill` of orders that are filled in part, and the records that they keep."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from bourse import HOUR, OK, PRICE, USD, Bourse, Fill
from brownie import chain
from words import reason

from contracts.protocol.typed_data import Ask, Bid

GPU_HOUR = 3_600_000


@dataclass(frozen=True)
class Record:
    """`OrderRecord`, unpacked."""

    gpu_ms: int
    milli: int
    fills: int
    filled_at: int
    cost: int


def record(bourse: Bourse, order: Ask | Bid) -> Record:
    word = int(bourse.market.recordOf(bourse.digest(order)))
    parts = []
    for bits in (64, 32, 32, 40, 64):
        parts.append(word & (1 << bits) - 1)
        word >>= bits
    assert word == 0
    return Record(*parts)


EMPTY = Record(0, 0, 0, 0, 0)


def is_open(bourse: Bourse, bid: Bid) -> bool:
    return bool(bourse.market.isNonceOpen(bid.buyer, bid.nonce))


class TestAsk:
    def test_fill__quantity__sold_to_the_last(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        ask = bourse.ask(quantity=3 * GPU_HOUR)
        shapes = ((2, 1000), (2, 1000), (1, 1000), (1, 1000))
        fills = [Fill(bourse.bid(), m, start, h * HOUR) for h, m in shapes]
        outcome = bourse.fill(ask, *fills)
        over = reason("QuantityExceeded")
        assert outcome.reasons == ((OK, over, OK, over),)
        assert record(bourse, ask) == Record(3 * GPU_HOUR, 2000, 2, chain[-1].timestamp, 3 * PRICE)
        again = Fill(bourse.bid(), start=start, duration=36)
        assert bourse.fill(ask, again).reasons == ((over,),)
        assert bourse.market.isNonceOpen(ask.seller, ask.nonce)

    def test_fill__quantity_in_two_groups__sold_once(self, bourse: Bourse) -> None:
        ask = bourse.ask(quantity=GPU_HOUR)
        groups = [bourse.group(ask, Fill(bourse.bid())) for _ in range(2)]
        outcome = bourse.send("fill", groups)
        assert outcome.reasons == ((OK,), (reason("QuantityExceeded"),))

    def test_fill__number_of_fills__no_more(self, bourse: Bourse) -> None:
        ask = bourse.ask(max_fills=2)
        poor = Fill(bourse.bid("rival"))
        fills = (Fill(bourse.bid()), poor, Fill(bourse.bid()), Fill(bourse.bid()))
        outcome = bourse.fill(ask, *fills)
        assert outcome.reasons == (
            (OK, reason("InsufficientBalance"), OK, reason("FillsExceeded")),
        )
        assert record(bourse, ask).fills == 2
        assert bourse.fill(ask, Fill(bourse.bid())).reasons == ((reason("FillsExceeded"),),)

    def test_fill__all_skipped__nothing_remembered(self, bourse: Bourse) -> None:
        ask = bourse.ask(max_fills=2, quantity=GPU_HOUR)
        assert bourse.fill(ask, Fill(bourse.bid("rival"))).reasons == (
            (reason("InsufficientBalance"),),
        )
        assert record(bourse, ask) == EMPTY

    def test_fill__bounded_by_capacity__keeps_none(self, bourse: Bourse) -> None:
        ask, bid = bourse.ask(), bourse.bid()
        assert bourse.fill(ask, Fill(bid)).reasons == ((OK,),)
        assert record(bourse, ask) == record(bourse, bid) == EMPTY


class TestBid:
    def test_fill__over_asks_prices_and_windows__adds_up(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        bid = bourse.bid(milli=4000, max_fills=4)
        dearer = PRICE + 1000
        first = bourse.group(bourse.ask(), Fill(bid, 1000, start), Fill(bid, 1000, start + HOUR))
        second = bourse.group(
            bourse.ask(price_per_gpu_hour=dearer), Fill(bid, 1000, start, price=dearer)
        )
        outcome = bourse.send("fill", [first, second])
        assert outcome.reasons == ((OK, OK), (OK,))
        assert record(bourse, bid) == Record(
            3 * GPU_HOUR, 3000, 3, chain[-1].timestamp, 3 * PRICE + 1000
        )
        assert is_open(bourse, bid)
        assert bourse.balance("buyer") == 1000 * USD - 3 * PRICE - 1000
        assert bourse.fill(bourse.ask(), Fill(bid, 1000, start)).reasons == ((OK,),)
        assert not is_open(bourse, bid)

    def test_fill__more_than_its_milli__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        bid = bourse.bid(milli=3000, max_fills=9)
        fills = [Fill(bid, m, start) for m in (2000, 2000, 1000)]
        over = reason("MilliOutsideLimits")
        assert bourse.fill(bourse.ask(), *fills).reasons == ((OK, over, OK),)
        assert not is_open(bourse, bid)
        after = Fill(bid, 1000, start)
        assert bourse.fill(bourse.ask(), after).reasons == ((over,),)

    def test_fill__less_than_its_least_is_left__done(self, bourse: Bourse) -> None:
        bid = bourse.bid(milli=3000, min_milli=2000, max_fills=9)
        small = Fill(bid, 1000)
        assert bourse.fill(bourse.ask(), small).reasons == ((reason("MilliOutsideLimits"),),)
        assert is_open(bourse, bid)
        assert bourse.fill(bourse.ask(), Fill(bid, 2000)).reasons == ((OK,),)
        assert not is_open(bourse, bid)

    def test_fill__last_of_its_fills__done(self, bourse: Bourse) -> None:
        bid = bourse.bid(milli=4000, max_fills=2)
        fills = [Fill(bid, 1000) for _ in range(3)]
        outcome = bourse.fill(bourse.ask(), *fills)
        assert outcome.reasons == ((OK, OK, reason("NonceSpent")),)
        assert record(bourse, bid).fills == 2

    def test_fill__budget__of_all_fills(self, bourse: Bourse) -> None:
        bid = bourse.bid(milli=4000, max_fills=9, budget=2 * PRICE + PRICE // 2)
        fills = [Fill(bid, m) for m in (1000, 2000, 1000)]
        outcome = bourse.fill(bourse.ask(), *fills)
        assert outcome.reasons == ((OK, reason("OverBudget"), OK),)
        half = Fill(bid, 1000, duration=1800)
        assert bourse.fill(bourse.ask(), half).reasons == ((OK,),)
        assert record(bourse, bid).cost == 2 * PRICE + PRICE // 2
        assert bourse.fill(bourse.ask(), half).reasons == ((reason("OverBudget"),),)

    def test_fill__refused_by_the_registry__nothing_remembered(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        bourse.lease("other", start=start, milli=3000)
        bid = bourse.bid(milli=4000, max_fills=9)
        fills = [Fill(bid, m, start) for m in (2000, 1000)]
        outcome = bourse.fill(bourse.ask(), *fills)
        assert outcome.reasons == ((reason("OverCapacity"), OK),)
        assert record(bourse, bid) == Record(GPU_HOUR, 1000, 1, chain[-1].timestamp, PRICE)

    def test_fill__cancelled_in_between__no_more(self, bourse: Bourse) -> None:
        bid = bourse.bid(milli=4000, max_fills=9)
        assert bourse.fill(bourse.ask(), Fill(bid)).reasons == ((OK,),)
        bourse.market.cancel([bid.nonce], bourse.sends("buyer"))
        assert bourse.fill(bourse.ask(), Fill(bid)).reasons == ((reason("NonceSpent"),),)
        assert record(bourse, bid).fills == 1

    def test_fill__epoch_raised_in_between__no_more(self, bourse: Bourse) -> None:
        bid = bourse.bid(milli=4000, max_fills=9)
        assert bourse.fill(bourse.ask(), Fill(bid)).reasons == ((OK,),)
        bourse.market.cancelAll(bourse.sends("buyer"))
        assert bourse.fill(bourse.ask(), Fill(bid)).reasons == ((reason("EpochMismatch"),),)

    @pytest.mark.parametrize("max_fills", [0, 1])
    def test_fill__of_one_fill__done_whatever_is_left(self, bourse: Bourse, max_fills: int) -> None:
        bid = bourse.bid(milli=4000, max_fills=max_fills)
        outcome = bourse.fill(bourse.ask(), Fill(bid, 1000), Fill(bid, 1000))
        assert outcome.reasons == ((OK, reason("NonceSpent")),)
        assert record(bourse, bid) == EMPTY

    def test_fill__all_or_none__not_less(self, bourse: Bourse) -> None:
        bid = bourse.bid(milli=3000, min_milli=3000)
        fills = [Fill(bid, m) for m in (2000, 3000)]
        outcome = bourse.fill(bourse.ask(), *fills)
        assert outcome.reasons == ((reason("MilliOutsideLimits"), OK),)


class TestNamedFiller:
    def test_fill__named__leaves_the_time(self, bourse: Bourse) -> None:
        named = {"filler": bourse.address("stranger"), "deadline": chain.time() + 20 * HOUR}
        ask, bid = bourse.ask(**named), bourse.bid(**named)
        assert bourse.fill(ask, Fill(bid)).reasons == ((OK,),)
        expected = Record(GPU_HOUR, 1000, 1, chain[-1].timestamp, PRICE)
        assert record(bourse, ask) == record(bourse, bid) == expected
        assert not is_open(bourse, bid)

    def test_fill__named_by_one__only_its_record(self, bourse: Bourse) -> None:
        bid = bourse.bid(filler=bourse.address("stranger"))
        ask = bourse.ask()
        assert bourse.fill(ask, Fill(bid)).reasons == ((OK,),)
        assert record(bourse, bid).filled_at == chain[-1].timestamp
        assert record(bourse, ask) == EMPTY

    def test_fill__later_fill__moves_the_time(self, bourse: Bourse) -> None:
        named = {"filler": bourse.address("stranger")}
        ask = bourse.ask(**named)
        bourse.fill(ask, Fill(bourse.bid()))
        first = record(bourse, ask)
        chain.sleep(30)
        bourse.fill(ask, Fill(bourse.bid()))
        assert record(bourse, ask).filled_at >= first.filled_at + 30
        assert record(bourse, ask).fills == 2


class TestAlternatives:
    def test_fill__one_nonce_in_two_bids__first_done_voids_the_other(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        today = bourse.bid(milli=2000, max_fills=2)
        tomorrow = bourse.bid(milli=2000, max_fills=2, nonce=today.nonce, budget=50 * USD)
        fills = [Fill(bid, 1000, start) for bid in (today, tomorrow, today, tomorrow)]
        outcome = bourse.fill(bourse.ask(), *fills)
        assert outcome.reasons == ((OK, OK, OK, reason("NonceSpent")),)
        assert record(bourse, today).fills == 2
        assert record(bourse, tomorrow).fills == 1
