"""What events of positions mean: payments and closings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog
from sqlalchemy.orm import Session

from contracts.bindings.errors import error_name
from contracts.bindings.events import (
    Closed,
    CloseSkipped,
    Event,
    Redeemed,
    RedeemedGroup,
    RedeemSkipped,
)
from contracts.protocol.lifecycle import LeaseStatus, advance
from contracts.protocol.series import Series, of_group_item
from contracts.protocol.units import LOT_GPU_MS, cost, payment_down, share_down
from marketplace_api import outbox
from marketplace_api.models import Lease, OutboxKind
from settlement import queue
from settlement.chain.past import earlier, provider_of, terms_of, treasury
from settlement.chain.seen import Seen
from settlement.failure import give_up
from settlement.ledger import Kind, PostingKind, balance, gpu_time, money, move, post
from settlement.requests import request_close, request_end
from settlement.standing import lock_lease_of_position

log = structlog.get_logger()

TOO_EARLY = frozenset({"CloseTooEarly", "MoreThanElapsed", "NotStarted"})
"""Refusals that a later block answers otherwise."""
DONE_ALREADY = frozenset({"VoucherNotNewer", "PositionFinal", "CaseOpen", "NoPosition"})
"""Refusals of what somebody did before us; the end of a case asks for the closing again."""
LATER_S = 1


@dataclass(frozen=True, slots=True)
class Usage:
    """Cumulative usage of one position, and what it cost since the last time."""

    series: int
    holder: str
    provider: str
    used_gpu_ms: int
    payment: int = 0
    fee: int = 0


def redeemed(session: Session, seen: Seen[Redeemed]) -> None:
    """Usage was paid out of the escrow; after a final voucher the lease closes."""
    event = seen.event
    provider = provider_of(session, event.series)
    usage = Usage(event.series, event.holder, provider, event.used_gpu_ms, event.payment, event.fee)
    lease = _pay(session, seen, usage, treasury(session, seen))
    if lease is not None and event.is_final:
        if lease.status is LeaseStatus.ACTIVE:
            lease.status = advance(lease.status, LeaseStatus.CLOSING)
        request_close(session, lease, seen.deployment.constants)


def undo_redeemed(session: Session, seen: Seen[Redeemed]) -> None:
    """The payment is off the chain."""
    event = seen.event
    provider = provider_of(session, event.series)
    usage = Usage(event.series, event.holder, provider, event.used_gpu_ms, event.payment, event.fee)
    _unpay(session, usage, _used_before(session, seen, usage))


def redeemed_group(session: Session, seen: Seen[RedeemedGroup]) -> None:
    """Usage of many leases was paid; what each one cost follows from its escrow."""
    payee = treasury(session, seen)
    for part, usage in enumerate(_usages(session, seen.event)):
        # One after another: a series may come twice, and the second time counts from the first.
        paid = payment_down(usage.used_gpu_ms, Series.from_id(usage.series).ticks)
        payment = paid - _paid_before(session, usage)
        fee = share_down(payment, terms_of(session, usage.series).fee_bps)
        _pay(session, seen, replace(usage, payment=payment, fee=fee), payee, part)


def undo_redeemed_group(session: Session, seen: Seen[RedeemedGroup]) -> None:
    """The payments are off the chain."""
    usages = _usages(session, seen.event)
    for place, usage in reversed([*enumerate(usages)]):
        ticks = Series.from_id(usage.series).ticks
        same = [other.used_gpu_ms for other in usages[:place] if other.series == usage.series]
        before = same[-1] if same else _used_before(session, seen, usage)
        payment = payment_down(usage.used_gpu_ms, ticks) - payment_down(before, ticks)
        fee = share_down(payment, terms_of(session, usage.series).fee_bps)
        _unpay(session, replace(usage, payment=payment, fee=fee), before)


def redeem_skipped(session: Session, seen: Seen[RedeemSkipped]) -> None:
    """Our voucher was refused."""
    event = seen.event
    lease = lock_lease_of_position(session, event.series, event.holder)
    _skipped(session, seen.transaction, OutboxKind.VOUCHER_REDEEM, lease, event.reason)


def closed(session: Session, seen: Seen[Closed]) -> None:
    """Units were burned, the rest of the escrow is the holder's again."""
    event = seen.event
    lease = lock_lease_of_position(session, event.series, event.holder)
    if lease is not None:
        lease.status = advance(lease.status, LeaseStatus.CLOSED)
        lease.used_gpu_ms = event.used_gpu_ms
        lease.refunded += event.refund
        lease.close_transaction = seen.transaction
        outbox.finish_key(session, f"lease.end:{lease.id}")
        log.info("lease.closed", lease_id=str(lease.id), refund=event.refund)
    units = gpu_time(event.holder, Kind.UNITS, event.series)
    provider = provider_of(session, event.series)
    unused = balance(session, units) - event.used_gpu_ms
    entries = (
        move(
            money(event.holder, Kind.ESCROW, event.series),
            money(event.holder, Kind.BALANCE),
            event.refund,
        )
        + move(units, gpu_time(provider, Kind.USED, event.series), event.used_gpu_ms)
        + move(units, gpu_time(provider, Kind.UNUSED, event.series), unused)
    )
    post(session, PostingKind.CLOSED, entries, seen.source(), lease.id if lease else None)


