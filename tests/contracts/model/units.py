"""Units that change hands or are cut anew."""

from __future__ import annotations

from collections.abc import Sequence

from model.parts import HOUR, ZERO, Flag, Refused, series_of
from model.state import State

from contracts.protocol.series import Series
from contracts.protocol.units import LOT_GPU_MS, MAX_DURATION


def transfer(
    state: State, caller: str, holder: str, to: str, moves: Sequence[tuple[int, int]]
) -> None:
    """`safeTransferFrom` and its batch: (series, units) pairs."""
    if caller != holder:
        raise Refused("ERC1155MissingApprovalForAll")
    if to == ZERO:
        raise Refused("ERC1155InvalidReceiver")
    for series, units in moves:
        move(state, holder, to, series, units)
    if to in (state.market, state.arbitration):  # contracts that receive no units
        raise Refused("ERC1155InvalidReceiver")


def move(state: State, holder: str, to: str, series: int, units: int) -> None:
    """Whole steps of the whole window, until FREEZE before its start."""
    source = state.positions[series, holder]
    if units > source.units:
        raise Refused("ERC1155InsufficientBalance")
    if units == 0:
        return
    parts = series_of(series)
    if state.now + state.times.freeze >= parts.start:
        raise Refused("TransfersFrozen")
    if source.flags:
        raise Refused("PositionNotOpen")
    if units * LOT_GPU_MS % (parts.step * parts.duration):
        raise Refused("NotWholeSteps")
    milli = units * LOT_GPU_MS // parts.duration
    state.remove_units((series, holder), units, milli)
    _mint(state, to, parts, milli)


def split(state: State, caller: str, series: int, at: int, milli: int) -> None:
    """Cut a position at a whole hour; of a running one the tail is cut off."""
    lease, freeze = (series, caller), state.times.freeze
    position, parts = state.positions[lease], series_of(series)
    if at % HOUR or not parts.start < at < position.end:
        raise Refused("CutOutside")
    if at < state.now + freeze:
        raise Refused("CutTooSoon")
    tail = Series(at, position.end - at, parts.ticks, parts.step, parts.terms)
    tail_units = _units_of(milli, tail.duration)
    if state.now + freeze < parts.start:
        _burn(state, caller, series, milli)
        head = Series(parts.start, at - parts.start, parts.ticks, parts.step, parts.terms)
        _units_of(milli, head.duration)
        _mint(state, caller, head, milli)
    else:
        if position.flags & ~Flag.CUT:
            raise Refused("PositionNotOpen")
        if milli != position.milli:
            raise Refused("MilliOutsideLimits")
        position.units -= tail_units
        position.end = at
        position.flags |= Flag.CUT
    _mint(state, caller, tail, milli)


def merge(state: State, caller: str, first: int, second: int, milli: int) -> None:
    """Join two parts that meet on a whole hour and have not started."""
    one, two = series_of(first), series_of(second)
    alike = (one.ticks, one.step, one.terms) == (two.ticks, two.step, two.terms)
    if not alike or one.end != two.start or two.start % HOUR:
        raise Refused("NotAdjacent")
    duration = one.duration + two.duration
    if duration > MAX_DURATION:
        raise Refused("DurationOutsideLimits")
    if state.now + state.times.freeze >= one.start:
        raise Refused("TransfersFrozen")
    _burn(state, caller, first, milli)
    _burn(state, caller, second, milli)
    _mint(state, caller, Series(one.start, duration, one.ticks, one.step, one.terms), milli)


def _burn(state: State, holder: str, series: int, milli: int) -> None:
    position, parts = state.positions[series, holder], series_of(series)
    if position.flags:
        raise Refused("PositionNotOpen")
    units = _units_of(milli, parts.duration)
    if milli > position.milli:
        raise Refused("MilliOutsideLimits")
    if milli % parts.step:
        raise Refused("MilliOffStep")
    state.remove_units((series, holder), units, milli)


def _mint(state: State, holder: str, parts: Series, milli: int) -> None:
    lease = (parts.id, holder)
    if state.positions[lease].flags:
        raise Refused("PositionNotOpen")
    state.add_units(lease, _units_of(milli, parts.duration), milli, parts.end)


def _units_of(milli: int, seconds: int) -> int:
    if milli * seconds == 0 or milli * seconds % LOT_GPU_MS:
        raise Refused("NotWholeLots")
    return milli * seconds // LOT_GPU_MS
