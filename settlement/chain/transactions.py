"""What the watcher knows of our own transactions in a block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import TransactionStatus, advance
from marketplace_api.models import ChainTransaction, InventoryStatus, OutboxKind
from settlement import queue
from settlement.chain.client import MinedReceipt
from settlement.failure import REVERTED, on_reverted
from settlement.standing import settle_inventory

log = structlog.get_logger()


def ours_among(session: Session, hashes: Sequence[str]) -> list[str]:
    """Which of these transactions we sent and do not know to be mined."""
    if not hashes:
        return []
    waiting = {sent for row in _waiting(session) for sent in hashes_of(row)}
    return [sent for sent in hashes if sent in waiting]


def hashes_of(row: ChainTransaction) -> tuple[str, ...]:
    """Of every version that was signed: each has the same nonce, and any may be the one mined."""
    return tuple(str(attempt["hash"]) for attempt in row.attempts)


def confirm(session: Session, receipts: Iterable[MinedReceipt]) -> None:
    """These are deep enough: their work is done, or comes back where they reverted."""
    for receipt in receipts:
        row = _by_hash(session, receipt.transaction)
        if row is None:
            continue
        row.hash = receipt.transaction
        row.status = advance(row.status, TransactionStatus.MINED)
        row.block_number, row.block_hash = receipt.block_number, receipt.block_hash
        row.gas_used, row.gas_price = receipt.gas_used, receipt.gas_price
        if receipt.succeeded:
            row.status = advance(row.status, TransactionStatus.CONFIRMED)
            _finish(session, row.id)
        else:
            row.status = advance(row.status, TransactionStatus.REVERTED)
            row.error = REVERTED
            on_reverted(session, row.id)
        session.flush()
        log.info("transaction.settled", transaction=row.hash, status=row.status)


def unconfirm(session: Session, block_hash: str) -> None:
    """A re-org removed the block: what stood in it is ours to send again."""
    rows = session.scalars(
        select(ChainTransaction)
        .where(ChainTransaction.block_hash == block_hash)
        .order_by(ChainTransaction.nonce.desc())
        .with_for_update()
    ).all()
    for row in rows:
        row.status = advance(row.status, TransactionStatus.SIGNED)
        row.block_number = row.block_hash = row.gas_used = row.gas_price = row.error = None
        row.sent_at, row.hash = None, hashes_of(row)[-1]
        queue.reopen_served(session, row.id)
        log.warning("transaction.orphaned", transaction=row.hash)
    session.flush()


def _finish(session: Session, transaction_id: UUID) -> None:
    for row in queue.rows_of(session, transaction_id):
        if row.kind is OutboxKind.DEVICE_ATTEST:
            inventory_id = UUID(str(row.payload["inventory_id"]))
            settle_inventory(session, inventory_id, InventoryStatus.ATTESTED, None)
    queue.finish_served(session, transaction_id)


def _by_hash(session: Session, transaction: str) -> ChainTransaction | None:
    """What waits and was signed in this version."""
    for row in _waiting(session):
        if transaction in hashes_of(row):
            return session.get_one(
                ChainTransaction, row.id, with_for_update=True, populate_existing=True
            )
    return None


def _waiting(session: Session) -> Sequence[ChainTransaction]:
    """Few: one key has few transactions on their way."""
    waiting = (TransactionStatus.SIGNED, TransactionStatus.MINED)
    return session.scalars(
        select(ChainTransaction).where(ChainTransaction.status.in_(waiting))
    ).all()
