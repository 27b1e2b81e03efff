"""What an ask and a bid let a fill be, and what stays of them afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field

from model.parts import ZERO, Record, Terms
from model.state import State

from contracts.protocol.typed_data import Ask, Bid
from contracts.protocol.units import (
    LOT_GPU_MS,
    MAX_AHEAD,
    MAX_DURATION,
    MAX_OPEN_ORDER_LIFE,
    MAX_ORDER_LIFE,
    TICK,
)

MAX_TICKS = (1 << 40) - 1


@dataclass(frozen=True)
class Wanted:
    """One bid and what it is to get; who signed it and what its proof proves."""

    bid: Bid
    digest: str
    signer: str | None
    proven: bytes
    """The leaf that lies under `bid.device_classes` by the proof; zeros for a wrong proof."""
    milli: int
    start: int
    duration: int
    price: int

    @property
    def gpu_ms(self) -> int:
        return self.milli * self.duration

    @property
    def units(self) -> int:
        return self.gpu_ms // LOT_GPU_MS

    @property
    def ticks(self) -> int:
        return self.price // TICK

    @property
    def payment(self) -> int:
        return self.units * self.ticks


@dataclass(frozen=True)
class Group:
    """One ask with the bids that fill it."""

    ask: Ask
    digest: str
    signer: str | None
    fills: tuple[Wanted, ...] = field(default=())


Skips = list[str]
"""Names of the refusals of what was skipped, in order."""


def validity(state: State, order: Ask | Bid, caller: str) -> str | None:
    """Time and filler of an order."""
    if state.now < order.valid_from:
        return "NotYetValid"
    if state.now > order.deadline:
        return "OrderExpired"
    limit = MAX_OPEN_ORDER_LIFE if order.filler == ZERO else MAX_ORDER_LIFE
    if order.deadline - order.valid_from > limit:
        return "OrderLifeTooLong"
    return None if order.filler in (ZERO, caller) else "WrongFiller"


def maker(state: State, account: str, order: Ask | Bid) -> str | None:
    """Whether the order still stands."""
    if state.accounts[account].epoch != order.epoch:
        return "EpochMismatch"
    return None if state.accounts[account].is_open(order.nonce) else "NonceSpent"


def pair(
    state: State, caller: str, ask: Ask, terms: Terms, leaf: bytes, wanted: Wanted
) -> str | None:
    """What the pair refuses, whatever was filled before and whoever pays."""
    return (
        validity(state, wanted.bid, caller)
        or _price(ask, wanted)
        or _kind(terms, leaf, wanted)
        or _window(ask, wanted)
        or _amount(ask, terms, wanted)
    )


def clock(state: State, start: int) -> str | None:
    """What the start of a new lease must be."""
    late = start + state.times.start_grace < state.now
    return "StartOutsideLimits" if late or start > state.now + MAX_AHEAD else None


def ask_rest(ask: Ask, record: Record, gpu_ms: int) -> str | None:
    if ask.max_fills and record.fills >= ask.max_fills:
        return "FillsExceeded"
    return "QuantityExceeded" if ask.quantity and record.gpu_ms + gpu_ms > ask.quantity else None


def bid_rest(bid: Bid, record: Record, milli: int, cost: int) -> str | None:
    if record.milli + milli > bid.milli:
        return "MilliOutsideLimits"
    return "OverBudget" if bid.budget and record.cost + cost > bid.budget else None


def buyer(state: State, bid: Bid, cost: int) -> str | None:
    """What the buyer's account refuses."""
    refusal = maker(state, bid.buyer, bid)
    if refusal is None and cost > state.accounts[bid.buyer].balance:
        return "InsufficientBalance"
    return refusal


def keeps_record(order: Ask | Bid) -> bool:
    """Whether fills of the order are remembered."""
    if isinstance(order, Ask):
        return bool(order.quantity or order.max_fills or order.filler != ZERO)
    return order.max_fills > 1 or order.filler != ZERO


def is_done(bid: Bid, record: Record) -> bool:
    """Whether a bid wants no more, so that its nonce is spent."""
    rest = bid.milli - record.milli
    return record.fills >= bid.max_fills or rest == 0 or rest < bid.min_milli


def _price(ask: Ask, wanted: Wanted) -> str | None:
    price = wanted.price
    if price == 0 or price % TICK or wanted.ticks > MAX_TICKS:
        return "PriceOffTick"
    chosen = ask.filler != ZERO and ask.filler == wanted.bid.filler
    inside = price >= ask.price_per_gpu_hour if chosen else price == ask.price_per_gpu_hour
    if not inside or price > wanted.bid.max_price_per_gpu_hour:
        return "PriceOutsideLimits"
    return None


def _kind(terms: Terms, leaf: bytes, wanted: Wanted) -> str | None:
    bid = wanted.bid
    if wanted.proven != leaf:
        return "ClassNotAccepted"
    if terms.isolation < bid.min_isolation:
        return "IsolationTooWeak"
    if terms.reservation_fee_bps > bid.max_reservation_fee_bps:
        return "ReservationFeeTooHigh"
    if terms.sla_credit_bps < bid.min_sla_credit_bps:
        return "SlaCreditTooLow"
    if terms.interruptible and (not bid.interruptible or terms.notice < bid.min_notice):
        return "NoticeTooShort"
    return "ArbitersNotAccepted" if bid.arbiter_set not in (0, terms.arbiter_set) else None


def _window(ask: Ask, wanted: Wanted) -> str | None:
    bid, duration = wanted.bid, wanted.duration
    longest = min(bid.max_duration, ask.max_duration or MAX_DURATION, MAX_DURATION)
    if not max(bid.min_duration, ask.min_duration) <= duration <= longest:
        return "DurationOutsideLimits"
    first, last = max(bid.window_start, ask.window_start), min(bid.window_end, ask.window_end)
    if wanted.start < first or wanted.start + duration > last:
        return "WindowOutsideLimits"
    return None


def _amount(ask: Ask, terms: Terms, wanted: Wanted) -> str | None:
    most = min(wanted.bid.milli, ask.max_milli or wanted.bid.milli)
    if not max(wanted.bid.min_milli, ask.min_milli) <= wanted.milli <= most:
        return "MilliOutsideLimits"
    if wanted.milli % terms.step:
        return "MilliOffStep"
    if wanted.gpu_ms == 0 or wanted.gpu_ms % LOT_GPU_MS:
        return "NotWholeLots"
    return None
