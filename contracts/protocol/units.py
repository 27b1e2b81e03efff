"""Units of the protocol and the only arithmetic done on them.

Time is in whole seconds or milliseconds, shares in milli (thousandths of one device), usage and
tokens in GPU-ms, money in the smallest unit of the payment token. Everything is an integer.

======================  ==========================================================
``TICK``                prices move by 0.001 payment token per GPU-hour
``LOT_GPU_MS``          amounts move by 0.001 GPU-hour: 3,600 GPU-ms
cost of a position      ``lots * ticks``: exact, because 0.001 * 0.001 * 10**6 = 1
payment for usage       ``used * ticks // 3,600``: rounded down on the cumulative amount
======================  ==========================================================
"""

from __future__ import annotations

from typing import NewType

from contracts.protocol.errors import ProtocolError

Amount = NewType("Amount", int)
"""Money in the smallest unit of the payment token."""
GpuMs = NewType("GpuMs", int)
"""One whole device for one millisecond."""
Milli = NewType("Milli", int)
"""Thousandths of one device of the class."""
Seconds = NewType("Seconds", int)
Timestamp = NewType("Timestamp", int)
"""Unix time in seconds, by the clock of the chain."""
PricePerGpuHour = NewType("PricePerGpuHour", int)
"""Money per GPU-hour, a multiple of ``TICK``."""
Lots = NewType("Lots", int)
"""Units of a series: one lot is 0.001 GPU-hour."""
SeriesId = NewType("SeriesId", int)

MILLI_PER_DEVICE = 1000
GPU_MS_PER_HOUR = 3_600_000
LOT_GPU_MS = 3_600
TICK = 1_000
BPS = 10_000
MAX_DURATION = Seconds(168 * 3600)
MAX_AHEAD = Seconds(90 * 24 * 3600)
MAX_ORDER_LIFE = Seconds(24 * 3600)
"""Longest validity of an order that names its filler."""
MAX_OPEN_ORDER_LIFE = Seconds(300)
"""Longest validity of an order that anybody may fill."""


def gpu_ms(milli: int, seconds: int) -> GpuMs:
    """GPU-ms of ``milli`` over ``seconds``: 250 milli for 72 s is 18,000."""
    return GpuMs(milli * seconds)


def lots(milli: int, seconds: int) -> Lots:
    """Units of a position of ``milli`` over ``seconds``; refuses a broken number of lots."""
    total = milli * seconds
    if total <= 0 or total % LOT_GPU_MS:
        step = _smallest_duration(milli) if milli > 0 else 0
        near = max(step, (seconds + step // 2) // step * step) if step else 0
        raise ProtocolError(
            "milli x seconds",
            f"a positive multiple of {LOT_GPU_MS} GPU-ms (nearest valid: {milli} milli x {near} s)",
            total,
            code="not-a-lot",
        )
    return Lots(total // LOT_GPU_MS)


def whole_lots(milli: int, seconds: int) -> Seconds:
    """The shortest duration from ``seconds`` on that makes whole lots of ``milli``: 1206 for 1200
    and 1000. Returns ``seconds`` where ``milli`` is not positive, for others to refuse."""
    if milli <= 0:
        return Seconds(seconds)
    step = _smallest_duration(milli)
    return Seconds(-(-seconds // step) * step)


def price_ticks(price: int, field: str = "price_per_gpu_hour") -> int:
    """A price in ticks; refuses what is not a positive multiple of the tick."""
    if price <= 0 or price % TICK:
        near = max(TICK, (price + TICK // 2) // TICK * TICK)
        raise ProtocolError(
            field, f"a positive multiple of {TICK} (nearest valid: {near})", price, code="off-tick"
        )
    return price // TICK


def cost(units: int, ticks: int) -> Amount:
    """Exact cost of ``units`` lots at ``ticks``."""
    return Amount(units * ticks)


def payment_down(used: int, ticks: int) -> Amount:
    """What ``used`` GPU-ms (cumulative) are worth at ``ticks``, rounded down."""
    return Amount(used * ticks // LOT_GPU_MS)


def share_down(amount: int, bps: int) -> Amount:
    """``bps`` ten-thousandths of ``amount``, rounded down: fees and reservation fees."""
    return Amount(amount * bps // BPS)


def _smallest_duration(milli: int) -> int:
    """Seconds after which ``milli`` first makes a whole lot."""
    for seconds in range(1, LOT_GPU_MS + 1):
        if milli * seconds % LOT_GPU_MS == 0:
            return seconds
    raise AssertionError("every milli divides the lot within 3,600 s")
