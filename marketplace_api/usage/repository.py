"""Receipts in the database."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace_api.models import Device, UsageReceipt


def find(session: Session, lease_id: UUID, sequence: int) -> UsageReceipt | None:
    """One receipt."""
    return session.get(UsageReceipt, (lease_id, sequence), populate_existing=True)


def last(session: Session, lease_id: UUID) -> UsageReceipt | None:
    """The newest receipt of a lease."""
    return session.scalars(
        select(UsageReceipt)
        .where(UsageReceipt.lease_id == lease_id)
        .order_by(UsageReceipt.sequence.desc())
        .limit(1)
    ).first()


def last_countersigned(session: Session, lease_id: UUID) -> UsageReceipt | None:
    """The newest receipt that pays at once."""
    return session.scalars(
        select(UsageReceipt)
        .where(UsageReceipt.lease_id == lease_id, UsageReceipt.holder_signature.is_not(None))
        .order_by(UsageReceipt.sequence.desc())
        .limit(1)
    ).first()


def list_of(session: Session, lease_id: UUID, after: int) -> Sequence[UsageReceipt]:
    """Receipts of a lease, oldest first."""
    return session.scalars(
        select(UsageReceipt)
        .where(UsageReceipt.lease_id == lease_id, UsageReceipt.sequence > after)
        .order_by(UsageReceipt.sequence)
        .limit(1000)
    ).all()


def device_hashes(session: Session, provider: str) -> frozenset[bytes]:
    """All devices of a provider."""
    hashes = session.scalars(select(Device.hash).where(Device.provider == provider))
    return frozenset(bytes.fromhex(text[2:]) for text in hashes)
