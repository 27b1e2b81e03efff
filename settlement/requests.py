"""Work that settlement gives itself: outbox rows written beside the change that makes them due."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from contracts.protocol.deployment import Constants
from marketplace_api import outbox
from marketplace_api.models import Lease, OutboxKind, OutboxMessage

PASSING = frozenset({"CloseTooEarly", "reverted"})
"""Reasons of a failure that a later block answers otherwise."""


def close_due(lease: Lease, constants: Constants, *, is_final: bool) -> int:
    """First second in which the contract closes this lease; until then a fill may still come."""
    after_fills = lease.start + constants.start_grace + 1
    if is_final:
        return after_fills
    return max(after_fills, lease.end + constants.redeem_grace + 1)


def request_close(
    session: Session, lease: Lease, constants: Constants, *, is_final: bool = True
) -> None:
    """Close the lease as soon as the contract lets us."""
    delay = max(0.0, close_due(lease, constants, is_final=is_final) - time.time())
    payload = {"lease_id": str(lease.id)}
    key = f"lease.close:{lease.id}"
    if outbox.enqueue(session, OutboxKind.LEASE_CLOSE, key, payload, delay) is None:
        _hasten(session, key, delay)


def request_redeem(session: Session, lease: Lease, sequence: int) -> None:
    """Redeem this unpaid receipt of the lease, unless that is under way or was refused."""
    payload: dict[str, str | int] = {"lease_id": str(lease.id), "sequence": sequence}
    key = f"voucher.redeem:{lease.id}:{sequence}"
    if outbox.enqueue(session, OutboxKind.VOUCHER_REDEEM, key, payload) is None:
        # Done and yet unpaid: a re-org took away the payment by somebody else that had ended it.
        _reopen(session, key, OutboxMessage.done_at.is_not(None), datetime.now(UTC))


def request_end(session: Session, lease: Lease) -> None:
    """Look at the lease as soon as its window is over, whoever is silent by then."""
    delay = max(0.0, lease.end + 1 - time.time())
    key = f"lease.end:{lease.id}"
    payload = {"lease_id": str(lease.id)}
    if outbox.enqueue(session, OutboxKind.LEASE_END, key, payload, delay) is None:
        _reopen(session, key, true(), datetime.now(UTC) + timedelta(seconds=delay))


def request_resolve(
    session: Session, event: str, case: tuple[int, str, int], deadline: int
) -> None:
    """End a case after its deadline, unless that has happened by then."""
    series, holder, number = case
    payload: dict[str, str | int] = {"series": str(series), "holder": holder, "number": number}
    delay = max(0.0, deadline + 1 - time.time())
    outbox.enqueue(session, OutboxKind.CASE_RESOLVE, f"case.resolve:{event}", payload, delay)


def _reopen(session: Session, key: str, which: ColumnElement[bool], due: datetime) -> None:
    row = session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.key == key, OutboxMessage.failed_at.is_(None), which)
        # Whoever holds the row is at it: waiting here for the watcher would be a deadlock.
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).first()
    if row is not None:
        row.available_at = due
        row.done_at = row.leased_until = row.transaction_id = None
        session.flush()


def _hasten(session: Session, key: str, delay_s: float) -> None:
    """The work was asked for before and the lease still stands: let it be tried again."""
    row = session.scalars(
        select(OutboxMessage).where(OutboxMessage.key == key).with_for_update()
    ).one()
    is_open = row.done_at is None and row.failed_at is None
    if is_open and row.transaction_id is not None:
        return
    if row.failed_at is not None and row.error not in PASSING:
        # It needs people, not another transaction.
        return
    due = datetime.now(UTC) + timedelta(seconds=delay_s)
    row.available_at = min(row.available_at, due) if is_open else due
    row.done_at = row.failed_at = row.leased_until = row.transaction_id = None
    session.flush()
