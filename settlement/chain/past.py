"""What earlier events said: for undoing, and for what changes seldom."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from contracts.bindings.events import Event, TreasurySet, event_from_json
from contracts.protocol.series import Series
from marketplace_api.models import ChainEvent, Terms
from settlement.chain.seen import Seen


def earlier(
    session: Session, seen: Seen[Event], kinds: tuple[type[Event], ...], **arguments: str | int
) -> Iterator[Event]:
    """Events of these kinds before this one with these arguments, the newest first."""
    place = tuple_(ChainEvent.block_number, ChainEvent.log_index)
    rows = session.scalars(
        select(ChainEvent)
        .where(
            place < (seen.block_number, seen.index),
            ChainEvent.name.in_([kind.__name__ for kind in kinds]),
            *(ChainEvent.args[name].astext == str(value) for name, value in arguments.items()),
        )
        .order_by(ChainEvent.block_number.desc(), ChainEvent.log_index.desc())
    )
    for row in rows:
        yield event_from_json(row.name, row.args)


def treasury(session: Session, seen: Seen[Event]) -> str:
    """Whom fees are credited to at this event."""
    found = next(earlier(session, seen, (TreasurySet,)), None)
    return found.treasury if isinstance(found, TreasurySet) else seen.deployment.treasury


def provider_of(session: Session, series_id: int) -> str:
    """Who sold a series."""
    return terms_of(session, series_id).provider


def terms_of(session: Session, series_id: int) -> Terms:
    """The terms of a series; registered before anything could be sold under them."""
    return session.get_one(Terms, Series.from_id(series_id).terms)
