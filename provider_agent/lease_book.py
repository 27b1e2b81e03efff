"""What the journal says of each lease: enough to go on after a crash and repeat nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from contracts.protocol.typed_data import Receipt
from contracts.protocol.wire import from_wire
from provider_agent.journal import (
    JobEnded,
    JobStarted,
    JournalError,
    LeaseAccepted,
    LeaseFinished,
    ReceiptIssued,
    ReceiptSigned,
    Record,
)
from provider_agent.lease_check import CheckedLease


@dataclass
class LeaseHistory:
    """One lease so far."""

    lease: CheckedLease
    started: set[str] = field(default_factory=set)
    ended: dict[str, JobEnded] = field(default_factory=dict)
    issued: list[ReceiptIssued] = field(default_factory=list)
    signed: set[int] = field(default_factory=set)

    @property
    def last_receipt(self) -> Receipt | None:
        """The newest receipt; the next one follows it."""
        return from_wire(Receipt, self.issued[-1].receipt) if self.issued else None

    @property
    def last_signed(self) -> int:
        """Sequence of the newest receipt that the holder counter-signed."""
        return max(self.signed, default=0)

    @property
    def interrupted(self) -> tuple[str, ...]:
        """Jobs that were running when the agent died; they died with it."""
        return tuple(sorted(self.started - self.ended.keys()))


def replay(records: Iterable[Record]) -> dict[str, LeaseHistory]:
    """Leases that are not finished, by id."""
    book: dict[str, LeaseHistory] = {}
    for record in records:
        if isinstance(record, LeaseAccepted):
            book[record.lease] = LeaseHistory(lease_of(record))
        elif isinstance(record, LeaseFinished):
            book.pop(record.lease, None)
        elif record.lease not in book:
            raise JournalError(f"a {type(record).__name__} of an unknown lease {record.lease}")
        else:
            _apply(book[record.lease], record)
    return book


def accepted(lease: CheckedLease) -> LeaseAccepted:
    """The record of a lease; wide integers as text, since JSON cannot carry them."""
    return LeaseAccepted(
        lease=lease.id,
        series=str(lease.series),
        holder=lease.holder,
        milli=lease.milli,
        start=lease.start,
        end=lease.end,
        simulated=lease.simulated,
        device_class=lease.device_class,
        receipt_interval=lease.receipt_interval,
        unsigned_intervals=lease.unsigned_intervals,
        redeemed_gpu_ms=str(lease.redeemed_gpu_ms),
    )


def lease_of(record: LeaseAccepted) -> CheckedLease:
    """The lease of a record."""
    return CheckedLease(
        id=record.lease,
        series=int(record.series),
        holder=record.holder,
        milli=record.milli,
        start=record.start,
        end=record.end,
        simulated=record.simulated,
        device_class=record.device_class,
        receipt_interval=record.receipt_interval,
        unsigned_intervals=record.unsigned_intervals,
        redeemed_gpu_ms=int(record.redeemed_gpu_ms),
    )


def _apply(history: LeaseHistory, record: Record) -> None:
    if isinstance(record, JobStarted):
        history.started.add(record.job)
    elif isinstance(record, JobEnded):
        history.ended[record.job] = record
    elif isinstance(record, ReceiptIssued):
        if record.sequence != len(history.issued) + 1:
            raise JournalError(f"receipt {record.sequence} of {record.lease} is out of order")
        history.issued.append(record)
    elif isinstance(record, ReceiptSigned):
        history.signed.add(record.sequence)
