"""What an agent has to do: a long poll that ends as soon as there is something."""

from __future__ import annotations

import time
from collections import defaultdict
from uuid import UUID

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from sse_starlette.sse import AppStatus

from marketplace_api.context import Context
from marketplace_api.db import session_scope
from marketplace_api.jobs import repository
from marketplace_api.jobs.schemas import JobView, WorkLease, WorkView, job_view
from marketplace_api.leases import repository as lease_repository
from marketplace_api.leases import service as lease_service
from marketplace_api.models import Terms

WAIT_MAX_S = 25
_LOOK_AGAIN_S = 1.0


async def wait_for_work(context: Context, provider: str, wait_s: float) -> list[WorkView]:
    """Work of a provider, at the latest after ``wait_s``; nothing new gives what is open."""
    deadline = time.monotonic() + wait_s
    with context.notifications.subscribe(("lease", None), ("job", None)) as subscription:
        while True:
            work, is_new = await run_in_threadpool(_look, context, provider)
            left = deadline - time.monotonic()
            if is_new or left <= 0 or AppStatus.should_exit:
                return work
            await subscription.wait_async(min(left, _LOOK_AGAIN_S))


def _look(context: Context, provider: str) -> tuple[list[WorkView], bool]:
    with session_scope() as session:
        return load(session, provider, context.clock())


def load(session: Session, provider: str, now: int) -> tuple[list[WorkView], bool]:
    """Leases with open jobs, and whether a job waits to be started or stopped."""
    leases = lease_repository.with_open_jobs(session, provider, now)
    ids = [lease.id for lease in leases]
    jobs = repository.open_of_leases(session, ids)
    by_lease: dict[UUID, list[JobView]] = defaultdict(list)
    for job in jobs:
        by_lease[job.lease_id].append(job_view(job))
    sequences = repository.last_sequences(session, ids)
    work = []
    for lease, view in zip(leases, lease_service.views(session, leases), strict=True):
        terms = session.get_one(Terms, lease.terms)
        work.append(
            WorkView(
                lease=WorkLease(
                    **view.model_dump(),
                    receipt_interval=terms.receipt_interval,
                    unsigned_intervals=terms.unsigned_intervals,
                    last_sequence=sequences.get(lease.id, 0),
                ),
                jobs=by_lease[lease.id],
            )
        )
    return work, repository.needs_agent(jobs)
