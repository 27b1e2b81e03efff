"""Jobs over HTTP, for agents."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from marketplace_api.auth.dependencies import AgentDep
from marketplace_api.context import ContextDep
from marketplace_api.db import SessionDep
from marketplace_api.jobs import service
from marketplace_api.jobs.schemas import (
    JobView,
    LogAnswer,
    LogRequest,
    StatusRequest,
    WorkView,
    job_view,
)
from marketplace_api.jobs.work import WAIT_MAX_S, wait_for_work
from marketplace_api.problems import responses

router = APIRouter(prefix="/v1", tags=["agents"])


@router.get("/agent/work", summary="Wait for work", responses=responses(401, 403, 422, 429))
async def get_work(
    agent: AgentDep,
    context: ContextDep,
    wait: Annotated[float, Query(ge=0, le=WAIT_MAX_S, description="Seconds")] = 0,
) -> list[WorkView]:
    """Active leases of your provider with jobs that are not over. Returns as soon as a job is to
    be started or stopped, at the latest after `wait` seconds."""
    return await wait_for_work(context, agent.provider, wait)


@router.post(
    "/jobs/{job_id}/status",
    summary="Say how a job goes",
    responses=responses(401, 403, 404, 409, 422),
)
def post_status(job_id: UUID, body: StatusRequest, session: SessionDep, agent: AgentDep) -> JobView:
    """`assigned`, `running`, then one of the ends. Upload outputs before naming them."""
    return job_view(service.report(session, agent, job_id, body))


@router.post(
    "/jobs/{job_id}/log",
    summary="Append to a job's log",
    responses=responses(401, 403, 404, 409, 413, 422),
)
def post_log(job_id: UUID, body: LogRequest, session: SessionDep, agent: AgentDep) -> LogAnswer:
    """At most 256 KiB at a time; bytes that are stored already are compared, not stored twice."""
    return LogAnswer(next_offset=service.append_log(session, agent, job_id, body))
