"""What the public pages read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import OrderStatus
from marketplace_api.models import (
    Account,
    ChainBlock,
    DeviceClass,
    Job,
    Lease,
    Order,
    OrderLogEntry,
    OrderSide,
    OutboxMessage,
    Provider,
    ServiceHeartbeat,
    Terms,
)


@dataclass(frozen=True, slots=True)
class Status:
    """Everything on the status page."""

    processes: Sequence[tuple[str, datetime]]
    last_block: tuple[int, int] | None
    """Number and timestamp."""
    counts: Sequence[tuple[str, int]]
    leases: Sequence[Lease]


def open_asks(
    session: Session, class_hash: str, now: int, limit: int
) -> Sequence[tuple[OrderLogEntry, Terms]]:
    """Open asks of a class with their terms, cheapest first."""
    rows = session.execute(
        select(OrderLogEntry, Terms)
        .join(Order, Order.sequence == OrderLogEntry.sequence)
        .join(Terms, Terms.number == Order.terms)
        .where(
            Order.side == OrderSide.ASK,
            Order.status == OrderStatus.OPEN,
            Order.device_class == class_hash,
            Order.deadline > now,
        )
        .order_by(Order.price_per_gpu_hour, Order.sequence)
        .limit(limit)
    )
    return rows.all()


def is_known_class(session: Session, class_hash: str) -> bool:
    """Whether any inventory told this class."""
    return session.get(DeviceClass, class_hash) is not None


def account(session: Session, wallet: str) -> Account | None:
    """A wallet's account on chain."""
    return session.get(Account, wallet, populate_existing=True)


def is_migrated(session: Session) -> bool:
    """Whether the schema is there."""
    return session.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL")) is True


def status(session: Session) -> Status:
    """Read the status page."""
    block = session.execute(
        select(ChainBlock.number, ChainBlock.timestamp).order_by(ChainBlock.number.desc()).limit(1)
    ).first()
    processes = session.execute(
        select(ServiceHeartbeat.name, ServiceHeartbeat.at).order_by(ServiceHeartbeat.name)
    )
    leases = session.scalars(select(Lease).order_by(Lease.created_at.desc()).limit(20)).all()
    return Status(
        processes=processes.all(),
        last_block=(block[0], block[1]) if block else None,
        counts=_counts(session),
        leases=leases,
    )


def _counts(session: Session) -> list[tuple[str, int]]:
    open_work = select(func.count()).where(
        OutboxMessage.done_at.is_(None), OutboxMessage.failed_at.is_(None)
    )
    queries = (
        ("providers", select(func.count()).select_from(Provider)),
        ("open orders", select(func.count()).where(Order.status == OrderStatus.OPEN)),
        ("leases", select(func.count()).select_from(Lease)),
        ("jobs", select(func.count()).select_from(Job)),
        ("open outbox rows", open_work),
    )
    return [(name, session.scalar(query) or 0) for name, query in queries]
