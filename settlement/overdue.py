"""Work that should have been done by now: found in our own tables, done through the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import LeaseStatus, TransactionStatus, advance
from marketplace_api.db import session_scope
from marketplace_api.models import (
    Account,
    ChainEvent,
    ChainTransaction,
    Lease,
    OutboxMessage,
    UsageReceipt,
)
from settlement.context import Context
from settlement.outcome import Retryable
from settlement.requests import close_due, request_close, request_redeem
from settlement.standing import lock_lease
from settlement.trial_balance import Difference, Finding

log = structlog.get_logger()

STUCK_AFTER_S = 60
OVERDUE_AFTER_S = 300
FAILED_WITHIN_S = 24 * 3600


def take_up(context: Context, now: int) -> int:
    """Redeem and close what is over; send again what is stuck. How many leases were touched."""
    with session_scope() as session:
        over = session.scalars(
            select(Lease.id)
            .where(
                or_(
                    (Lease.status == LeaseStatus.ACTIVE) & (Lease.end <= now),
                    Lease.status == LeaseStatus.CLOSING,
                )
            )
            .order_by(Lease.id)
        ).all()
    touched = sum(_end(context, lease_id, now) for lease_id in over)
    try:
        context.sender.flush(context.operator)
    except Retryable as error:
        log.warning("reconcile.flush_failed", reason=str(error)[:300])
    return touched


def stuck(context: Context, now: int) -> list[Finding]:
    """What no repetition has moved: for people."""
    with session_scope() as session:
        return [*_transactions(session), *_rows(session), *_leases(session, context, now)]


def mirrored_balances(session: Session) -> dict[str, int]:
    """The balances that the API reads."""
    rows = session.execute(select(Account.wallet, Account.balance)).all()
    return {row.wallet: row.balance for row in rows}


def _end(context: Context, lease_id: UUID, now: int) -> bool:
    """Redeem the last counter-signed voucher, close when the chain lets us."""
    constants = context.deployment.constants
    with session_scope() as session:
        lease = lock_lease(session, lease_id)
        if lease is None or lease.status not in (LeaseStatus.ACTIVE, LeaseStatus.CLOSING):
            return False
        if lease.status is LeaseStatus.ACTIVE:
            lease.status = advance(lease.status, LeaseStatus.CLOSING)
        is_final = _is_final(session, lease)
        if now >= close_due(lease, constants, is_final=is_final):
            request_close(session, lease, constants, is_final=is_final)
            return True
        receipt = _last_countersigned(session, lease.id)
        if is_final or receipt is None or receipt.used_gpu_ms <= lease.used_gpu_ms:
            return False
        request_redeem(session, lease, receipt.sequence)
        return True


def _is_final(session: Session, lease: Lease) -> bool:
    """Whether a final voucher was redeemed."""
    found = session.scalars(
        select(ChainEvent.args)
        .where(
            ChainEvent.name == "Redeemed",
            ChainEvent.args["holder"].astext == lease.holder,
            ChainEvent.args["series"].astext == str(lease.series),
        )
        .order_by(ChainEvent.block_number.desc(), ChainEvent.log_index.desc())
    ).all()
    return any(bool(args["is_final"]) for args in found)


def _last_countersigned(session: Session, lease_id: UUID) -> UsageReceipt | None:
    return session.scalars(
        select(UsageReceipt)
        .where(UsageReceipt.lease_id == lease_id, UsageReceipt.holder_signature.isnot(None))
        .order_by(UsageReceipt.sequence.desc())
        .limit(1)
    ).first()


def _transactions(session: Session) -> Iterator[Finding]:
    before = datetime.now(UTC) - timedelta(seconds=STUCK_AFTER_S)
    rows = session.scalars(
        select(ChainTransaction)
        .where(
            ChainTransaction.status.in_((TransactionStatus.QUEUED, TransactionStatus.SIGNED)),
            ChainTransaction.created_at < before,
        )
        .order_by(ChainTransaction.created_at)
    ).all()
    for row in rows:
        yield Finding(Difference.TRANSACTION_STUCK, row.hash or str(row.id), row.nonce or 0, 0)


def _rows(session: Session) -> Iterator[Finding]:
    since = func.now() - timedelta(seconds=FAILED_WITHIN_S)
    rows = session.scalars(
        select(OutboxMessage).where(OutboxMessage.failed_at > since).order_by(OutboxMessage.id)
    ).all()
    for row in rows:
        yield Finding(Difference.WORK_FAILED, f"{row.key}: {row.error}", row.attempts, 0)


def _leases(session: Session, context: Context, now: int) -> Iterator[Finding]:
    late = context.deployment.constants.redeem_grace + OVERDUE_AFTER_S
    rows = session.scalars(
        select(Lease).where(
            Lease.status.in_((LeaseStatus.ACTIVE, LeaseStatus.CLOSING)),
            Lease.end < now - late,
        )
    ).all()
    for row in rows:
        yield Finding(Difference.LEASE_OVERDUE, str(row.id), row.end, now)
