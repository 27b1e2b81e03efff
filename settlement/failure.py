"""What follows when a transaction is refused or reverts: its batch is taken apart."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from marketplace_api.models import (
    ChainTransaction,
    InventoryStatus,
    OutboxKind,
    OutboxMessage,
)
from settlement import queue
from settlement.standing import fail_lease, settle_inventory

REVERTED = "reverted"


def on_refused(session: Session, transaction: ChainTransaction, reason: str) -> None:
    """The static call failed: nothing was sent."""
    queue.refuse(session, transaction, reason)
    hand_back(session, transaction.id, reason)


def on_reverted(session: Session, transaction_id: UUID) -> None:
    """It passed the static call and failed in its block: state moved in between, or gas ran out."""
    rows = queue.rows_of(session, transaction_id)
    for row in rows:
        if len(rows) == 1 and row.attempts >= queue.RETRIES:
            give_up(session, row, REVERTED)
        else:
            queue.detach(session, row, REVERTED, delay_s=1)


def hand_back(session: Session, transaction_id: UUID, reason: str) -> None:
    """Several rows try again one by one, so that the bad one is found; a lone row is given up."""
    rows = queue.rows_of(session, transaction_id)
    # Somebody else may have ended a case first: the next look finds none.
    once_more = rows[0].kind is OutboxKind.CASE_RESOLVE and rows[0].attempts < queue.RETRIES
    if len(rows) == 1 and not once_more:
        give_up(session, rows[0], reason)
        return
    for row in rows:
        queue.detach(session, row, reason, delay_s=0)


def give_up(session: Session, row: OutboxMessage, reason: str) -> None:
    """No repetition changes the answer; whoever waits for the work is told."""
    queue.give_up(session, row, reason)
    if row.kind is OutboxKind.LEASE_FILL:
        fail_lease(session, UUID(str(row.payload["lease_id"])), reason)
    elif row.kind is OutboxKind.DEVICE_ATTEST:
        inventory_id = UUID(str(row.payload["inventory_id"]))
        settle_inventory(session, inventory_id, InventoryStatus.REFUSED, reason)
