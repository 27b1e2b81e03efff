"""The life of a job, as its holder and its agent drive it."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from pathlib import PurePosixPath
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from contracts.protocol.errors import ProtocolError
from contracts.protocol.lifecycle import (
    JobStatus,
    LeaseStatus,
    TransitionError,
    advance,
)
from marketplace_api.auth.dependencies import Agent
from marketplace_api.context import Context
from marketplace_api.jobs import blobs, repository
from marketplace_api.jobs.schemas import LOG_PIECE_MAX, JobRequest, LogRequest, StatusRequest
from marketplace_api.leases import repository as lease_repository
from marketplace_api.leases import service as lease_service
from marketplace_api.models import Job, Lease
from marketplace_api.problems import ConflictError, ForbiddenError, NotFoundError

log = structlog.get_logger()
OPEN_JOBS_MAX = 100
_MIB = 1 << 20


def submit(
    session: Session, context: Context, wallet: str, lease_id: UUID, request: JobRequest
) -> Job:
    """Hand a job to a lease; it waits until the lease is active."""
    lease = lease_service.for_holder(session, wallet, lease_id)
    _require_usable(lease, context.clock())
    if repository.count_open(session, lease_id) >= OPEN_JOBS_MAX:
        raise ConflictError(
            "too-many-jobs", "lease.jobs", f"fewer than {OPEN_JOBS_MAX} open", OPEN_JOBS_MAX
        )
    paths = [item.path for item in request.inputs]
    folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    if len(set(paths)) < len(paths) or folders & set(paths):
        raise ProtocolError("inputs.path", "each path once, and no file as a folder", sorted(paths))
    digests = [item.sha256 for item in request.inputs]
    blobs.require_owned(session, wallet, "inputs.sha256", digests)
    job = Job(
        lease_id=lease_id,
        name=request.name,
        argv=request.argv,
        env=request.env,
        limits=request.limits.model_dump(),
        inputs=[item.model_dump() for item in request.inputs],
        outputs=[],
        status=JobStatus.QUEUED,
    )
    session.add(job)
    session.flush()
    session.refresh(job)
    log.info("job.queued", job=str(job.id), lease=str(lease_id))
    return job


def for_party(session: Session, wallet: str, job_id: UUID) -> Job:
    """A job of a lease that the wallet has a part in."""
    job = _require(repository.find(session, job_id), job_id)
    lease = lease_repository.find(session, job.lease_id)
    assert lease is not None
    agent = lease_repository.agent_of(session, lease.provider)
    if wallet not in (lease.holder, lease.provider, agent):
        raise _not_yours("a job of a lease that you hold or serve", job_id)
    return job


def for_holder(session: Session, wallet: str, job_id: UUID) -> Job:
    """A job that the wallet started: what it prints is for nobody else."""
    job = _require(repository.find(session, job_id), job_id)
    lease = lease_repository.find(session, job.lease_id)
    assert lease is not None
    if lease.holder != wallet:
        raise _not_yours("a job of a lease that you hold", job_id)
    return job


def cancel(session: Session, wallet: str, job_id: UUID) -> Job:
    """End a job: at once while it is queued, through its agent afterwards."""
    for_holder(session, wallet, job_id)
    job = _require(repository.lock(session, job_id), job_id)
    if job.status is JobStatus.QUEUED:
        _move(job, JobStatus.CANCELLED)
    elif not job.status.is_over:
        job.cancel_requested = True
    session.flush()
    return job


def report(session: Session, agent: Agent, job_id: UUID, request: StatusRequest) -> Job:
    """Note what the agent says of a job; the same word twice is one word."""
    job = _lock_for_agent(session, agent, job_id)
    if request.status is job.status:
        return job
    digests = [item.sha256 for item in request.outputs]
    blobs.require_owned(session, agent.key, "outputs.sha256", digests)
    _move(job, request.status)
    job.exit_code = request.exit_code
    job.reason = request.reason
    job.peak_memory_bytes = request.peak_memory_bytes
    if request.cpu_seconds is not None:
        job.cpu_milliseconds = round(request.cpu_seconds * 1000)
    if request.outputs:
        job.outputs = [item.model_dump() for item in request.outputs]
    session.flush()
    log.info("job.advanced", job=str(job_id), status=job.status)
    return job


def append_log(session: Session, agent: Agent, job_id: UUID, request: LogRequest) -> int:
    """Append to a job's log; what is there already is only compared. The new end of the log."""
    data = _decode(request.data_base64)
    job = _lock_for_agent(session, agent, job_id)
    if request.offset > job.log_size:
        raise ConflictError("log-gap", "offset", f"at most {job.log_size}", request.offset)
    known = job.log_size - request.offset
    if known:
        stored = repository.read_log(session, job_id, request.offset, len(data))
        if stored != data[:known]:
            raise ConflictError(
                "log-differs", "data_base64", "the bytes that are stored at offset", "others"
            )
    limit = int(job.limits["output_mib"]) * _MIB
    if request.offset + len(data) > limit:
        raise ConflictError(
            "log-full", "offset", f"an end of at most {limit}", request.offset + len(data)
        )
    if fresh := data[known:]:
        repository.add_log(session, job, fresh)
    return job.log_size


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError("data_base64", "base64", text[:40]) from error
    if len(data) > LOG_PIECE_MAX:
        raise ProtocolError("data_base64", f"at most {LOG_PIECE_MAX} bytes", len(data))
    return data


def _move(job: Job, target: JobStatus) -> None:
    try:
        job.status = advance(job.status, target)
    except TransitionError as error:
        # The word is a good one; it only comes too late or too early.
        raise ConflictError(error.code, "status", error.limit, error.given) from error
    if target is JobStatus.RUNNING:
        job.started_at = datetime.now(UTC)
    if target.is_over:
        job.ended_at = datetime.now(UTC)


def _lock_for_agent(session: Session, agent: Agent, job_id: UUID) -> Job:
    job = _require(repository.find(session, job_id), job_id)
    lease = lease_repository.find(session, job.lease_id)
    assert lease is not None
    if lease.provider != agent.provider:
        raise _not_yours("a job of a lease that you serve", job_id)
    return _require(repository.lock(session, job_id), job_id)


def _require_usable(lease: Lease, now: int) -> None:
    if lease.status not in (LeaseStatus.PENDING, LeaseStatus.ACTIVE):
        raise ConflictError("lease-over", "lease.status", "pending or active", lease.status.value)
    if lease.end <= now:
        raise ConflictError("lease-over", "lease.end", f"after now, {now}", lease.end)


def _require(job: Job | None, job_id: UUID) -> Job:
    if job is None:
        raise NotFoundError("job", job_id)
    return job


def _not_yours(limit: str, job_id: UUID) -> ForbiddenError:
    return ForbiddenError(f"job: {limit}; given {job_id}", field="job", limit=limit, given=job_id)
