"""Usage over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse

from marketplace_api.auth.dependencies import AgentDep, WalletDep
from marketplace_api.context import ContextDep
from marketplace_api.db import SessionDep
from marketplace_api.idempotency import IdempotencyDep
from marketplace_api.leases import service as lease_service
from marketplace_api.problems import responses
from marketplace_api.usage import checks, repository, schemas, service

router = APIRouter(prefix="/v1/leases/{lease_id}", tags=["usage"])
SequencePath = Annotated[int, Path(ge=1, lt=1 << 31)]


@router.post(
    "/receipts",
    summary="Deliver a receipt",
    status_code=201,
    responses={
        200: {"model": schemas.ReceiptView, "description": "Stored before"},
        **responses(401, 403, 404, 409, 413, 422),
    },
)
def post_receipt(
    lease_id: UUID,
    body: schemas.ReceiptRequest,
    response: Response,
    session: SessionDep,
    agent: AgentDep,
    context: ContextDep,
) -> schemas.ReceiptView:
    """From the agent of the lease's provider; totals are cumulative, sequences have no gaps."""
    delivery = checks.read_delivery(
        context.deployment.market_domain,
        agent.key,
        body.receipt,
        body.signature,
        body.voucher_signature,
        body.samples,
    )
    stored, is_new = service.accept(session, context, agent, lease_id, delivery)
    if not is_new:
        response.status_code = 200
    return schemas.receipt_view(stored)


@router.get(
    "/receipts", summary="List the receipts of a lease", responses=responses(401, 403, 404, 422)
)
def get_receipts(
    lease_id: UUID,
    session: SessionDep,
    wallet: WalletDep,
    after: Annotated[int, Query(ge=0, lt=1 << 31)] = 0,
) -> list[schemas.ReceiptView]:
    """Oldest first; for both sides and the holder's delegate."""
    lease_service.for_party(session, wallet, lease_id)
    return [schemas.receipt_view(found) for found in repository.list_of(session, lease_id, after)]


@router.post(
    "/receipts/{sequence}/countersign",
    summary="Countersign a receipt",
    response_model=schemas.ReceiptView,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def post_countersign(
    lease_id: UUID,
    sequence: SequencePath,
    body: schemas.CountersignRequest,
    once: IdempotencyDep,
    wallet: WalletDep,
    context: ContextDep,
) -> JSONResponse:
    """The EIP-712 signature of the `Voucher` by the holder or its delegate: it pays at once when
    the receipt is final or the lease is over, otherwise on demand of the provider."""
    return once.once(
        200,
        lambda: body.signature,
        lambda signature: schemas.receipt_view(
            service.countersign(once.session, context, wallet, lease_id, sequence, signature)
        ),
    )


@router.post(
    "/redeem",
    summary="Ask to be paid now",
    status_code=202,
    response_model=schemas.RedeemAnswer,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def post_redeem(lease_id: UUID, once: IdempotencyDep, wallet: WalletDep) -> JSONResponse:
    """For the provider: redeems the last countersigned receipt."""
    return once.once(
        202,
        lambda: lease_id,
        lambda found: schemas.RedeemAnswer(
            lease=str(found), sequence=service.redeem(once.session, wallet, found).sequence
        ),
    )
