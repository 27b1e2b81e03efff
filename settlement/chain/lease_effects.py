"""What events of positions mean: payments, closings, transfers."""

from __future__ import annotations

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.bindings.errors import error_name
from contracts.bindings.events import (
    Closed,
    CloseSkipped,
    Redeemed,
    RedeemSkipped,
    TransferBatch,
    TransferSingle,
)
from contracts.protocol.eip712 import ZERO_ADDRESS
from contracts.protocol.lifecycle import LeaseStatus, advance
from contracts.protocol.series import Series
from contracts.protocol.units import LOT_GPU_MS, cost
from marketplace_api import outbox
from marketplace_api.models import (
    ChainEvent,
    Lease,
    OutboxKind,
    Terms,
)
from settlement import queue
from settlement.chain.seen import Seen
from settlement.failure import give_up
from settlement.ledger import (
    Kind,
    PostingKind,
    balance,
    gpu_time,
    money,
    move,
    post,
)
from settlement.requests import request_close, request_end
from settlement.standing import (
    lock_lease_of_position,
)

log = structlog.get_logger()

TOO_EARLY = frozenset({"CloseTooEarly", "MoreThanElapsed", "NotStarted"})
"""Refusals that a later block answers otherwise."""
DONE_ALREADY = frozenset({"VoucherNotNewer", "PositionFinal"})
"""Refusals of what somebody did before us."""
LATER_S = 1


def redeemed(session: Session, seen: Seen[Redeemed]) -> None:
    """Usage was paid out of the escrow; after a final voucher the lease closes."""
    event = seen.event
    lease = lock_lease_of_position(session, event.series, event.holder)
    if lease is not None:
        lease.used_gpu_ms = event.used_gpu_ms
        lease.paid += event.payment
        lease.fee += event.fee
        lease.redeem_transaction = seen.transaction
        if event.is_final and lease.status is LeaseStatus.ACTIVE:
            lease.status = advance(lease.status, LeaseStatus.CLOSING)
        if event.is_final:
            request_close(session, lease, seen.deployment.constants)
    escrow = money(event.holder, Kind.ESCROW, event.series)
    entries = move(escrow, money(event.provider, Kind.BALANCE), event.payment - event.fee)
    entries += move(escrow, money(seen.deployment.treasury, Kind.BALANCE), event.fee)
    post(session, PostingKind.REDEEMED, entries, seen.source(), lease.id if lease else None)


def undo_redeemed(session: Session, seen: Seen[Redeemed]) -> None:
    """The payment is off the chain."""
    event = seen.event
    lease = lock_lease_of_position(session, event.series, event.holder)
    if lease is not None:
        lease.used_gpu_ms = _used_before(session, seen)
        lease.paid -= event.payment
        lease.fee -= event.fee
        lease.redeem_transaction = None


def redeem_skipped(session: Session, seen: Seen[RedeemSkipped]) -> None:
    """Our voucher was refused."""
    event = seen.event
    lease = lock_lease_of_position(session, event.series, event.holder)
    _skipped(session, seen.transaction, OutboxKind.VOUCHER_REDEEM, lease, event.reason)


def closed(session: Session, seen: Seen[Closed]) -> None:
    """Units were burned, the rest of the escrow is the holder's again."""
    event = seen.event
    lease = lock_lease_of_position(session, event.series, event.holder)
    if lease is not None:
        lease.status = advance(lease.status, LeaseStatus.CLOSED)
        lease.used_gpu_ms = event.used_gpu_ms
        lease.refunded += event.refund
        lease.close_transaction = seen.transaction
        outbox.finish_key(session, f"lease.end:{lease.id}")
        log.info("lease.closed", lease_id=str(lease.id), refund=event.refund)
    units = gpu_time(event.holder, Kind.UNITS, event.series)
    provider = _provider(session, event.series, lease)
    unused = balance(session, units) - event.used_gpu_ms
    entries = (
        move(
            money(event.holder, Kind.ESCROW, event.series),
            money(event.holder, Kind.BALANCE),
            event.refund,
        )
        + move(units, gpu_time(provider, Kind.USED, event.series), event.used_gpu_ms)
        + move(units, gpu_time(provider, Kind.UNUSED, event.series), unused)
    )
    post(session, PostingKind.CLOSED, entries, seen.source(), lease.id if lease else None)


