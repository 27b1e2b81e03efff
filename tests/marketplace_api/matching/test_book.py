"""The pure rule: shares, durations, money, priority; the same input always gives the same fill."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.protocol.keys import Signer
from contracts.protocol.series import Isolation, device_class_hash
from contracts.protocol.typed_data import Ask, Bid
from contracts.protocol.units import LOT_GPU_MS, TICK, cost
from contracts.protocol.wire import to_hex
from marketplace_api.matching.book import (
    Book,
    Demand,
    RestingAsk,
    RestingBid,
    Supply,
    TermsView,
    choose,
)
from tests.marketplace_api.market import CLASS, CLASS_HASH, PRICE

NOW = 1_800_001_000
"""Not on a full hour."""
SELLER, BUYER = Signer.generate().address, Signer.generate().address
TERMS = TermsView(1, SELLER, CLASS_HASH, Isolation.MPS.value, 250, 0, interruptible=False)
ASK = Ask(
    seller=SELLER, terms=1, price_per_gpu_hour=PRICE, window_start=NOW - 100,
    window_end=NOW + 86400, valid_from=NOW - 100, deadline=NOW + 200, nonce=1,
)  # fmt: skip
BID = Bid(
    buyer=BUYER, device_classes=device_class_hash(CLASS), milli=1000, min_milli=250,
    window_start=NOW, window_end=NOW + 7200, min_duration=72, max_duration=3600,
    max_price_per_gpu_hour=PRICE, valid_from=NOW - 10, deadline=NOW + 200, nonce=1,
)  # fmt: skip
SUPPLY = Supply(True, 1000, {}, frozenset(), simulated=False)
DEMAND = Demand(True, 10**12)


def resting_ask(sequence: int = 1, terms: TermsView = TERMS, **changes: Any) -> RestingAsk:
    """An ask in the book."""
    return RestingAsk(
        to_hex(sequence.to_bytes(32, "big")), sequence, replace(ASK, **changes), terms
    )


def resting_bid(**changes: Any) -> RestingBid:
    """A bid in the book."""
    return RestingBid("0x" + "bb" * 32, 99, replace(BID, **changes), CLASS_HASH)


def fill_of(
    *asks: RestingAsk,
    bid: RestingBid | None = None,
    supply: Supply = SUPPLY,
    demand: Demand = DEMAND,
    now: int = NOW,
) -> Any:
    """What is chosen among asks."""
    book = Book()
    for ask in asks:
        book.add(ask)
    return choose(book, bid or resting_bid(), now, demand, lambda _: supply)


class TestChoose:
    """Who is picked and how much is taken."""

    def test_choose__enough_of_all__most_milli_for_longest(self) -> None:
        """All that both want."""
        fill = fill_of(resting_ask())
        assert (fill.milli, fill.start, fill.duration, fill.ticks) == (1000, NOW, 3600, 2000)
        assert fill.units == 1000

    def test_choose__same_price__older_ask(self) -> None:
        """Time decides where the price does not."""
        assert fill_of(resting_ask(7), resting_ask(3)).ask == resting_ask(3).digest

    def test_choose__start__latest_of_the_three(self) -> None:
        """Window of the bid, window of the ask, now."""
        assert fill_of(resting_ask(), now=NOW + 50).start == NOW + 50
        assert fill_of(resting_ask(window_start=NOW + 60)).start == NOW + 60
        assert fill_of(resting_ask(), bid=resting_bid(window_start=NOW + 70)).start == NOW + 70

    def test_choose__window_of_ask_ends__shorter_in_whole_lots(self) -> None:
        """The longest duration that fits, never less than the bid's least."""
        fill = fill_of(resting_ask(window_end=NOW + 1001))
        assert fill.duration == 1000 - 1000 % 18
        assert fill.milli * fill.duration % LOT_GPU_MS == 0
        assert fill_of(resting_ask(window_end=NOW + 71)) is None

    def test_choose__partly_sold__what_is_left_in_steps(self) -> None:
        """The fullest hour touched counts."""
        sold = {NOW // 3600: 300, NOW // 3600 + 1: 600}
        fill = fill_of(resting_ask(), supply=replace(SUPPLY, sold_milli=sold))
        assert fill.milli == 250

    def test_choose__next_hour_full__ends_before_it(self) -> None:
        """Shorter beats nothing."""
        hour = NOW // 3600 + 1
        fill = fill_of(resting_ask(), supply=replace(SUPPLY, sold_milli={hour: 1000}))
        assert fill.start + fill.duration <= hour * 3600
        assert fill.milli == 1000

    def test_choose__little_money__shorter(self) -> None:
        """Budget and balance cap the cost."""
        fill = fill_of(resting_ask(), demand=Demand(True, 500_000))
        assert cost(fill.units, fill.ticks) == 500_000
        capped = fill_of(resting_ask(), bid=resting_bid(budget=100_000))
        assert cost(capped.units, capped.ticks) <= 100_000
        assert fill_of(resting_ask(), demand=Demand(True, 39_999)) is None

    def test_choose__all_or_none__never_less(self) -> None:
        """min_milli = milli."""
        whole = resting_bid(min_milli=1000)
        assert fill_of(resting_ask(max_milli=750), bid=whole) is None
        assert fill_of(resting_ask(max_milli=750)).milli == 750

    def test_choose__isolation_fee_interruption__both_must_agree(self) -> None:
        """Terms are compared with what the bid accepts."""
        assert fill_of(resting_ask(), bid=resting_bid(min_isolation=3)) is None
        costly = resting_ask(terms=replace(TERMS, reservation_fee_bps=1))
        assert fill_of(costly) is None
        assert fill_of(costly, bid=resting_bid(max_reservation_fee_bps=1)) is not None
        spot = resting_ask(terms=replace(TERMS, interruptible=True))
        assert fill_of(spot) is None
        assert fill_of(spot, bid=resting_bid(interruptible=True)) is not None

    def test_choose__credit_notice_arbiters__as_the_chain_checks_them(self) -> None:
        """What the contract would refuse is never matched."""
        terms = replace(TERMS, sla_credit_bps=100, interruptible=True, notice=60, arbiter_set=2)
        offered = resting_ask(terms=terms)
        agreed = {"min_sla_credit_bps": 100, "interruptible": True, "min_notice": 60}
        assert fill_of(offered, bid=resting_bid(**agreed, arbiter_set=2)) is not None
        assert fill_of(offered, bid=resting_bid(**agreed)) is not None
        for change in ({"min_sla_credit_bps": 101}, {"min_notice": 61}, {"arbiter_set": 1}):
            assert fill_of(offered, bid=resting_bid(**(agreed | change))) is None
        assert fill_of(resting_ask(), bid=resting_bid(min_notice=61)) is not None

    def test_choose__quantity__shorter_in_whole_lots(self) -> None:
        """What earlier fills left of the ask."""
        supply = replace(SUPPLY, filled_gpu_ms=300_000, fills=3)
        fill = fill_of(resting_ask(quantity=1_299_999), supply=supply)
        assert (fill.milli, fill.duration) == (1000, 999 - 999 % 18)
        assert fill_of(resting_ask(quantity=371_999), supply=supply) is None

    def test_choose__max_fills__no_more(self) -> None:
        """Fills on their way count."""
        supply = replace(SUPPLY, fills=2)
        assert fill_of(resting_ask(max_fills=2), supply=supply) is None
        assert fill_of(resting_ask(max_fills=3), supply=supply) is not None

    def test_choose__too_close_to_a_deadline__nothing(self) -> None:
        """The chain would refuse it before it is mined."""
        assert fill_of(resting_ask(deadline=NOW + 2)) is None
        assert fill_of(resting_ask(deadline=NOW + 3)) is not None

    def test_choose__series_taken__a_second_later(self) -> None:
        """A second position of the same holder in the same series is avoided."""
        first = fill_of(resting_ask())
        supply = replace(SUPPLY, taken_series=frozenset({first.series}))
        assert fill_of(resting_ask(), supply=supply).start == first.start + 1

    @given(
        milli=st.integers(1, 4000),
        min_milli=st.integers(1, 4000),
        step=st.sampled_from([50, 100, 125, 250, 500, 1000]),
        capacity=st.integers(0, 4000),
        sold=st.dictionaries(st.integers(0, 3), st.integers(0, 4000)),
        longest=st.integers(1, 7200),
        shortest=st.integers(1, 7200),
        ask_end=st.integers(1, 9000),
        money=st.integers(0, 10**8),
        price=st.integers(1, 5000),
    )
    def test_choose__anything__fill_lies_inside_both_orders(
        self, milli: int, min_milli: int, step: int, capacity: int, sold: dict[int, int],
        longest: int, shortest: int, ask_end: int, money: int, price: int,
    ) -> None:  # fmt: skip
        """Whatever is offered and wanted, a fill breaks no limit of either side."""
        bid = resting_bid(
            milli=milli, min_milli=min_milli, min_duration=shortest, max_duration=longest,
            max_price_per_gpu_hour=5000 * TICK,
        )  # fmt: skip
        ask = resting_ask(
            terms=replace(TERMS, step=step),
            price_per_gpu_hour=price * TICK,
            window_end=NOW + ask_end,
        )
        taken = {NOW // 3600 + hour: amount for hour, amount in sold.items()}
        supply = replace(SUPPLY, capacity_milli=capacity, sold_milli=taken)
        fill = fill_of(ask, bid=bid, supply=supply, demand=Demand(True, money))
        if fill is None:
            return
        end = fill.start + fill.duration
        assert min_milli <= fill.milli <= milli
        assert fill.milli % step == 0
        assert shortest <= fill.duration <= longest
        assert fill.start >= NOW
        assert end <= min(NOW + ask_end, BID.window_end)
        assert fill.milli * fill.duration == fill.units * LOT_GPU_MS
        assert cost(fill.units, price) <= money
        for hour in range(fill.start // 3600, (end - 1) // 3600 + 1):
            assert taken.get(hour, 0) + fill.milli <= capacity


class TestBook:
    """Orders come in, go out and expire."""

    def test_book__remove_and_expire__gone(self) -> None:
        """What is out is not found any more."""
        book = Book()
        book.add(resting_ask(1))
        book.add(resting_ask(2, deadline=NOW + 50))
        book.add(resting_bid())
        book.remove(resting_ask(1).digest)
        book.remove("0x" + "00" * 32)
        book.expire(NOW + 50)
        assert list(book.candidates(resting_bid(), NOW)) == []
        assert [b.digest for b in book.bids()] == [resting_bid().digest]
        book.expire(NOW + 300)
        assert book.bids() == []
        assert book.last_sequence == 99
