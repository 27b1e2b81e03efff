"""What only time makes necessary: jobs that nobody can finish any more, and records gone stale."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import ExitReason, JobStatus, LeaseStatus, advance
from marketplace_api.leases.repository import OPEN_JOBS
from marketplace_api.models import IdempotencyKey, Job, Lease, LoginNonce, WalletSession

log = structlog.get_logger()
LOST_AFTER_S = 30
"""How long after the end of a lease its agent may still say how a job ended."""
KEYS_LAST = timedelta(hours=48)
_BATCH = 500


def sweep(session: Session, now: int) -> None:
    """Everything, once; the leader calls it every few seconds."""
    lose_jobs(session, now)
    moment = datetime.fromtimestamp(now, UTC)
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < moment - KEYS_LAST))
    session.execute(delete(LoginNonce).where(LoginNonce.expires_at < moment))
    session.execute(delete(WalletSession).where(WalletSession.expires_at < moment))


def lose_jobs(session: Session, now: int) -> int:
    """Close jobs whose lease is over without a word of the agent."""
    over = or_(
        Lease.status.in_((LeaseStatus.CLOSED, LeaseStatus.FAILED, LeaseStatus.MOVED)),
        Lease.end + LOST_AFTER_S <= now,
    )
    jobs = session.scalars(
        select(Job)
        .join(Lease, Lease.id == Job.lease_id)
        .where(Job.status.in_(OPEN_JOBS), over)
        .limit(_BATCH)
        .with_for_update(of=Job, skip_locked=True)
    ).all()
    for job in jobs:
        job.status = advance(job.status, JobStatus.LOST)
        job.reason = ExitReason.LEASE_END
        job.ended_at = datetime.fromtimestamp(now, UTC)
        log.info("job.lost", job=str(job.id), lease=str(job.lease_id))
    return len(jobs)
