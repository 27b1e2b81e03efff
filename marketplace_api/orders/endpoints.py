"""Orders over HTTP."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from contracts.protocol.lifecycle import OrderStatus
from marketplace_api.auth.dependencies import WalletDep
from marketplace_api.context import ContextDep
from marketplace_api.db import SessionDep
from marketplace_api.idempotency import IdempotencyDep
from marketplace_api.models import OrderSide
from marketplace_api.orders import checks, repository, schemas, service
from marketplace_api.problems import ForbiddenError, NotFoundError, responses
from marketplace_api.schemas import DigestPath

router = APIRouter(prefix="/v1", tags=["orders"])
_ORDER_ERRORS = responses(400, 401, 403, 409, 413, 422, 429)


@router.post(
    "/orders/asks",
    summary="Post a signed ask",
    status_code=201,
    response_model=schemas.Accepted,
    responses=_ORDER_ERRORS,
)
def post_ask(
    body: schemas.AskRequest, once: IdempotencyDep, wallet: WalletDep, context: ContextDep
) -> JSONResponse:
    """Offers GPU time under terms that you registered on chain. Sign `Ask` by EIP-712."""
    return once.once(
        201,
        partial(checks.read_ask, context, wallet, body.order, body.signature),
        lambda signed: schemas.accepted(service.accept_ask(once.session, context, signed)),
    )


@router.post(
    "/orders/bids",
    summary="Post a signed bid",
    status_code=201,
    response_model=schemas.Accepted,
    responses=_ORDER_ERRORS,
)
def post_bid(
    body: schemas.BidRequest, once: IdempotencyDep, wallet: WalletDep, context: ContextDep
) -> JSONResponse:
    """Asks for GPU time. The most that it may cost must lie in your account on chain."""
    return once.once(
        201,
        partial(checks.read_bid, context, wallet, body.order, body.signature),
        lambda signed: schemas.accepted(service.accept_bid(once.session, context, signed)),
    )


@router.get("/orders", summary="List your orders", responses=responses(401, 422, 429))
def get_orders(
    session: SessionDep,
    wallet: WalletDep,
    status: OrderStatus | None = None,
    side: OrderSide | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[schemas.OrderView]:
    """Newest first."""
    orders = repository.list_orders(session, wallet, status, side, limit)
    leases = repository.leases_by_bid(session, [order.digest for order in orders])
    return [schemas.order_view(order, leases.get(order.digest)) for order in orders]


@router.get(
    "/orders/{digest}", summary="Read one of your orders", responses=responses(401, 403, 404, 422)
)
def get_order(session: SessionDep, wallet: WalletDep, digest: DigestPath) -> schemas.OrderView:
    """The lease appears here as soon as a bid is matched."""
    order = repository.find(session, digest)
    if order is None:
        raise NotFoundError("order", digest)
    if order.maker != wallet:
        raise ForbiddenError(
            "order: one of your own", field="order", limit="one of your own", given=digest
        )
    return schemas.order_view(order, repository.leases_by_bid(session, [digest]).get(digest))


@router.post(
    "/orders/{digest}/cancel",
    summary="Take an order out of the book",
    response_model=schemas.Cancelled,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def post_cancel(
    once: IdempotencyDep, wallet: WalletDep, context: ContextDep, digest: DigestPath
) -> JSONResponse:
    """Off chain. The signed acknowledgement makes a later fill by this operator provable fraud;
    only a cancel on chain binds everybody."""
    return once.once(
        200,
        lambda: digest,
        lambda found: schemas.cancelled(service.cancel(once.session, context, wallet, found)),
    )


@router.get("/order-log", summary="Read the public order log", responses=responses(422))
def get_order_log(
    session: SessionDep,
    after: Annotated[int, Query(ge=0, lt=1 << 63)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> schemas.LogPage:
    """Every order and cancel in the order of acceptance, with signatures: replay the matcher."""
    return schemas.log_page(repository.log_entries(session, after, limit), after)
