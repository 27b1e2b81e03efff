"""Jobs over HTTP, for holders."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse
from sse_starlette import EventSourceResponse

from marketplace_api.auth.dependencies import WalletDep
from marketplace_api.context import ContextDep
from marketplace_api.db import SessionDep
from marketplace_api.idempotency import IdempotencyDep
from marketplace_api.jobs import repository, service, stream
from marketplace_api.jobs.schemas import JobRequest, JobView, job_view
from marketplace_api.leases import service as lease_service
from marketplace_api.problems import responses

router = APIRouter(prefix="/v1", tags=["jobs"])
OffsetQuery = Annotated[int, Query(ge=0, lt=1 << 53, description="First byte wanted")]
LOG_ANSWER_MAX = 16 << 20


@router.post(
    "/leases/{lease_id}/jobs",
    summary="Run a job under your lease",
    status_code=201,
    response_model=JobView,
    responses=responses(400, 401, 403, 404, 409, 413, 422),
)
def post_job(
    lease_id: UUID, body: JobRequest, once: IdempotencyDep, wallet: WalletDep, context: ContextDep
) -> JSONResponse:
    """Queued until the lease is active. Upload the inputs first (`PUT /v1/blobs/{sha256}`)."""
    return once.once(
        201,
        lambda: body,
        lambda job: job_view(service.submit(once.session, context, wallet, lease_id, job)),
    )


@router.get(
    "/leases/{lease_id}/jobs",
    summary="List the jobs of a lease",
    responses=responses(401, 403, 404),
)
def get_jobs(lease_id: UUID, session: SessionDep, wallet: WalletDep) -> list[JobView]:
    """Oldest first."""
    lease = lease_service.for_party(session, wallet, lease_id)
    return [job_view(job) for job in repository.of_lease(session, lease.id)]


@router.get("/jobs/{job_id}", summary="Read a job", responses=responses(401, 403, 404, 422))
def get_job(job_id: UUID, session: SessionDep, wallet: WalletDep) -> JobView:
    """For both sides of the lease."""
    return job_view(service.for_party(session, wallet, job_id))


@router.post(
    "/jobs/{job_id}/cancel",
    summary="End a job",
    response_model=JobView,
    responses=responses(400, 401, 403, 404, 422),
)
def post_cancel(job_id: UUID, once: IdempotencyDep, wallet: WalletDep) -> JSONResponse:
    """At once while it is queued; a running one is ended by its agent."""
    return once.once(
        200, lambda: job_id, lambda found: job_view(service.cancel(once.session, wallet, found))
    )


@router.get(
    "/jobs/{job_id}/log",
    summary="Read a job's log",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "Plain bytes"},
        **responses(401, 403, 404, 422),
    },
)
def get_log(
    job_id: UUID, session: SessionDep, wallet: WalletDep, offset: OffsetQuery = 0
) -> Response:
    """From byte `offset` on, at most 16 MiB at a time; only for the holder."""
    service.for_holder(session, wallet, job_id)
    data = repository.read_log(session, job_id, offset, LOG_ANSWER_MAX)
    return Response(data, media_type="application/octet-stream")


@router.get(
    "/jobs/{job_id}/log/stream",
    summary="Follow a job's log",
    response_class=EventSourceResponse,
    responses={
        200: {
            "content": {"text/event-stream": {}},
            "description": "Events `log` {offset, text, next_offset} with id = next_offset, and "
            "`status` {status, exit_code, reason}; ends after the last status. "
            "Resume with `Last-Event-ID`. A comment every 15 s keeps the connection alive.",
        },
        **responses(401, 403, 404, 422),
    },
)
def get_log_stream(
    job_id: UUID,
    session: SessionDep,
    wallet: WalletDep,
    context: ContextDep,
    offset: OffsetQuery = 0,
    last_event_id: Annotated[str | None, Header(pattern="^[0-9]{1,15}$")] = None,
) -> EventSourceResponse:
    """Server-sent events; only for the holder."""
    service.for_holder(session, wallet, job_id)
    begin = int(last_event_id) if last_event_id is not None else offset
    return EventSourceResponse(stream.follow(context, job_id, begin), ping=stream.PING_S)
