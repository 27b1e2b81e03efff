"""Statements over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from contracts.protocol.errors import ProtocolError
from marketplace_api.auth.dependencies import WalletDep
from marketplace_api.context import ContextDep
from marketplace_api.db import SessionDep
from marketplace_api.problems import responses
from marketplace_api.statements import service
from marketplace_api.statements.schemas import Statement

router = APIRouter(prefix="/v1/statements", tags=["statements"])
_TIME_MAX = 1 << 40
FromQuery = Annotated[int, Query(alias="from", ge=0, lt=_TIME_MAX, description="Unix seconds")]
ToQuery = Annotated[
    int | None, Query(alias="to", ge=0, le=_TIME_MAX, description="Exclusive; left out: all")
]


@router.get("/me", summary="Read your statement", responses=responses(401, 422, 429))
def get_statement(
    session: SessionDep,
    wallet: WalletDep,
    context: ContextDep,
    start: FromQuery = 0,
    end: ToQuery = None,
) -> Statement:
    """Balances, totals and every movement of your accounts."""
    return service.statement(session, context, wallet, *_period(start, end))


@router.get(
    "/me.csv",
    summary="Read your statement as a table",
    response_class=Response,
    responses={
        200: {"content": {"text/csv": {}}, "description": "One line a movement"},
        **responses(401, 422, 429),
    },
)
def get_statement_csv(
    session: SessionDep,
    wallet: WalletDep,
    context: ContextDep,
    start: FromQuery = 0,
    end: ToQuery = None,
) -> Response:
    """The lines of the statement for a spreadsheet."""
    found = service.statement(session, context, wallet, *_period(start, end))
    return Response(service.to_csv(found), media_type="text/csv")


def _period(start: int, end: int | None) -> tuple[int, int]:
    last = _TIME_MAX if end is None else end
    if last < start:
        raise ProtocolError("to", f"at least from, {start}", end)
    return start, last
