"""What an order must satisfy by itself, before anything is matched: pure, shared by API and SDK.

The contracts enforce the same limits again; here they get a name, a limit and the value given.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.protocol.eip712 import ZERO_ADDRESS
from contracts.protocol.errors import NotSupportedError, ProtocolError
from contracts.protocol.series import Isolation
from contracts.protocol.typed_data import Ask, Bid, BidConstraints, TimeInForce
from contracts.protocol.units import (
    BPS,
    LOT_GPU_MS,
    MAX_AHEAD,
    MAX_DURATION,
    MAX_OPEN_ORDER_LIFE,
    MAX_ORDER_LIFE,
    MILLI_PER_DEVICE,
    TICK,
    lots,
    price_ticks,
)


@dataclass(frozen=True, slots=True)
class OrderRules:
    """What the market adds to the limits of the protocol."""

    start_grace: int
    max_milli: int = 64 * MILLI_PER_DEVICE


def check_ask(ask: Ask, now: int, rules: OrderRules) -> None:
    """Refuse an ask that no fill could ever satisfy; raises ``ProtocolError``."""
    _refuse_unserved(ask, "series")
    _refuse_unserved(ask.constraints, "time_in_force", prefix="constraints.")
    if ask.terms == 0:
        raise ProtocolError("terms", "the number of registered terms", 0)
    price_ticks(ask.price_per_gpu_hour)
    _check_validity(ask, now)
    _check_window(ask, now, rules)
    _check_ask_sizes(ask, rules)


def check_bid(bid: Bid, now: int, rules: OrderRules) -> None:
    """Refuse a bid that no fill could ever satisfy; raises ``ProtocolError``."""
    _check_bid_constraints(bid.constraints)
    if bid.max_fills > 1:
        raise NotSupportedError("max_fills", bid.max_fills)
    if bid.min_isolation > Isolation.HOST:
        raise ProtocolError("min_isolation", f"0 to {Isolation.HOST.value}", bid.min_isolation)
    for field in ("max_reservation_fee_bps", "min_sla_credit_bps"):
        if getattr(bid, field) > BPS:
            raise ProtocolError(field, f"at most {BPS}", getattr(bid, field))
    _check_milli(bid, rules)
    if bid.max_price_per_gpu_hour < TICK:
        raise ProtocolError(
            "max_price_per_gpu_hour",
            f"at least the tick, {TICK}",
            bid.max_price_per_gpu_hour,
            code="below-tick",
        )
    price_ticks(bid.max_price_per_gpu_hour, "max_price_per_gpu_hour")
    _check_validity(bid, now)
    _check_window(bid, now, rules)
    _check_durations(bid)
    lots(bid.milli, bid.max_duration)


def _check_ask_sizes(ask: Ask, rules: OrderRules) -> None:
    if 0 < ask.quantity < LOT_GPU_MS:
        raise ProtocolError("quantity", f"0 or at least a lot, {LOT_GPU_MS} GPU-ms", ask.quantity)
    if ask.max_milli and ask.min_milli > ask.max_milli:
        raise ProtocolError("min_milli", f"at most max_milli, {ask.max_milli}", ask.min_milli)
    if ask.max_milli > rules.max_milli:
        raise ProtocolError("max_milli", f"at most {rules.max_milli}", ask.max_milli)
    if ask.max_duration and ask.min_duration > ask.max_duration:
        raise ProtocolError(
            "min_duration", f"at most max_duration, {ask.max_duration}", ask.min_duration
        )
    if ask.min_duration > ask.window_end - ask.window_start:
        raise ProtocolError(
            "min_duration",
            f"at most the window, {ask.window_end - ask.window_start} s",
            ask.min_duration,
        )


def _check_milli(bid: Bid, rules: OrderRules) -> None:
    if not 0 < bid.milli <= rules.max_milli:
        raise ProtocolError("milli", f"1 to {rules.max_milli}", bid.milli)
    if not 0 < bid.min_milli <= bid.milli:
        raise ProtocolError("min_milli", f"1 to milli, {bid.milli}", bid.min_milli)


def _check_durations(bid: Bid) -> None:
    if not 0 < bid.min_duration <= bid.max_duration:
        raise ProtocolError(
            "min_duration", f"1 to max_duration, {bid.max_duration}", bid.min_duration
        )
    if bid.max_duration > MAX_DURATION:
        raise ProtocolError("max_duration", f"at most {MAX_DURATION} s", bid.max_duration)
    if bid.min_duration > bid.window_end - bid.window_start:
        raise ProtocolError(
            "min_duration",
            f"at most the window, {bid.window_end - bid.window_start} s",
            bid.min_duration,
        )


def _check_bid_constraints(constraints: BidConstraints) -> None:
    _refuse_unserved(
        constraints,
        "post_only",
        "regions",
        "min_memory_mib",
        "min_bond_per_milli",
        "min_reliability_bps",
        "min_tokens_per_kilojoule",
        "min_tokens_per_second_per_dollar",
        "evidence",
        "gang_devices",
        "gang_spread",
        prefix="constraints.",
    )
    if constraints.time_in_force > TimeInForce.IMMEDIATE_OR_CANCEL:
        raise ProtocolError("constraints.time_in_force", "0 or 1", constraints.time_in_force)


def _check_validity(order: Ask | Bid, now: int) -> None:
    if order.deadline <= now:
        raise ProtocolError("deadline", f"after now, {now}", order.deadline, code="expired")
    if order.valid_from > now:
        raise ProtocolError("valid_from", f"at most now, {now}", order.valid_from)
    life = order.deadline - order.valid_from
    longest = MAX_OPEN_ORDER_LIFE if order.filler == ZERO_ADDRESS else MAX_ORDER_LIFE
    if life > longest:
        raise ProtocolError("deadline", f"at most {longest} s after valid_from", life)


def _check_window(order: Ask | Bid, now: int, rules: OrderRules) -> None:
    if order.window_end <= order.window_start:
        raise ProtocolError(
            "window_end", f"after window_start, {order.window_start}", order.window_end
        )
    if order.window_end <= now:
        raise ProtocolError(
            "window_end", f"after now, {now}", order.window_end, code="window-in-the-past"
        )
    if isinstance(order, Bid) and order.window_start < now - rules.start_grace:
        raise ProtocolError(
            "window_start",
            f"at least {now - rules.start_grace}, {rules.start_grace} s before now",
            order.window_start,
            code="window-in-the-past",
        )
    if order.window_start > now + MAX_AHEAD:
        raise ProtocolError("window_start", f"at most {MAX_AHEAD} s ahead", order.window_start)


def _refuse_unserved(struct: object, *names: str, prefix: str = "") -> None:
    for name in names:
        value = getattr(struct, name)
        if value:
            raise NotSupportedError(prefix + name, value)
