"""What needs no session, and one's own account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from marketplace_api.auth.dependencies import WalletDep
from marketplace_api.context import ContextDep
from marketplace_api.db import SessionDep
from marketplace_api.market_data import pages, repository, schemas, service
from marketplace_api.problems import MarketError, responses

router = APIRouter(tags=["market"])


@router.get("/v1/market", summary="Read the market's constants")
def get_market(context: ContextDep) -> schemas.MarketView:
    """Where the contracts stand, units, limits, and the clock that orders are held against."""
    return service.market_view(context)


@router.get("/v1/book", summary="Read the book of a class", responses=responses(404, 422))
def get_book(
    session: SessionDep,
    context: ContextDep,
    device_class: Annotated[str, Query(examples=["nvidia/h100/80gb/sxm"], max_length=128)],
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> schemas.BookView:
    """Open asks, cheapest first, then oldest."""
    return service.book(session, context, device_class, limit)


@router.get("/v1/accounts/me", summary="Read your account", responses=responses(401, 429))
def get_account(session: SessionDep, wallet: WalletDep) -> schemas.AccountView:
    """Balance mirrored from the chain, what is reserved, and the nonce to sign next."""
    return service.account_view(session, wallet)


@router.get("/healthz", tags=["status"], summary="Is the process alive")
def get_health() -> schemas.Health:
    """Answers without the database."""
    return schemas.Health(status="ok")


@router.get("/readyz", tags=["status"], summary="Can the process serve", responses=responses(503))
def get_readiness(session: SessionDep) -> schemas.Health:
    """Asks the database."""
    if not repository.is_migrated(session):
        raise NotMigratedError("the database has no schema: run the migrations")
    return schemas.Health(status="ready")


@router.get("/", summary="Status page", response_class=HTMLResponse, include_in_schema=False)
def get_status_page(session: SessionDep) -> HTMLResponse:
    """For people; needs no script."""
    return HTMLResponse(pages.status_page(repository.status(session), datetime.now(UTC)))


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
def get_reference_page(request: Request) -> HTMLResponse:
    """The OpenAPI document as a page of our own: nothing is loaded from elsewhere."""
    return HTMLResponse(pages.reference_page(request.app.openapi()))


class NotMigratedError(MarketError):
    """The database is there but empty."""

    status = 503
    code = "not-migrated"
