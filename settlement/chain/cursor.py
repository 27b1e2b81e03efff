"""How far the watcher has come, and the blocks behind it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace_api.models import ChainBlock, ChainCursor

NAME = "watcher"


@dataclass(frozen=True, slots=True)
class Position:
    """The last block that was applied."""

    number: int
    hash: str


def load(session: Session) -> Position | None:
    """Where the watcher stands; nothing before its first block."""
    row = session.get(ChainCursor, NAME, populate_existing=True)
    return Position(row.block_number, row.block_hash) if row else None


def start(session: Session, position: Position) -> None:
    """Begin after this block."""
    session.add(ChainCursor(name=NAME, block_number=position.number, block_hash=position.hash))


def move(session: Session, expected: Position, target: Position) -> bool:
    """Compare and set: false if another watcher was here first."""
    row = session.get(ChainCursor, NAME, with_for_update=True, populate_existing=True)
    if row is None or Position(row.block_number, row.block_hash) != expected:
        return False
    row.block_number, row.block_hash = target.number, target.hash
    return True


def stored_below(session: Session, number: int, limit: int) -> list[Position]:
    """Applied blocks below a height, the highest first."""
    rows = session.scalars(
        select(ChainBlock)
        .where(ChainBlock.number < number)
        .order_by(ChainBlock.number.desc())
        .limit(limit)
    ).all()
    return [Position(row.number, row.hash) for row in rows]
