"""The order log and the orders in it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import OrderStatus
from marketplace_api.models import (
    Account,
    Device,
    DeviceClass,
    Lease,
    LogKind,
    Order,
    OrderLogEntry,
    OrderSide,
    Terms,
)
from marketplace_api.schemas import Wire

LOG_LOCK = 0x6C6F_6767


def lock_wallet(session: Session, wallet: str) -> None:
    """Two orders of one wallet come one after the other: nonces and reserves are checked here."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:wallet, 0))"), {"wallet": wallet}
    )


def append(
    session: Session,
    kind: LogKind,
    digest: str,
    maker: str,
    payload: Wire,
    signature: str,
    accepted_at: int,
) -> OrderLogEntry:
    """Append to the log. Held until commit, so that numbers become visible in their order."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOG_LOCK})
    entry = OrderLogEntry(
        kind=kind,
        digest=digest,
        maker=maker,
        payload=payload,
        signature=signature,
        accepted_at=accepted_at,
    )
    session.add(entry)
    session.flush()
    return entry


def find(session: Session, digest: str) -> Order | None:
    """An order."""
    return session.get(Order, digest)


def lock(session: Session, digest: str) -> Order | None:
    """An order, locked: a match and a cancel race here."""
    return session.get(Order, digest, with_for_update=True, populate_existing=True)


def find_nonce(session: Session, maker: str, epoch: int, nonce: int) -> Order | None:
    """The order that used a nonce."""
    return session.scalars(
        select(Order).where(Order.maker == maker, Order.epoch == epoch, Order.nonce == nonce)
    ).first()


def epoch_of(session: Session, wallet: str) -> int:
    """The epoch that orders must carry."""
    return session.scalar(select(Account.epoch).where(Account.wallet == wallet)) or 0


def find_terms(session: Session, number: int) -> Terms | None:
    """Registered terms."""
    return session.get(Terms, number) if number < 1 << 63 else None


def class_name(session: Session, class_hash: str) -> str | None:
    """The name behind a class hash, if any inventory told it."""
    return session.scalar(select(DeviceClass.name).where(DeviceClass.hash == class_hash))


def attested_milli(session: Session, class_hash: str, provider: str, now: int) -> int:
    """What one provider may sell of a class."""
    total = session.scalar(
        select(func.sum(Device.milli)).where(
            Device.device_class == class_hash,
            Device.provider == provider,
            Device.attested_until > now,
        )
    )
    return total or 0


def most_attested_milli(session: Session, class_hash: str, now: int) -> int:
    """What the largest provider may sell of a class."""
    largest = session.scalar(
        select(func.sum(Device.milli).label("milli"))
        .where(Device.device_class == class_hash, Device.attested_until > now)
        .group_by(Device.provider)
        .order_by(text("milli DESC"))
        .limit(1)
    )
    return largest or 0


def steps_of(session: Session, class_hash: str, min_isolation: int) -> Sequence[int]:
    """Steps that the registered terms of a class move in."""
    return session.scalars(
        select(Terms.step)
        .where(Terms.device_class == class_hash, Terms.isolation >= min_isolation)
        .distinct()
    ).all()


def reserved(session: Session, maker: str) -> int:
    """Money that a wallet's open bids may take."""
    total = session.scalar(
        select(func.sum(Order.reserve)).where(
            Order.maker == maker, Order.status == OrderStatus.OPEN
        )
    )
    return int(total or 0)


def next_nonce(session: Session, maker: str, epoch: int) -> int:
    """The first nonce above all that we have seen."""
    highest = session.scalar(
        select(func.max(Order.nonce)).where(Order.maker == maker, Order.epoch == epoch)
    )
    return 0 if highest is None else int(highest) + 1


def list_orders(
    session: Session, maker: str, status: OrderStatus | None, side: OrderSide | None, limit: int
) -> Sequence[Order]:
    """Orders of a wallet, newest first."""
    query = select(Order).where(Order.maker == maker)
    if status is not None:
        query = query.where(Order.status == status)
    if side is not None:
        query = query.where(Order.side == side)
    return session.scalars(query.order_by(Order.sequence.desc()).limit(limit)).all()


def log_entries(session: Session, after: int, limit: int) -> Sequence[OrderLogEntry]:
    """A piece of the log."""
    return session.scalars(
        select(OrderLogEntry)
        .where(OrderLogEntry.sequence > after)
        .order_by(OrderLogEntry.sequence)
        .limit(limit)
    ).all()


def log_entry(session: Session, sequence: int) -> OrderLogEntry:
    """One entry."""
    return session.get_one(OrderLogEntry, sequence)


def leases_by_bid(session: Session, digests: Sequence[str]) -> dict[str, str]:
    """Ids of the leases that came from bids."""
    rows = session.execute(select(Lease.bid_digest, Lease.id).where(Lease.bid_digest.in_(digests)))
    return {digest: str(lease_id) for digest, lease_id in rows}
