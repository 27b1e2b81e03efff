"""Leases and who has a part in them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import JobStatus, LeaseStatus
from marketplace_api.models import DeviceClass, Job, Lease, Provider

OPEN_JOBS = (JobStatus.QUEUED, JobStatus.ASSIGNED, JobStatus.RUNNING)


def find(session: Session, lease_id: UUID) -> Lease | None:
    """A lease."""
    return session.get(Lease, lease_id, populate_existing=True)


def lock(session: Session, lease_id: UUID) -> Lease | None:
    """A lease, locked."""
    return session.get(Lease, lease_id, with_for_update=True, populate_existing=True)


def list_of(session: Session, wallet: str, limit: int) -> Sequence[Lease]:
    """Leases that a wallet holds, or serves as provider or agent; newest first."""
    serves = select(Provider.wallet).where(Provider.agent == wallet)
    return session.scalars(
        select(Lease)
        .where(or_(Lease.holder == wallet, Lease.provider == wallet, Lease.provider.in_(serves)))
        .order_by(Lease.created_at.desc(), Lease.id)
        .limit(limit)
    ).all()


def with_open_jobs(session: Session, provider: str, now: int) -> Sequence[Lease]:
    """Running leases of a provider that have something to run or to stop, oldest first."""
    return session.scalars(
        select(Lease)
        .where(
            Lease.provider == provider,
            Lease.status == LeaseStatus.ACTIVE,
            Lease.start <= now,
            Lease.end > now,
            select(Job.id).where(Job.lease_id == Lease.id, Job.status.in_(OPEN_JOBS)).exists(),
        )
        .order_by(Lease.created_at, Lease.id)
    ).all()


def class_names(session: Session, leases: Sequence[Lease]) -> dict[str, str]:
    """Names of the device classes of leases, by hash."""
    hashes = {lease.device_class for lease in leases}
    rows = session.execute(
        select(DeviceClass.hash, DeviceClass.name).where(DeviceClass.hash.in_(hashes))
    )
    return dict(rows.all())


def agent_of(session: Session, provider: str) -> str | None:
    """The key that signs receipts for a provider."""
    return session.scalar(select(Provider.agent).where(Provider.wallet == provider))
