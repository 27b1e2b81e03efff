"""From matched leases to one fill call: pending ones are batched, grouped by their ask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.bindings.market import AskGroup, BidFill
from contracts.protocol.lifecycle import LeaseStatus
from contracts.protocol.typed_data import Ask, Bid
from contracts.protocol.wire import from_wire, parse_hex
from marketplace_api.db import session_scope
from marketplace_api.models import Lease, LogKind, OrderLogEntry, OutboxMessage
from settlement import queue
from settlement.context import Context

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SignedAsk:
    """An ask of the log."""

    digest: str
    ask: Ask
    signature: bytes


@dataclass(frozen=True, slots=True)
class PendingFill:
    """A matched pair, ready for the chain."""

    ask: SignedAsk
    fill: BidFill


def prepare(context: Context, message_id: int) -> None:
    """Store one transaction that fills this lease and whatever else waits."""
    with session_scope() as session:
        rows = queue.lock_batch(session, message_id, context.settings.batch_max)
        served: list[OutboxMessage] = []
        fills: list[PendingFill] = []
        for row in rows:
            lease = session.get(Lease, UUID(str(row.payload["lease_id"])))
            if lease is None or lease.status is not LeaseStatus.PENDING:
                row.done_at = func.now()
                continue
            served.append(row)
            fills.append(_load(session, lease))
        if served:
            data = context.market.fill(group(fills))
            queue.store_intent(session, served, context.operator, context.market.address, data)
            log.info("fill.prepared", leases=[row.payload["lease_id"] for row in served])


def group(fills: Iterable[PendingFill]) -> tuple[AskGroup, ...]:
    """One group for each ask: its signature is checked, and its data paid for, once."""
    asks: dict[str, SignedAsk] = {}
    by_ask: dict[str, list[BidFill]] = defaultdict(list)
    for pending in fills:
        asks[pending.ask.digest] = pending.ask
        by_ask[pending.ask.digest].append(pending.fill)
    return tuple(
        AskGroup(asks[digest].ask, asks[digest].signature, tuple(found))
        for digest, found in by_ask.items()
    )


def _load(session: Session, lease: Lease) -> PendingFill:
    ask_entry = _entry(session, LogKind.ASK, lease.ask_digest)
    bid_entry = _entry(session, LogKind.BID, lease.bid_digest)
    ask = SignedAsk(
        lease.ask_digest,
        from_wire(Ask, ask_entry.payload),
        parse_hex(ask_entry.signature, "ask.signature"),
    )
    fill = BidFill(
        bid=from_wire(Bid, bid_entry.payload),
        signature=parse_hex(bid_entry.signature, "bid.signature"),
        milli=lease.milli,
        start=lease.start,
        duration=lease.duration,
        price_per_gpu_hour=lease.price_per_gpu_hour,
    )
    return PendingFill(ask, fill)


def _entry(session: Session, kind: LogKind, digest: str) -> OrderLogEntry:
    return session.scalars(
        select(OrderLogEntry).where(OrderLogEntry.kind == kind, OrderLogEntry.digest == digest)
    ).one()
