"""The book and the rule that picks a fill: pure, so that anybody can repeat every decision.

Asks compete by price, then by their place in the log. What the log cannot know (is the provider
online, how much is sold already, can the buyer pay) comes in as facts, which the matcher records
with each decision: the same log and the same facts give the same fills.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import gcd

from contracts.protocol.series import Series
from contracts.protocol.typed_data import Ask, Bid, TimeInForce
from contracts.protocol.units import (
    LOT_GPU_MS,
    MAX_DURATION,
    TICK,
    Lots,
    Milli,
    SeriesId,
    cost,
    lots,
)

FILL_MARGIN_S = 2
"""An order this close to its deadline would be refused by the chain before it is mined."""
_START_TRIES = 30
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class TermsView:
    """What a match needs of registered terms; they never change."""

    number: int
    provider: str
    device_class: str
    isolation: int
    step: int
    reservation_fee_bps: int
    interruptible: bool
    sla_credit_bps: int = 0
    notice: int = 0
    arbiter_set: int = 0


@dataclass(frozen=True, slots=True)
class RestingAsk:
    """An ask in the book."""

    digest: str
    sequence: int
    ask: Ask
    terms: TermsView

    @property
    def priority(self) -> tuple[int, int]:
        """Cheapest first, then oldest."""
        return self.ask.price_per_gpu_hour, self.sequence


@dataclass(frozen=True, slots=True)
class RestingBid:
    """A bid in the book."""

    digest: str
    sequence: int
    bid: Bid
    device_class: str

    @property
    def priority(self) -> tuple[int, int]:
        """Highest limit first, then oldest."""
        return -self.bid.max_price_per_gpu_hour, self.sequence

    @property
    def is_immediate(self) -> bool:
        """Whether it never rests."""
        return self.bid.constraints.time_in_force == TimeInForce.IMMEDIATE_OR_CANCEL


@dataclass(frozen=True, slots=True)
class Supply:
    """What is known, at one moment, of what stands behind an ask."""

    is_open: bool
    """Neither cancelled nor void on chain, its provider online and bonded."""
    capacity_milli: int
    """Attested and healthy."""
    sold_milli: Mapping[int, int]
    """By hour (unix time // 3600): milli of leases that are not over."""
    taken_series: frozenset[int]
    """Series in which this buyer has a position already; a second fill would not be a new one."""
    simulated: bool
    filled_gpu_ms: int = 0
    """Of this ask so far, fills on their way included; counted where the ask has a limit."""
    fills: int = 0

    def free_milli(self, start: int, end: int) -> int:
        """What is left in the fullest hour that [start, end) touches."""
        hours = range(start // _HOUR, (end - 1) // _HOUR + 1)
        return self.capacity_milli - max(self.sold_milli.get(hour, 0) for hour in hours)


@dataclass(frozen=True, slots=True)
class Demand:
    """What is known, at one moment, of the buyer."""

    is_open: bool
    free_balance: int
    """Balance on chain less what pending fills will take."""


@dataclass(frozen=True, slots=True)
class Fill:
    """One pairing."""

    bid: str
    ask: str
    terms: int
    step: int
    milli: Milli
    start: int
    duration: int
    ticks: int
    simulated: bool

    @property
    def units(self) -> Lots:
        """Lots that are minted."""
        return lots(self.milli, self.duration)

    @property
    def series(self) -> SeriesId:
        """The token id."""
        return Series(self.start, self.duration, self.ticks, self.step, self.terms).id


SupplyOf = Callable[[RestingAsk], Supply]


@dataclass(slots=True)
class Book:
    """Open orders by device class; the result of applying a log in its order."""

    last_sequence: int = 0
    _asks: dict[str, list[RestingAsk]] = field(default_factory=dict)
    _bids: dict[str, list[RestingBid]] = field(default_factory=dict)
    _by_digest: dict[str, RestingAsk | RestingBid] = field(default_factory=dict)

    def add(self, order: RestingAsk | RestingBid) -> None:
        """Put an order of the log into its place."""
        self.last_sequence = max(self.last_sequence, order.sequence)
        self._by_digest[order.digest] = order
        if isinstance(order, RestingAsk):
            side = self._asks.setdefault(order.terms.device_class, [])
            insort(side, order, key=lambda resting: resting.priority)
        else:
            bids = self._bids.setdefault(order.device_class, [])
            insort(bids, order, key=lambda resting: resting.priority)

    def remove(self, digest: str) -> None:
        """Take an order out, if it is there."""
        order = self._by_digest.pop(digest, None)
        if isinstance(order, RestingAsk):
            self._asks[order.terms.device_class].remove(order)
        elif order is not None:
            self._bids[order.device_class].remove(order)

    def bids(self, device_class: str | None = None) -> list[RestingBid]:
        """Resting bids, best first."""
        if device_class is not None:
            return list(self._bids.get(device_class, ()))
        return sorted((b for side in self._bids.values() for b in side), key=lambda b: b.priority)

    def find_bid(self, digest: str) -> RestingBid | None:
        """A resting bid."""
        order = self._by_digest.get(digest)
        return order if isinstance(order, RestingBid) else None

    def expire(self, now: int) -> None:
        """Forget what can no longer be filled."""
        over = [d for d, order in self._by_digest.items() if _deadline(order) <= now]
        for digest in over:
            self.remove(digest)

    def candidates(self, bid: RestingBid, now: int) -> Iterator[RestingAsk]:
        """Asks that the signed words alone allow, best first."""
        for ask in self._asks.get(bid.device_class, ()):
            if ask.ask.price_per_gpu_hour > bid.bid.max_price_per_gpu_hour:
                return
            if is_compatible(bid.bid, ask, now):
                yield ask


def choose(
    book: Book, bid: RestingBid, now: int, demand: Demand, supply_of: SupplyOf
) -> Fill | None:
    """The best feasible ask and what is taken of it; asks ``supply_of`` in order of priority."""
    if not demand.is_open or not is_valid(bid.bid, now):
        return None
    for ask in book.candidates(bid, now):
        fill = fit(bid, ask, now, demand, supply_of(ask))
        if fill is not None:
            return fill
    return None


def is_valid(order: Ask | Bid, now: int) -> bool:
    """Whether an order can still reach the chain in time."""
    return order.valid_from <= now and order.deadline > now + FILL_MARGIN_S


def is_compatible(bid: Bid, resting: RestingAsk, now: int) -> bool:
    """Whether both sides' words allow a match, whatever the facts are."""
    ask, terms = resting.ask, resting.terms
    return (
        is_valid(ask, now)
        and ask.seller != bid.buyer
        and terms.isolation >= bid.min_isolation
        and terms.reservation_fee_bps <= bid.max_reservation_fee_bps
        and terms.sla_credit_bps >= bid.min_sla_credit_bps
        and bid.arbiter_set in (0, terms.arbiter_set)
        and _bears_interruption(bid, terms)
        and _admits(bid.constraints.allow, bid.constraints.deny, ask.seller)
        and _admits(ask.constraints.allow, ask.constraints.deny, bid.buyer)
    )


def fit(bid: RestingBid, ask: RestingAsk, now: int, demand: Demand, supply: Supply) -> Fill | None:
    """The largest share for the longest time, as early as both windows allow."""
    if not supply.is_open or 0 < ask.ask.max_fills <= supply.fills:
        return None
    earliest = max(bid.bid.window_start, ask.ask.window_start, now)
    for start in range(earliest, earliest + _START_TRIES):
        fill = _fit_at(bid, ask, start, demand, supply)
        if fill is None:
            return None
        if fill.series not in supply.taken_series:
            return fill
    return None


def _fit_at(
    bid: RestingBid, ask: RestingAsk, start: int, demand: Demand, supply: Supply
) -> Fill | None:
    shortest = max(bid.bid.min_duration, ask.ask.min_duration, 1)
    for longest in _durations(bid.bid, ask.ask, start, shortest):
        milli = _share(bid.bid, ask, supply.free_milli(start, start + longest))
        if milli is None:
            continue
        ticks = ask.ask.price_per_gpu_hour // TICK
        most = min(longest, _on_offer(ask.ask, supply, milli))
        duration = _affordable(bid.bid, milli, ticks, most, demand.free_balance)
        if duration >= shortest:
            return Fill(
                bid=bid.digest,
                ask=ask.digest,
                terms=ask.terms.number,
                step=ask.terms.step,
                milli=Milli(milli),
                start=start,
                duration=duration,
                ticks=ticks,
                simulated=supply.simulated,
            )
    return None


def _durations(bid: Bid, ask: Ask, start: int, shortest: int) -> list[int]:
    """Durations worth a try, longest first: all that fits, then up to each full hour."""
    end = min(bid.window_end, ask.window_end)
    longest = min(bid.max_duration, ask.max_duration or MAX_DURATION, MAX_DURATION, end - start)
    if longest < shortest:
        return []
    last_hour = (start + longest - 1) // _HOUR
    hours = range(last_hour, (start + shortest - 1) // _HOUR, -1)
    return [longest, *(hour * _HOUR - start for hour in hours)]


def _share(bid: Bid, ask: RestingAsk, free: int) -> int | None:
    """As much as both want and is free, in whole steps; None where that is too little."""
    most = min(bid.milli, ask.ask.max_milli or bid.milli, free)
    milli = most - most % ask.terms.step
    least = max(bid.min_milli, ask.ask.min_milli, ask.terms.step)
    return milli if milli >= least else None


def _on_offer(ask: Ask, supply: Supply, milli: int) -> int:
    """Seconds of a share that the ask's quantity still has."""
    if ask.quantity == 0:
        return MAX_DURATION
    return max(0, ask.quantity - supply.filled_gpu_ms) // milli


def _affordable(bid: Bid, milli: int, ticks: int, longest: int, free_balance: int) -> int:
    """The longest duration in whole lots that budget and balance pay for; 0 for none."""
    money = min(bid.budget, free_balance) if bid.budget else free_balance
    seconds = min(longest, max(0, money) // ticks * LOT_GPU_MS // milli)
    duration = seconds - seconds % (LOT_GPU_MS // gcd(LOT_GPU_MS, milli))
    assert duration == 0 or cost(lots(milli, duration), ticks) <= money
    return duration


def _bears_interruption(bid: Bid, terms: TermsView) -> bool:
    if not terms.interruptible:
        return True
    return bid.interruptible and terms.notice >= bid.min_notice


def _admits(allow: tuple[str, ...], deny: tuple[str, ...], wallet: str) -> bool:
    return wallet not in deny and (not allow or wallet in allow)


def _deadline(order: RestingAsk | RestingBid) -> int:
    return order.ask.deadline if isinstance(order, RestingAsk) else order.bid.deadline
