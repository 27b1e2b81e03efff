"""Leases over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from marketplace_api.auth.dependencies import WalletDep
from marketplace_api.db import SessionDep
from marketplace_api.leases import repository, service
from marketplace_api.leases.schemas import LeaseView
from marketplace_api.problems import responses

router = APIRouter(prefix="/v1/leases", tags=["leases"])


@router.get("", summary="List your leases", responses=responses(401, 422, 429))
def get_leases(
    session: SessionDep, wallet: WalletDep, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[LeaseView]:
    """Those that you hold and those that you serve, newest first."""
    return service.views(session, repository.list_of(session, wallet, limit))


@router.get("/{lease_id}", summary="Read a lease", responses=responses(401, 403, 404, 422))
def get_lease(session: SessionDep, wallet: WalletDep, lease_id: UUID) -> LeaseView:
    """For its holder, its provider, their agent and their delegate."""
    return service.views(session, [service.for_party(session, wallet, lease_id)])[0]