def undo_closed(session: Session, seen: Seen[Closed]) -> None:
    """The position is open again."""
    event = seen.event
    lease = lock_lease_of_position(session, event.series, event.holder)
    if lease is not None:
        lease.status = advance(lease.status, LeaseStatus.CLOSING)
        lease.refunded -= event.refund
        lease.close_transaction = None
        request_end(session, lease)


def close_skipped(session: Session, seen: Seen[CloseSkipped]) -> None:
    """Our closing was refused."""
    event = seen.event
    lease = lock_lease_of_position(session, event.series, event.holder)
    _skipped(session, seen.transaction, OutboxKind.LEASE_CLOSE, lease, event.reason)


def _skipped(
    session: Session, transaction: str, kind: OutboxKind, lease: Lease | None, selector: bytes
) -> None:
    row = queue.find_row(session, kind, transaction, lease.id) if lease else None
    if row is None:
        return
    reason = error_name(selector)
    log.warning("work.skipped", kind=kind, outbox_id=row.id, reason=reason)
    if reason in DONE_ALREADY or (lease and lease.status is LeaseStatus.CLOSED):
        return
    if reason in TOO_EARLY and row.attempts < queue.RETRIES:
        queue.detach(session, row, reason, LATER_S)
    else:
        give_up(session, row, reason)


def _pay(
    session: Session, seen: Seen[Event], usage: Usage, payee: str, part: int = 0
) -> Lease | None:
    lease = lock_lease_of_position(session, usage.series, usage.holder)
    if lease is not None:
        lease.used_gpu_ms = usage.used_gpu_ms
        lease.paid += usage.payment
        lease.fee += usage.fee
        lease.redeem_transaction = seen.transaction
    escrow = money(usage.holder, Kind.ESCROW, usage.series)
    entries = move(escrow, money(usage.provider, Kind.BALANCE), usage.payment - usage.fee)
    entries += move(escrow, money(payee, Kind.BALANCE), usage.fee)
    post(session, PostingKind.REDEEMED, entries, seen.source(part), lease.id if lease else None)
    return lease


def _unpay(session: Session, usage: Usage, before: int) -> None:
    lease = lock_lease_of_position(session, usage.series, usage.holder)
    if lease is not None:
        lease.used_gpu_ms = before
        lease.paid -= usage.payment
        lease.fee -= usage.fee
        lease.redeem_transaction = None


def _usages(session: Session, event: RedeemedGroup) -> list[Usage]:
    """What the items say; zero are those that the contract skipped."""
    found = [of_group_item(item, event.step, event.terms) for item in event.items if item]
    return [
        Usage(int(series.id), event.holder, provider_of(session, int(series.id)), used)
        for series, used in found
    ]


def _paid_before(session: Session, usage: Usage) -> int:
    """What left the escrow of a position so far: its cost less what is still there."""
    units = balance(session, gpu_time(usage.holder, Kind.UNITS, usage.series)) // LOT_GPU_MS
    escrow = balance(session, money(usage.holder, Kind.ESCROW, usage.series))
    return cost(units, Series.from_id(usage.series).ticks) - escrow


def _used_before(session: Session, seen: Seen[Event], usage: Usage) -> int:
    """What the newest payment before this event paid for."""
    for event in earlier(session, seen, (Redeemed, RedeemedGroup), holder=usage.holder):
        if isinstance(event, Redeemed) and event.series == usage.series:
            return event.used_gpu_ms
        if isinstance(event, RedeemedGroup):
            for other in reversed(_usages(session, event)):
                if other.series == usage.series:
                    return other.used_gpu_ms
    return 0
