"""Work that should have been done by now: found in our own tables, done through the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import LeaseStatus, TransactionStatus
from marketplace_api.db import session_scope
from marketplace_api.models import (
    Account,
    ChainTransaction,
    Lease,
    OutboxMessage,
)
from settlement import endings
from settlement.context import Context
from settlement.endings import Step
from settlement.outcome import Retryable
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
    with session_scope() as session:
        return endings.end(session, context.deployment.constants, lease_id, now) is Step.ASKED


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
