"""Jobs, their logs and blobs in the database."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import JobStatus
from marketplace_api.leases.repository import OPEN_JOBS
from marketplace_api.models import Blob, BlobOwner, Job, JobLog, Lease, Provider, UsageReceipt


def find(session: Session, job_id: UUID) -> Job | None:
    """A job."""
    return session.get(Job, job_id, populate_existing=True)


def lock(session: Session, job_id: UUID) -> Job | None:
    """A job, locked."""
    return session.get(Job, job_id, with_for_update=True, populate_existing=True)


def of_lease(session: Session, lease_id: UUID) -> Sequence[Job]:
    """All jobs of a lease, oldest first."""
    return session.scalars(
        select(Job).where(Job.lease_id == lease_id).order_by(Job.created_at, Job.id)
    ).all()


def open_of_leases(session: Session, lease_ids: Sequence[UUID]) -> Sequence[Job]:
    """Jobs that are not over, oldest first."""
    return session.scalars(
        select(Job)
        .where(Job.lease_id.in_(lease_ids), Job.status.in_(OPEN_JOBS))
        .order_by(Job.created_at, Job.id)
    ).all()


def count_open(session: Session, lease_id: UUID) -> int:
    """How many jobs of a lease are not over."""
    return (
        session.scalar(
            select(func.count()).where(Job.lease_id == lease_id, Job.status.in_(OPEN_JOBS))
        )
        or 0
    )


def needs_agent(jobs: Sequence[Job]) -> bool:
    """Whether an agent has something new to do: start a job, or stop one."""
    return any(job.status is JobStatus.QUEUED or job.cancel_requested for job in jobs)


def last_sequences(session: Session, lease_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The last receipt of each lease that has one."""
    rows = session.execute(
        select(UsageReceipt.lease_id, func.max(UsageReceipt.sequence))
        .where(UsageReceipt.lease_id.in_(lease_ids))
        .group_by(UsageReceipt.lease_id)
    )
    return dict(rows.all())


def add_log(session: Session, job: Job, data: bytes) -> None:
    """Append to the log of a locked job."""
    session.add(JobLog(job_id=job.id, offset=job.log_size, data=data))
    job.log_size += len(data)
    session.flush()


def read_log(session: Session, job_id: UUID, offset: int, limit: int) -> bytes:
    """At most ``limit`` bytes of a log from ``offset`` on."""
    pieces, size = [], 0
    rows = session.execute(
        select(JobLog.offset, JobLog.data)
        .where(JobLog.job_id == job_id, JobLog.offset + func.length(JobLog.data) > offset)
        .order_by(JobLog.offset)
        .execution_options(yield_per=16)
    )
    for begin, data in rows:
        piece = data[max(0, offset - begin) :]
        pieces.append(piece)
        size += len(piece)
        if size >= limit:
            rows.close()
            break
    return b"".join(pieces)[:limit]


def find_blob(session: Session, sha256: str) -> Blob | None:
    """A stored file."""
    return session.get(Blob, sha256)


def add_blob(session: Session, sha256: str, size: int, path: str, wallet: str) -> None:
    """Note a stored file and who brought it."""
    session.execute(
        insert(Blob)
        .values(sha256=sha256, size=size, path=path, uploader=wallet)
        .on_conflict_do_nothing()
    )
    session.execute(insert(BlobOwner).values(sha256=sha256, wallet=wallet).on_conflict_do_nothing())


def owned_blobs(session: Session, wallet: str, digests: Sequence[str]) -> set[str]:
    """Those of the files that the wallet brought itself."""
    return set(
        session.scalars(
            select(BlobOwner.sha256).where(
                BlobOwner.wallet == wallet, BlobOwner.sha256.in_(digests)
            )
        )
    )


def may_read_blob(session: Session, wallet: str, sha256: str) -> bool:
    """Who brought the file, or has a part in a lease with a job that names it."""
    if owned_blobs(session, wallet, [sha256]):
        return True
    named = [{"sha256": sha256}]
    found = session.scalar(
        select(Job.id)
        .join(Lease, Lease.id == Job.lease_id)
        .join(Provider, Provider.wallet == Lease.provider)
        .where(
            or_(Job.inputs.contains(named), Job.outputs.contains(named)),
            or_(Lease.holder == wallet, Lease.provider == wallet, Provider.agent == wallet),
        )
        .limit(1)
    )
    return found is not None
