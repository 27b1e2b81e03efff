"""SQL around outbox rows and the transactions that serve them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import TransactionStatus, advance
from marketplace_api.models import ChainTransaction, OutboxKind, OutboxMessage

RETRIES = 5
"""After this many refusals of a lone row people have to look."""


def lock_batch(session: Session, message_id: int, most: int) -> list[OutboxMessage]:
    """This row and others of its kind that nobody serves yet; empty if it is served or over.

    A row that was refused before travels alone, so that it cannot sink others again.
    """
    first = session.scalars(
        _open_rows().where(OutboxMessage.id == message_id).with_for_update()
    ).first()
    if first is None:
        return []
    if first.error is not None:
        return [first]
    others = session.scalars(
        _open_rows()
        .where(
            OutboxMessage.kind == first.kind,
            OutboxMessage.id != first.id,
            OutboxMessage.error.is_(None),
        )
        .order_by(OutboxMessage.id)
        .limit(most - 1)
        .with_for_update(skip_locked=True)
    ).all()
    return [first, *others]


BASE_GAS = 60_000
ELEMENT_GAS: Mapping[OutboxKind, int] = {
    OutboxKind.DEVICE_ATTEST: 0,
    OutboxKind.LEASE_FILL: 250_000,
    OutboxKind.VOUCHER_REDEEM: 150_000,
    OutboxKind.LEASE_CLOSE: 120_000,
    OutboxKind.LEASE_END: 0,
    OutboxKind.CASE_RESOLVE: 500_000,
}
"""More than one element ever needs; what is not used is not paid for."""


def store_intent(
    session: Session, rows: Sequence[OutboxMessage], signer: str, to: str, data: bytes
) -> UUID:
    """A transaction that serves these rows, stored before anything is sent."""
    transaction = ChainTransaction(
        idempotency_key=_intent_key(rows),
        signer=signer,
        to=to,
        data=data,
        value=0,
        gas=BASE_GAS + ELEMENT_GAS[rows[0].kind] * len(rows),
    )
    session.add(transaction)
    session.flush()
    for row in rows:
        row.transaction_id = transaction.id
        row.error = None
    session.flush()
    return transaction.id


def rows_of(session: Session, transaction_id: UUID) -> Sequence[OutboxMessage]:
    """The rows that a transaction serves, locked."""
    return session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.transaction_id == transaction_id)
        .order_by(OutboxMessage.id)
        .with_for_update()
    ).all()


def finish_served(session: Session, transaction_id: UUID) -> None:
    """The transaction is confirmed: its rows are done."""
    session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.transaction_id == transaction_id, OutboxMessage.failed_at.is_(None))
        .values(done_at=func.now(), leased_until=None, error=None)
    )


def reopen_served(session: Session, transaction_id: UUID) -> None:
    """A re-org took the transaction out of its block: its rows wait for it again."""
    session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.transaction_id == transaction_id, OutboxMessage.done_at.isnot(None))
        .values(done_at=None, leased_until=None, available_at=func.now())
    )


def detach(session: Session, row: OutboxMessage, error: str, delay_s: float) -> None:
    """What served the row failed: it is open again, alone, after a pause."""
    row.transaction_id = None
    row.error = error[:500]
    row.done_at = None
    row.leased_until = None
    row.available_at = func.now() + timedelta(seconds=delay_s)
    session.flush()


def give_up(session: Session, row: OutboxMessage, error: str) -> None:
    """Kept with its error for people."""
    row.failed_at = func.now()
    row.done_at = None
    row.leased_until = None
    row.error = error[:500]
    session.flush()


def find_row(
    session: Session, kind: OutboxKind, transaction: str, lease: UUID
) -> OutboxMessage | None:
    """The row of a lease that one of our transactions served; nothing for a stranger's."""
    return session.scalars(
        select(OutboxMessage)
        .join(ChainTransaction, ChainTransaction.id == OutboxMessage.transaction_id)
        .where(
            ChainTransaction.hash == transaction,
            OutboxMessage.kind == kind,
            OutboxMessage.payload["lease_id"].astext == str(lease),
        )
        .order_by(OutboxMessage.id.desc())
        .with_for_update(of=OutboxMessage)
    ).first()


def refuse(session: Session, transaction: ChainTransaction, reason: str) -> None:
    """The static call failed: the intent is never sent."""
    transaction.status = advance(transaction.status, TransactionStatus.REFUSED)
    transaction.error = reason[:500]
    session.flush()


def _open_rows() -> Select[OutboxMessage]:
    return (
        select(OutboxMessage)
        .where(
            OutboxMessage.transaction_id.is_(None),
            OutboxMessage.done_at.is_(None),
            OutboxMessage.failed_at.is_(None),
            OutboxMessage.available_at <= func.now(),
        )
        .execution_options(populate_existing=True)
    )


def _intent_key(rows: Sequence[OutboxMessage]) -> str:
    """One intent for each attempt at a set of rows; the rows' lock keeps it single."""
    parts = ",".join(f"{row.id}.{row.attempts}" for row in rows)
    return f"{rows[0].kind}:{sha256(parts.encode()).hexdigest()}"
