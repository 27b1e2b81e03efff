"""Follows the chain and lets its events take effect: ``python -m settlement.chain.watcher``.

Each step applies one block in one database transaction: block, events, effects, our transactions,
cursor. A block is applied when it is ``confirmations`` deep (1: as soon as it is there). Its parent
must be the block applied before; where it is not, the blocks that left the chain are undone down to
the common ancestor, in one transaction too. Killed at any point, it goes on at its cursor.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from contracts.bindings.events import Event, RawLog, decode_log, event_from_json, event_to_json
from contracts.protocol.deployment import Deployment
from marketplace_api import db, log_setup
from marketplace_api.db import session_scope
from marketplace_api.models import ChainBlock, ChainEvent
from settlement.chain import cursor, effects, transactions
from settlement.chain.client import Block, Chain, MinedReceipt, Web3Chain
from settlement.chain.cursor import Position
from settlement.chain.seen import Seen
from settlement.heartbeat import Heartbeat
from settlement.outcome import Failed, Retryable, WorkError
from settlement.settings import SettlementSettings

log = structlog.get_logger()

ANCESTOR_PAGE = 64
PAUSE_AFTER_ERROR_S = 1.0


@dataclass(frozen=True, slots=True)
class _Found:
    """Everything the node said of one block."""

    block: Block
    logs: list[RawLog]
    receipts: list[MinedReceipt]


class Watcher:
    """One reader of one chain."""

    def __init__(self, chain: Chain, deployment: Deployment, confirmations: int) -> None:
        self._chain = chain
        self._deployment = deployment
        self._contracts = (
            deployment.market,
            deployment.registry,
            deployment.arbitration,
            deployment.resale,
            deployment.parameters,
        )
        self._depth = confirmations - 1

    def step(self) -> bool:
        """Apply or undo what is next; false when there is nothing to do."""
        position = self._position()
        head = self._chain.head()
        if head.hash == position.hash:
            return False
        if head.number - self._depth > position.number:
            block = self._after(position, head)
            if block is not None and block.parent == position.hash:
                self._apply(position, self._read(block))
                return True
        return self._rewind_if_orphaned(position)

    def _after(self, position: Position, head: Block) -> Block | None:
        if head.number == position.number + 1:
            return head
        return self._chain.block_at(position.number + 1)

    def _position(self) -> Position:
        with session_scope() as session:
            if position := cursor.load(session):
                return position
        before = self._chain.block_at(self._deployment.deployed_block - 1)
        if before is None:
            raise Retryable("chain-behind", f"no block {self._deployment.deployed_block - 1} yet")
        first = Position(before.number, before.hash)
        with session_scope() as session:
            session.add(_row(before))
            cursor.start(session, first)
        return first

    def _is_on_chain(self, position: Position) -> bool:
        block = self._chain.block_at(position.number)
        return block is not None and block.hash == position.hash

    def _read(self, block: Block) -> _Found:
        logs = self._chain.logs(block.hash, self._contracts)
        with session_scope() as session:
            ours = transactions.ours_among(session, block.transactions)
        receipts = [self._receipt(hash_, block) for hash_ in ours]
        return _Found(block, sorted(logs, key=lambda log_: log_.index), receipts)

    def _receipt(self, transaction: str, block: Block) -> MinedReceipt:
        receipt = self._chain.receipt(transaction)
        if receipt is None or receipt.block_hash != block.hash:
            raise Retryable("receipt-missing", f"{transaction} of block {block.number}")
        return receipt

    def _apply(self, position: Position, found: _Found) -> None:
        block = found.block
        with session_scope() as session:
            if not cursor.move(session, position, Position(block.number, block.hash)):
                log.info("watcher.overtaken", block=block.number)
                return
            session.add(_row(block))
            session.flush()
            # Before the effects: a skipped element opens its row again.
            transactions.confirm(session, found.receipts)
            for raw in found.logs:
                if event := decode_log(raw):
                    self._apply_event(session, block, raw, event)
        log.info("block.applied", block=block.number, logs=len(found.logs))

    def _apply_event(self, session: Session, block: Block, raw: RawLog, event: Event) -> None:
        row = ChainEvent(
            block_hash=block.hash,
            tx_hash=raw.transaction,
            log_index=raw.index,
            block_number=block.number,
            contract=raw.address,
            name=type(event).__name__,
            args=event_to_json(event),
        )
        session.add(row)
        session.flush()
        effects.apply(session, self._seen(row, event, block.timestamp))

    def _rewind_if_orphaned(self, position: Position) -> bool:
        if self._is_on_chain(position):
            # Not deep enough yet, or a lagging node.
            return False
        ancestor = self._common_ancestor(position)
        log.warning("chain.reorganised", block=position.number, ancestor=ancestor.number)
        at = int(time.time())
        with session_scope() as session:
            if cursor.move(session, position, ancestor):
                self._undo_above(session, ancestor.number, at)
        return True

    def _common_ancestor(self, position: Position) -> Position:
        below = position.number
        while True:
            with session_scope() as session:
                page = cursor.stored_below(session, below, ANCESTOR_PAGE)
            for candidate in page:
                if self._is_on_chain(candidate):
                    return candidate
                below = candidate.number
            if not page:
                raise Failed("foreign-chain", "no applied block is on this chain; is it another?")

    def _undo_above(self, session: Session, number: int, at: int) -> None:
        blocks = session.scalars(
            select(ChainBlock).where(ChainBlock.number > number).order_by(ChainBlock.number.desc())
        ).all()
        for block in blocks:
            self._undo_events(session, block, at)
            transactions.unconfirm(session, block.hash)
            session.delete(block)
            session.flush()

    def _undo_events(self, session: Session, block: ChainBlock, at: int) -> None:
        rows = session.scalars(
            select(ChainEvent)
            .where(ChainEvent.block_number == block.number)
            .order_by(ChainEvent.log_index.desc())
        ).all()
        for row in rows:
            event = event_from_json(row.name, row.args)
            effects.undo(session, self._seen(row, event, block.timestamp), at)
            session.delete(row)
            session.flush()

    def _seen(self, row: ChainEvent, event: Event, timestamp: int) -> Seen[Event]:
        return Seen(
            event=event,
            contract=row.contract,
            transaction=row.tx_hash,
            index=row.log_index,
            block_number=row.block_number,
            block_hash=row.block_hash,
            timestamp=timestamp,
            deployment=self._deployment,
        )


def follow(watcher: Watcher, heartbeat: Heartbeat, poll_s: float) -> None:
    """Step for ever; what may pass by itself is tried again."""
    while True:
        try:
            moved = watcher.step()
            heartbeat.beat(_detail())
        except (WorkError, OperationalError, InterfaceError) as error:
            log.warning("watcher.waits", reason=str(error)[:300])
            time.sleep(PAUSE_AFTER_ERROR_S)
            continue
        if not moved:
            time.sleep(poll_s)


def main() -> None:
    """Run until killed."""
    log_setup.configure()
    settings = SettlementSettings()
    db.connect(settings.database_url, pool_size=2)
    chain = Web3Chain(settings.rpc_url)
    watcher = Watcher(chain, settings.deployment(), settings.confirmations)
    follow(watcher, Heartbeat("watcher"), settings.poll_s)


def _detail() -> dict[str, str | int | bool | list[str] | None]:
    with session_scope() as session:
        position = cursor.load(session)
    return {"block": position.number if position else None}


def _row(block: Block) -> ChainBlock:
    return ChainBlock(
        number=block.number,
        hash=block.hash,
        parent_hash=block.parent,
        timestamp=block.timestamp,
    )


if __name__ == "__main__":
    main()
