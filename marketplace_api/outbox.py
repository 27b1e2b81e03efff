"""The outbox: services enqueue in their own transaction, settlement claims and finishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace_api.models import OutboxKind, OutboxMessage

CHANNEL = "outbox"
"""PostgreSQL notifies here, with the row's id, when a transaction with new work commits."""
Ids = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class OutboxTask:
    """A claimed piece of work."""

    id: int
    kind: OutboxKind
    key: str
    payload: Ids
    attempts: int


def enqueue(
    session: Session, kind: OutboxKind, key: str, payload: Ids, delay_s: float = 0
) -> int | None:
    """Leave work for another process; None if the key was enqueued before."""
    statement = (
        insert(OutboxMessage)
        .values(
            kind=kind,
            key=key,
            payload=dict(payload),
            available_at=func.now() + timedelta(seconds=delay_s),
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(OutboxMessage.id)
    )
    return session.scalar(statement)


def claim(session: Session, limit: int, lease_s: float) -> Sequence[OutboxTask]:
    """Take due work for ``lease_s``; whoever does not finish in time loses it to the next."""
    open_rows = (
        select(OutboxMessage)
        .where(
            OutboxMessage.done_at.is_(None),
            OutboxMessage.failed_at.is_(None),
            OutboxMessage.available_at <= func.now(),
            or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until < func.now()),
        )
        .order_by(OutboxMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.scalars(open_rows).all()
    for row in rows:
        row.leased_until = func.now() + timedelta(seconds=lease_s)
        row.attempts += 1
    session.flush()
    return [_task(row) for row in rows]


def load_open(session: Session, message_id: int) -> OutboxTask | None:
    """Lock one piece of work and read it; None if it is done or given up."""
    row = session.get(OutboxMessage, message_id, with_for_update=True, populate_existing=True)
    if row is None or row.done_at is not None or row.failed_at is not None:
        return None
    return _task(row)


def finish(session: Session, message_id: int) -> None:
    """The work is done for good."""
    _close(session, message_id, done_at=func.now(), error=None)


def finish_key(session: Session, key: str) -> None:
    """The work under this key is done for good; nothing happens if there is none."""
    session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.key == key, OutboxMessage.done_at.is_(None))
        .values(done_at=func.now(), leased_until=None)
    )


def reopen_key(session: Session, key: str) -> None:
    """The work under this key is to be done again: a re-org took its result away."""
    session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.key == key)
        .values(done_at=None, failed_at=None, leased_until=None, available_at=func.now())
    )


def give_up(session: Session, message_id: int, error: str) -> None:
    """The work can't be done; kept with its error for people."""
    _close(session, message_id, failed_at=func.now(), error=error)


def retry_later(session: Session, message_id: int, delay_s: float, error: str) -> None:
    """Hand the work back, to be claimed again after a while."""
    _close(session, message_id, available_at=func.now() + timedelta(seconds=delay_s), error=error)


def _close(session: Session, message_id: int, **values: object) -> None:
    session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id == message_id)
        .values(leased_until=None, **values)
    )


def _task(row: OutboxMessage) -> OutboxTask:
    return OutboxTask(row.id, row.kind, row.key, row.payload, row.attempts)
