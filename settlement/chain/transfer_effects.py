"""What it means that units change hands or windows: transfers, resales, splits, merges.

Escrow goes with the units. What is cut is burned and minted anew at the same cost; both are booked
here, because the transfers from and to nobody that ERC-1155 tells of them do not say why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from contracts.bindings.events import Event, Merged, Resold, Split, TransferBatch, TransferSingle
from contracts.protocol.eip712 import ZERO_ADDRESS
from contracts.protocol.series import Series
from contracts.protocol.units import LOT_GPU_MS, cost, lots
from contracts.protocol.wire import to_hex
from marketplace_api.models import Lease
from settlement.chain.holdings import give, take
from settlement.chain.past import provider_of, treasury
from settlement.chain.seen import Seen
from settlement.ledger import Entry, Kind, PostingKind, gpu_time, money, move, netted, post
from settlement.standing import finish_order, lock_lease_of_position


@dataclass(frozen=True, slots=True)
class Move:
    """Units of one series from one holder to another."""

    source: str
    target: str
    series: int
    units: int

    @property
    def milli(self) -> int:
        """Units move over the whole window."""
        return self.units * LOT_GPU_MS // Series.from_id(self.series).duration

    @property
    def back(self) -> Move:
        """What undoes it."""
        return Move(self.target, self.source, self.series, self.units)


def transferred(session: Session, seen: Seen[TransferSingle]) -> None:
    """Units changed hands, their escrow goes with them."""
    _transfer(session, seen, _moves(seen.event))


def transferred_batch(session: Session, seen: Seen[TransferBatch]) -> None:
    """Units of several series changed hands."""
    _transfer(session, seen, _moves(seen.event))


def undo_transferred(session: Session, seen: Seen[TransferSingle] | Seen[TransferBatch]) -> None:
    """The units are with their former holder again."""
    for one in reversed(_moves(seen.event)):
        _hand_over(session, seen, one.back)


def resold(session: Session, seen: Seen[Resold]) -> None:
    """The buyer paid the seller; the units came with a transfer."""
    event = seen.event
    finish_order(session, to_hex(event.bid_digest))
    lease = lock_lease_of_position(session, event.series, event.buyer)
    buyer = money(event.buyer, Kind.BALANCE)
    entries = move(buyer, money(event.seller, Kind.BALANCE), event.payment - event.fee)
    entries += move(buyer, money(treasury(session, seen), Kind.BALANCE), event.fee)
    post(session, PostingKind.RESOLD, entries, seen.source(), lease.id if lease else None)


def split(session: Session, seen: Seen[Split]) -> None:
    """The tail is a lease of its own; so is the head, unless it keeps its id."""
    event = seen.event
    tail = Series.from_id(event.tail)
    tail_units = lots(event.milli, tail.duration)
    if event.head == event.series:
        lease = lock_lease_of_position(session, event.series, event.holder)
        if lease is not None:
            lease.units -= tail_units
            lease.end = tail.start
        entries = _cut(session, event.holder, event.series, tail_units)
    else:
        whole, head_units = _units(event.series, event.milli), _units(event.head, event.milli)
        lease = take(session, event.series, event.holder, whole, event.milli)
        give(session, seen, event.head, event.holder, head_units, event.milli, lease)
        entries = _cut(session, event.holder, event.series, whole)
        entries += _grown(session, event.holder, event.head, head_units)
    cut = give(session, seen, event.tail, event.holder, tail_units, event.milli, lease)
    entries += _grown(session, event.holder, event.tail, tail_units)
    post(session, PostingKind.SPLIT, netted(entries), seen.source(), cut.id)


def undo_split(session: Session, seen: Seen[Split]) -> None:
    """One window again."""
    event = seen.event
    tail = Series.from_id(event.tail)
    tail_units = lots(event.milli, tail.duration)
    lease = take(session, event.tail, event.holder, tail_units, event.milli)
    if event.head != event.series:
        take(session, event.head, event.holder, _units(event.head, event.milli), event.milli)
        whole = _units(event.series, event.milli)
        give(session, seen, event.series, event.holder, whole, event.milli, lease)
    elif (head := lock_lease_of_position(session, event.series, event.holder)) is not None:
        head.units += tail_units
        head.end = tail.end


def merged(session: Session, seen: Seen[Merged]) -> None:
    """Two windows became one."""
    event = seen.event
    units = _units(event.merged, event.milli)
    entries: tuple[Entry, ...] = ()
    lease: Lease | None = None
    for part in (event.first, event.second):
        part_units = _units(part, event.milli)
        lease = take(session, part, event.holder, part_units, event.milli)
        entries += _cut(session, event.holder, part, part_units)
    joined = give(session, seen, event.merged, event.holder, units, event.milli, lease)
    entries += _grown(session, event.holder, event.merged, units)
    post(session, PostingKind.MERGED, netted(entries), seen.source(), joined.id)


def undo_merged(session: Session, seen: Seen[Merged]) -> None:
    """Two windows again."""
    event = seen.event
    units = _units(event.merged, event.milli)
    lease = take(session, event.merged, event.holder, units, event.milli)
    for part in (event.second, event.first):
        give(session, seen, part, event.holder, _units(part, event.milli), event.milli, lease)


def _moves(event: TransferSingle | TransferBatch) -> tuple[Move, ...]:
    if ZERO_ADDRESS in (event.from_, event.to) or event.from_ == event.to:
        # Mints and burns are booked with their fill, their cut or their closing.
        return ()
    parts: Iterable[tuple[int, int]]
    if isinstance(event, TransferBatch):
        parts = zip(event.ids, event.values, strict=True)
    else:
        parts = ((event.id, event.value),)
    return tuple(Move(event.from_, event.to, series, units) for series, units in parts if units)


def _transfer(session: Session, seen: Seen[Event], moves: tuple[Move, ...]) -> None:
    for part, one in enumerate(moves):
        lease = _hand_over(session, seen, one)
        entries = move(
            money(one.source, Kind.ESCROW, one.series),
            money(one.target, Kind.ESCROW, one.series),
            cost(one.units, Series.from_id(one.series).ticks),
        ) + move(
            gpu_time(one.source, Kind.UNITS, one.series),
            gpu_time(one.target, Kind.UNITS, one.series),
            one.units * LOT_GPU_MS,
        )
        post(session, PostingKind.TRANSFERRED, entries, seen.source(part), lease.id)


def _hand_over(session: Session, seen: Seen[Event], one: Move) -> Lease:
    lease = take(session, one.series, one.source, one.units, one.milli)
    return give(session, seen, one.series, one.target, one.units, one.milli, lease)


def _units(series_id: int, milli: int) -> int:
    return lots(milli, Series.from_id(series_id).duration)


def _cut(session: Session, holder: str, series_id: int, units: int) -> tuple[Entry, ...]:
    """Units of a series are burned; their cost meets that of what is minted in the balance."""
    return move(
        money(holder, Kind.ESCROW, series_id),
        money(holder, Kind.BALANCE),
        cost(units, Series.from_id(series_id).ticks),
    ) + move(
        gpu_time(holder, Kind.UNITS, series_id),
        gpu_time(provider_of(session, series_id), Kind.ISSUED, series_id),
        units * LOT_GPU_MS,
    )


def _grown(session: Session, holder: str, series_id: int, units: int) -> tuple[Entry, ...]:
    """Units of another window of the same cost are minted."""
    return tuple(
        Entry(entry.account, -entry.amount) for entry in _cut(session, holder, series_id, units)
    )