def undo_closed(session: Session, seen: Seen[Closed]) -> None:
    """The position is open again."""
    event = seen.event
    lease = lock_lease_of_position(session, event.series, event.holder)
    if lease is not None:
        lease.status = advance(lease.status, LeaseStatus.CLOSING)
        lease.refunded -= event.refund
        lease.close_transaction = None
        request_end(session, lease)


def close_skipped(session: Session, seen: Seen[CloseSkipped]) -> None:
    """Our closing was refused."""
    event = seen.event
    lease = lock_lease_of_position(session, event.series, event.holder)
    _skipped(session, seen.transaction, OutboxKind.LEASE_CLOSE, lease, event.reason)


def transferred(session: Session, seen: Seen[TransferSingle]) -> None:
    """Units changed hands, their escrow goes with them."""
    event = seen.event
    _transfer(session, seen, event.from_, event.to, ((event.id, event.value),))


def transferred_batch(session: Session, seen: Seen[TransferBatch]) -> None:
    """Units of several series changed hands."""
    event = seen.event
    parts = tuple(zip(event.ids, event.values, strict=True))
    _transfer(session, seen, event.from_, event.to, parts)


def _skipped(
    session: Session, transaction: str, kind: OutboxKind, lease: Lease | None, selector: bytes
) -> None:
    row = queue.find_row(session, kind, transaction, lease.id) if lease else None
    if row is None:
        return
    reason = error_name(selector)
    log.warning("work.skipped", kind=kind, outbox_id=row.id, reason=reason)
    if reason in DONE_ALREADY or (lease and lease.status is LeaseStatus.CLOSED):
        return
    if reason in TOO_EARLY and row.attempts < queue.RETRIES:
        queue.detach(session, row, reason, LATER_S)
    else:
        give_up(session, row, reason)


def _transfer(
    session: Session,
    seen: Seen[TransferSingle] | Seen[TransferBatch],
    source: str,
    target: str,
    parts: tuple[tuple[int, int], ...],
) -> None:
    if ZERO_ADDRESS in (source, target):
        # Mints and burns are booked with their fill and their closing.
        return
    for part, (series_id, units) in enumerate(parts):
        series = Series.from_id(series_id)
        entries = move(
            money(source, Kind.ESCROW, series_id),
            money(target, Kind.ESCROW, series_id),
            cost(units, series.ticks),
        ) + move(
            gpu_time(source, Kind.UNITS, series_id),
            gpu_time(target, Kind.UNITS, series_id),
            units * LOT_GPU_MS,
        )
        post(session, PostingKind.TRANSFERRED, entries, seen.source(part))


def _provider(session: Session, series_id: int, lease: Lease | None) -> str:
    if lease is not None:
        return lease.provider
    number = Series.from_id(series_id).terms
    provider = session.scalar(select(Terms.provider).where(Terms.number == number))
    assert provider is not None, "a series names registered terms, and the watcher saw them first"
    return provider


def _used_before(session: Session, seen: Seen[Redeemed]) -> int:
    """What the newest payment before this one paid for."""
    rows = session.scalars(
        select(ChainEvent)
        .where(
            ChainEvent.name == Redeemed.__name__,
            ChainEvent.args["holder"].astext == seen.event.holder,
            ChainEvent.args["series"].astext == str(seen.event.series),
            ChainEvent.args["used_gpu_ms"].astext != str(seen.event.used_gpu_ms),
        )
        .order_by(ChainEvent.block_number.desc(), ChainEvent.log_index.desc())
        .limit(1)
    ).first()
    return int(rows.args["used_gpu_ms"]) if rows else 0
