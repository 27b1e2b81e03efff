"""What fills mean: leases say what the chain says, whoever sent the fill.

The order log is public and orders without a filler may be paired by anybody, also in another way
than our matcher did. The position on chain is one for each series and holder, and so is the lease.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.bindings.errors import error_name
from contracts.bindings.events import Filled, FilledBid, FillSkipped
from contracts.protocol.eip712 import ZERO_HASH
from contracts.protocol.lifecycle import LeaseStatus, OrderStatus, advance
from contracts.protocol.series import Series
from contracts.protocol.units import LOT_GPU_MS, cost
from contracts.protocol.wire import to_hex
from marketplace_api.models import ChainTransaction, Lease, Terms
from settlement import queue
from settlement.chain.holdings import GONE, JOINED, displace, is_simulated
from settlement.chain.seen import Seen
from settlement.ledger import Kind, PostingKind, gpu_time, money, move, post
from settlement.requests import request_end
from settlement.standing import (
    fail_fill,
    finish_order,
    lock_lease_of_bid,
    lock_lease_of_position,
    lock_order,
    pending_bids_of_ask,
)

log = structlog.get_logger()

REVERTED = "fill-reverted"
"""A stranger's fill left the chain; we have none of our own to send."""


def filled(session: Session, seen: Seen[Filled]) -> None:
    """Units were minted against escrow: each lease is active, each bid filled."""
    for part, fill in enumerate(seen.event.fills):
        lease_id = _follow(session, seen, fill)
        series = Series.from_id(fill.series)
        escrow = cost(fill.units, series.ticks)
        entries = move(
            money(fill.buyer, Kind.BALANCE), money(fill.buyer, Kind.ESCROW, fill.series), escrow
        ) + move(
            gpu_time(seen.event.provider, Kind.ISSUED, fill.series),
            gpu_time(fill.buyer, Kind.UNITS, fill.series),
            fill.units * LOT_GPU_MS,
        )
        post(session, PostingKind.FILLED, entries, seen.source(part), lease_id)


def undo_filled(session: Session, seen: Seen[Filled]) -> None:
    """The fill is off the chain; ours is sent again, a stranger's cannot be."""
    is_ours = _transaction(session, seen.transaction) is not None
    for fill in reversed(seen.event.fills):
        bid = to_hex(fill.bid)
        order = lock_order(session, bid)
        lease = lock_lease_of_position(session, fill.series, fill.buyer)
        if order is not None and order.status is OrderStatus.FILLED:
            order.status = advance(order.status, OrderStatus.MATCHED)
        if lease is None or lease.units > fill.units:
            _shrink(session, lease, fill)
            continue
        lease.status = advance(lease.status, LeaseStatus.PENDING)
        lease.fill_transaction = lease.activated_at = None
        log.warning("lease.fill_reverted", lease_id=str(lease.id))
        session.flush()
        if not is_ours:
            fail_fill(session, bid, REVERTED)


def fill_skipped(session: Session, seen: Seen[FillSkipped]) -> None:
    """Our fill was refused. Anybody can submit a bad one: only our own counts."""
    ours = _transaction(session, seen.transaction)
    if ours is None:
        return
    reason = error_name(seen.event.reason)
    if seen.event.bid_digest != ZERO_HASH:
        fail_fill(session, to_hex(seen.event.bid_digest), reason)
        return
    served = [UUID(str(row.payload["lease_id"])) for row in queue.rows_of(session, ours.id)]
    for digest in pending_bids_of_ask(session, to_hex(seen.event.ask_digest), served):
        fail_fill(session, digest, reason)


def _follow(session: Session, seen: Seen[Filled], fill: FilledBid) -> UUID | None:
    """The lease that the units are in."""
    bid = to_hex(fill.bid)
    finish_order(session, bid)
    displace(session, fill.series, fill.buyer, keep=bid)
    waiting = lock_lease_of_bid(session, bid)
    position = lock_lease_of_position(session, fill.series, fill.buyer)
    if position is not None and position is not waiting and position.status not in GONE:
        _join(session, position, waiting, fill)
        return position.id
    terms = session.get(Terms, seen.event.terms)
    if terms is None:
        log.error("fill.unknown_terms", bid=bid, terms=seen.event.terms)
        return None
    lease = position or waiting
    if lease is None:
        log.info("fill.foreign", bid=bid, buyer=fill.buyer)
        lease = Lease(status=LeaseStatus.PENDING)
    elif lease is not waiting:
        _give_way(waiting)
        session.flush()
    _write(lease, seen, fill, terms)
    lease.simulated = is_simulated(session, terms.provider, terms.device_class)
    session.add(lease)
    session.flush()
    request_end(session, lease)
    log.info("lease.active", lease_id=str(lease.id), block=seen.block_number)
    return lease.id


def _write(lease: Lease, seen: Seen[Filled], fill: FilledBid, terms: Terms) -> None:
    """What the chain says, in place of what the matcher had in mind."""
    series = Series.from_id(fill.series)
    lease.bid_digest = to_hex(fill.bid)
    lease.ask_digest = to_hex(seen.event.ask_digest)
    lease.provider, lease.holder = seen.event.provider, fill.buyer
    lease.terms, lease.device_class, lease.isolation = (
        terms.number,
        terms.device_class,
        terms.isolation,
    )
    lease.series, lease.units, lease.milli = fill.series, fill.units, fill.milli
    lease.start, lease.end, lease.ticks = series.start, series.end, series.ticks
    lease.status, lease.reason = advance(lease.status, LeaseStatus.ACTIVE), None
    lease.fill_transaction = seen.transaction
    lease.activated_at = datetime.now(UTC)


def _join(session: Session, position: Lease, waiting: Lease | None, fill: FilledBid) -> None:
    """A second fill of a series grows the position that the holder has."""
    position.units += fill.units
    position.milli += fill.milli
    _give_way(waiting)
    session.flush()
    log.info("lease.grown", lease_id=str(position.id), bid=to_hex(fill.bid))


def _give_way(waiting: Lease | None) -> None:
    """What waited for the fill is not the lease that got it."""
    if waiting is not None and waiting.status is LeaseStatus.PENDING:
        waiting.status, waiting.reason = advance(waiting.status, LeaseStatus.FAILED), JOINED


def _shrink(session: Session, position: Lease | None, fill: FilledBid) -> None:
    if position is not None:
        position.units -= fill.units
        position.milli -= fill.milli
        session.flush()


def _transaction(session: Session, transaction: str) -> ChainTransaction | None:
    return session.scalars(
        select(ChainTransaction).where(ChainTransaction.hash == transaction)
    ).first()
