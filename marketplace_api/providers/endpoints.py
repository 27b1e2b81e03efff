"""Providers and their agents over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from contracts.protocol.eip712 import check_address
from marketplace_api.auth.dependencies import AgentDep, WalletDep
from marketplace_api.context import ContextDep
from marketplace_api.db import SessionDep
from marketplace_api.problems import responses
from marketplace_api.providers import repository, schemas, service

router = APIRouter(prefix="/v1", tags=["providers"])


@router.get("/providers", summary="List providers", responses=responses(422, 429))
def get_providers(
    session: SessionDep, context: ContextDep, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> list[schemas.ProviderView]:
    """Everyone who registered on chain."""
    return service.views(session, context, repository.list_all(session, limit))


@router.get("/providers/{wallet}", summary="Read a provider", responses=responses(404, 422))
def get_provider(session: SessionDep, context: ContextDep, wallet: str) -> schemas.ProviderView:
    """One provider with its devices."""
    check_address("wallet", wallet)
    return service.view_of(session, context, wallet)


@router.put("/providers/me", summary="Set your name and region", responses=responses(401, 409, 422))
def put_provider(
    body: schemas.ProviderRequest, session: SessionDep, wallet: WalletDep, context: ContextDep
) -> schemas.ProviderView:
    """For the owner wallet of a registered provider."""
    provider = service.describe(session, wallet, body)
    return service.views(session, context, [provider])[0]


@router.post(
    "/inventories",
    tags=["agents"],
    summary="Report devices",
    status_code=202,
    responses=responses(401, 403, 409, 413, 422),
)
def post_inventory(
    body: schemas.InventoryRequest, session: SessionDep, agent: AgentDep, context: ContextDep
) -> schemas.InventoryAnswer:
    """A claim signed by the agent key for `ProviderRegistry`; auditors then attest the devices."""
    claim, report = service.read_inventory(context, agent, body)
    inventory = service.accept_inventory(session, body, claim, report)
    return schemas.InventoryAnswer(id=inventory.id, status=inventory.status)


@router.post(
    "/agent/heartbeat",
    tags=["agents"],
    summary="Say that the agent is there",
    responses=responses(401, 403, 422, 429),
)
def post_heartbeat(
    body: schemas.Heartbeat, session: SessionDep, agent: AgentDep, context: ContextDep
) -> schemas.HeartbeatAnswer:
    """Every two seconds; without it nothing of this provider is matched."""
    service.beat(session, agent, body)
    return schemas.HeartbeatAnswer(now=context.clock())
