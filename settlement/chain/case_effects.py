"""What cases, and whatever else ends a lease otherwise than used up, mean for leases and bonds."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from sqlalchemy.orm import Session

from contracts.bindings.events import (
    Answered,
    CaseOpened,
    CaseSettled,
    Challenged,
    Event,
    IntervalsMissed,
    NoShowClaimed,
    Paid,
    ReservationFeePaid,
    Shortened,
    SlaCredited,
    Slashed,
    Split,
    UsageClaimed,
)
from contracts.bindings.market import FINAL
from contracts.protocol.lifecycle import LeaseStatus, advance
from contracts.protocol.series import Series
from marketplace_api.models import Lease
from settlement.chain.past import earlier
from settlement.chain.seen import Seen
from settlement.ledger import Kind, PostingKind, money, move, post
from settlement.requests import request_close, request_end, request_resolve
from settlement.standing import lock_lease_of_position

log = structlog.get_logger()

BURNED = "0x000000000000000000000000000000000000dEaD"
"""`ProviderRegistry.BURNED`: an account that nobody holds the key of."""


def paid(session: Session, seen: Seen[Paid]) -> None:
    """Claim bonds, fees of auditors and arbiters: from one account to another."""
    event = seen.event
    entries = move(money(event.from_, Kind.BALANCE), money(event.to, Kind.BALANCE), event.amount)
    post(session, PostingKind.PAID, entries, seen.source())


def slashed(session: Session, seen: Seen[Slashed]) -> None:
    """The victim first, the rest is burned."""
    event = seen.event
    bond = money(event.account, Kind.BOND)
    entries = move(bond, money(event.victim, Kind.BALANCE), event.to_victim)
    entries += move(bond, money(BURNED, Kind.BALANCE), event.amount - event.to_victim)
    post(session, PostingKind.SLASHED, entries, seen.source())


def sla_credited(session: Session, seen: Seen[SlaCredited]) -> None:
    """The bond pays for missed intervals."""
    event = seen.event
    lease = _lease(session, seen.event)
    if lease is not None:
        lease.sla_credit += event.amount
    entries = move(
        money(event.provider, Kind.BOND), money(event.holder, Kind.BALANCE), event.amount
    )
    post(session, PostingKind.SLA_CREDITED, entries, seen.source(), lease.id if lease else None)


def undo_sla_credited(session: Session, seen: Seen[SlaCredited]) -> None:
    """The bond is whole again."""
    lease = _lease(session, seen.event)
    if lease is not None:
        lease.sla_credit -= seen.event.amount


def reservation_fee_paid(session: Session, seen: Seen[ReservationFeePaid]) -> None:
    """Part of what was not used is the provider's."""
    event = seen.event
    lease = _lease(session, seen.event)
    if lease is not None:
        lease.reservation_fee += event.amount
    entries = move(
        money(event.holder, Kind.ESCROW, event.series),
        money(event.provider, Kind.BALANCE),
        event.amount,
    )
    post(session, PostingKind.RESERVATION_FEE, entries, seen.source(), lease.id if lease else None)


def undo_reservation_fee_paid(session: Session, seen: Seen[ReservationFeePaid]) -> None:
    """It is in the escrow again."""
    lease = _lease(session, seen.event)
    if lease is not None:
        lease.reservation_fee -= seen.event.amount


def intervals_missed(session: Session, seen: Seen[IntervalsMissed]) -> None:
    """Both sides signed an outage."""
    lease = _lease(session, seen.event)
    if lease is not None:
        lease.missed_intervals = seen.event.missed_intervals


def undo_intervals_missed(session: Session, seen: Seen[IntervalsMissed]) -> None:
    """What was signed before counts."""
    lease = _lease(session, seen.event)
    if lease is not None:
        lease.missed_intervals = _missed_before(session, seen)


def case_opened(session: Session, seen: Seen[CaseOpened]) -> None:
    """Closing waits for the end of the case."""
    _dispute(session, seen.event, is_open=True)


def undo_case_opened(session: Session, seen: Seen[CaseOpened]) -> None:
    """Nothing is disputed."""
    _dispute(session, seen.event, is_open=False)


def case_staged(
    session: Session,
    seen: Seen[UsageClaimed] | Seen[Challenged] | Seen[NoShowClaimed] | Seen[Answered],
) -> None:
    """From the deadline of the stage on anybody may end the case."""
    event = seen.event
    case = (event.series, event.holder, event.number)
    request_resolve(session, seen.key, case, event.deadline)


def case_settled(session: Session, seen: Seen[CaseSettled]) -> None:
    """The lease may close: at once where the case ended it, else in its time."""
    event = seen.event
    lease = _dispute(session, event, is_open=False)
    if lease is None:
        return
    lease.missed_intervals = event.missed_intervals
    if event.flags & FINAL:
        if lease.status is LeaseStatus.ACTIVE:
            lease.status = advance(lease.status, LeaseStatus.CLOSING)
        request_close(session, lease, seen.deployment.constants)
    else:
        request_end(session, lease)


def undo_case_settled(session: Session, seen: Seen[CaseSettled]) -> None:
    """The case is open again, if there was one: a proof ends a lease without."""
    opened = next(_earlier(session, seen, (CaseOpened, CaseSettled)), None)
    lease = _dispute(session, seen.event, is_open=isinstance(opened, CaseOpened))
    if lease is not None:
        lease.missed_intervals = _missed_before(session, seen)


def shortened(session: Session, seen: Seen[Shortened]) -> None:
    """Released or interrupted: the window ends earlier."""
    _end_at(session, seen.event, seen.event.end)


def undo_shortened(session: Session, seen: Seen[Shortened]) -> None:
    """It ends where it did before."""
    _end_at(session, seen.event, _end_before(session, seen))


def _lease(
    session: Session,
    event: SlaCredited
    | ReservationFeePaid
    | IntervalsMissed
    | CaseOpened
    | CaseSettled
    | Shortened,
) -> Lease | None:
    return lock_lease_of_position(session, event.series, event.holder)


def _dispute(session: Session, event: CaseOpened | CaseSettled, *, is_open: bool) -> Lease | None:
    lease = _lease(session, event)
    if lease is not None:
        lease.is_disputed = is_open
        log.info("lease.disputed", lease_id=str(lease.id), is_open=is_open)
    return lease


def _end_at(session: Session, event: Shortened, end: int) -> None:
    lease = _lease(session, event)
    if lease is not None:
        lease.end = end
        session.flush()
        request_end(session, lease)
        log.info("lease.shortened", lease_id=str(lease.id), end=end)


def _missed_before(session: Session, seen: Seen[IntervalsMissed] | Seen[CaseSettled]) -> int:
    for event in _earlier(session, seen, (IntervalsMissed, CaseSettled)):
        if isinstance(event, IntervalsMissed | CaseSettled):
            return event.missed_intervals
    return 0


def _end_before(session: Session, seen: Seen[Shortened]) -> int:
    for event in _earlier(session, seen, (Shortened, Split)):
        if isinstance(event, Shortened):
            return event.end
        if isinstance(event, Split) and event.head == event.series:
            return Series.from_id(event.tail).start
    return Series.from_id(seen.event.series).end


def _earlier(
    session: Session,
    seen: Seen[IntervalsMissed] | Seen[CaseSettled] | Seen[Shortened],
    kinds: tuple[type[Event], ...],
) -> Iterator[Event]:
    event = seen.event
    return earlier(session, seen, kinds, series=event.series, holder=event.holder)
