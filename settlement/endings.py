"""The end of a lease: what the holder signed is redeemed first, whatever is left is closed then."""

from __future__ import annotations

import time
from enum import Enum, auto
from uuid import UUID

import structlog
from sqlalchemy import String, cast, func, select
from sqlalchemy.orm import Session

from contracts.bindings.market import FINAL
from contracts.protocol.deployment import Constants
from contracts.protocol.lifecycle import LeaseStatus, advance
from marketplace_api import outbox
from marketplace_api.db import session_scope
from marketplace_api.models import ChainEvent, Lease, OutboxMessage, UsageReceipt
from settlement.context import Context
from settlement.requests import request_close, request_redeem
from settlement.standing import lock_lease

log = structlog.get_logger()

AGAIN_S = 1.0
"""Pause between two looks at a lease whose usage is on its way to the chain."""


class Step(Enum):
    """How far the end of a lease has come."""

    OVER = auto()
    """Nothing is left to ask for."""
    EARLY = auto()
    """The window is still open."""
    DISPUTED = auto()
    """A case is open; its end asks for the closing."""
    REDEEMING = auto()
    """Counter-signed usage goes first."""
    ASKED = auto()
    """The closing was asked for."""


def prepare(context: Context, message_id: int) -> None:
    """Look at a lease whose window is over, until its closing can be asked for."""
    now = int(time.time())
    with session_scope() as session:
        # Not locked before its lease, as everywhere; two workers at once do no harm.
        row = session.get(OutboxMessage, message_id)
        if row is None or row.done_at is not None:
            return
        step = end(session, context.deployment.constants, UUID(str(row.payload["lease_id"])), now)
        if step in (Step.OVER, Step.ASKED, Step.DISPUTED):
            outbox.finish(session, message_id)
        else:
            outbox.retry_later(session, message_id, AGAIN_S, f"not yet: {step.name.lower()}")


def end(session: Session, constants: Constants, lease_id: UUID, now: int) -> Step:
    """Redeem the newest counter-signed voucher; with nothing left to redeem, ask to close."""
    lease = lock_lease(session, lease_id)
    if lease is None or lease.status not in (LeaseStatus.ACTIVE, LeaseStatus.CLOSING):
        return Step.OVER
    if lease.status is LeaseStatus.ACTIVE:
        if now < lease.end:
            return Step.EARLY
        lease.status = advance(lease.status, LeaseStatus.CLOSING)
    if redeem_first(session, lease):
        return Step.REDEEMING
    if lease.is_disputed:
        return Step.DISPUTED
    request_close(session, lease, constants, is_final=_is_final(session, lease))
    return Step.ASKED


def redeem_first(session: Session, lease: Lease) -> bool:
    """Ask for the newest unpaid voucher; whether there is one that a closing must wait for."""
    receipt = _unpaid(session, lease)
    if receipt is None or _is_final(session, lease):
        return False
    request_redeem(session, lease, receipt.sequence)
    log.info("lease.redeem_first", lease_id=str(lease.id), sequence=receipt.sequence)
    return True


def _unpaid(session: Session, lease: Lease) -> UsageReceipt | None:
    """The newest counter-signed receipt above what was redeemed; one that was refused is out."""
    key = func.concat(
        "voucher.redeem:", cast(UsageReceipt.lease_id, String), ":", UsageReceipt.sequence
    )
    refused = select(OutboxMessage.id).where(
        OutboxMessage.key == key, OutboxMessage.failed_at.is_not(None)
    )
    return session.scalars(
        select(UsageReceipt)
        .where(
            UsageReceipt.lease_id == lease.id,
            UsageReceipt.holder_signature.is_not(None),
            UsageReceipt.used_gpu_ms > lease.used_gpu_ms,
            ~refused.exists(),
        )
        .order_by(UsageReceipt.sequence.desc())
        .limit(1)
    ).first()


def _is_final(session: Session, lease: Lease) -> bool:
    """Whether a final voucher was redeemed, or a case ended the lease."""
    found = session.scalars(
        select(ChainEvent.args).where(
            ChainEvent.name.in_(("Redeemed", "CaseSettled")),
            ChainEvent.args["holder"].astext == lease.holder,
            ChainEvent.args["series"].astext == str(lease.series),
        )
    ).all()
    return any(bool(args.get("is_final")) or args.get("flags", 0) & FINAL for args in found)
