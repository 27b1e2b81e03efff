"""Status changes of orders, leases and inventories that follow from the chain."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import LeaseStatus, OrderStatus, advance
from marketplace_api.models import Inventory, InventoryStatus, Lease, Order

log = structlog.get_logger()


def lock_order(session: Session, digest: str) -> Order | None:
    """An order of the log, locked; orders come before leases."""
    return session.get(Order, digest, with_for_update=True, populate_existing=True)


def lock_lease(session: Session, lease_id: UUID) -> Lease | None:
    """A lease, locked."""
    return session.get(Lease, lease_id, with_for_update=True, populate_existing=True)


def lock_lease_of_bid(session: Session, digest: str) -> Lease | None:
    """The lease that waits for a fill of this bid, else one that waited in vain; locked."""
    return session.scalars(
        select(Lease)
        .where(
            Lease.bid_digest == digest,
            Lease.status.in_((LeaseStatus.PENDING, LeaseStatus.FAILED)),
        )
        .order_by((Lease.status == LeaseStatus.PENDING).desc(), Lease.created_at)
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def lock_lease_of_position(session: Session, series: int, holder: str) -> Lease | None:
    """The lease that stands for a position, locked."""
    return session.scalars(
        select(Lease)
        .where(
            Lease.series == series,
            Lease.holder == holder,
            Lease.status != LeaseStatus.FAILED,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def pending_bids_of_ask(
    session: Session, ask_digest: str, lease_ids: Sequence[UUID]
) -> Sequence[str]:
    """Bids among these leases that wait for a fill from an ask."""
    return session.scalars(
        select(Lease.bid_digest)
        .where(
            Lease.ask_digest == ask_digest,
            Lease.status == LeaseStatus.PENDING,
            Lease.id.in_(lease_ids),
        )
        .order_by(Lease.bid_digest)
    ).all()


def finish_order(session: Session, digest: str) -> None:
    """A bid was filled, by whomever."""
    order = lock_order(session, digest)
    if order is not None and order.status is OrderStatus.OPEN:
        # Filled by somebody else, which both orders allow: it must leave the book.
        order.status = advance(order.status, OrderStatus.MATCHED)
    if order is not None and order.status in (OrderStatus.MATCHED, OrderStatus.FAILED):
        order.status, order.reason = advance(order.status, OrderStatus.FILLED), None


def fail_fill(session: Session, bid_digest: str, reason: str) -> None:
    """The fill did not happen: lease and bid say why. No money moved."""
    order = lock_order(session, bid_digest)
    lease = lock_lease_of_bid(session, bid_digest)
    if lease is None or lease.status is not LeaseStatus.PENDING:
        # Already filled by an earlier attempt or by somebody else: that one counts.
        return
    lease.status = advance(lease.status, LeaseStatus.FAILED)
    lease.reason = reason
    if order is not None and order.status is OrderStatus.MATCHED:
        order.status = advance(order.status, OrderStatus.FAILED)
        order.reason = reason
    log.warning("lease.failed", lease_id=str(lease.id), reason=reason)


def fail_lease(session: Session, lease_id: UUID, reason: str) -> None:
    """`fail_fill` for a caller that knows the lease only."""
    digest = session.scalar(select(Lease.bid_digest).where(Lease.id == lease_id))
    if digest is not None:
        fail_fill(session, digest, reason)


def settle_inventory(
    session: Session, inventory_id: UUID, status: InventoryStatus, reason: str | None
) -> None:
    """What became of an agent's claim."""
    inventory = session.get(Inventory, inventory_id, with_for_update=True, populate_existing=True)
    if inventory is not None:
        inventory.status = status
        inventory.reason = reason
