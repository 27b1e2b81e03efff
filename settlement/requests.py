"""Work that settlement gives itself: outbox rows written beside the change that makes them due."""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.protocol.deployment import Constants
from marketplace_api import outbox
from marketplace_api.models import Lease, OutboxKind, OutboxMessage


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
    _request(session, OutboxKind.LEASE_CLOSE, f"lease.close:{lease.id}", payload, delay)


def request_redeem(session: Session, lease: Lease, sequence: int) -> None:
    """Redeem this receipt of the lease."""
    payload: dict[str, str | int] = {"lease_id": str(lease.id), "sequence": sequence}
    key = f"voucher.redeem:{lease.id}:{sequence}"
    _request(session, OutboxKind.VOUCHER_REDEEM, key, payload, 0)


def _request(
    session: Session, kind: OutboxKind, key: str, payload: outbox.Ids, delay_s: float
) -> None:
    """Enqueue; what was given up or done without the effect that we miss is opened again."""
    row = session.scalars(
        select(OutboxMessage).where(OutboxMessage.key == key).with_for_update()
    ).first()
    if row is None:
        outbox.enqueue(session, kind, key, payload, delay_s)
        return
    if row.done_at is None and row.failed_at is None and row.transaction_id is not None:
        return
    row.done_at = row.failed_at = row.leased_until = row.transaction_id = None
    row.available_at = func.now() + timedelta(seconds=delay_s)
    session.flush()
