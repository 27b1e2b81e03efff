"""Statuses and the only ways between them; every status change goes through ``advance``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from contracts.protocol.errors import ProtocolError


class OrderStatus(StrEnum):
    """Where an order of the log stands."""

    OPEN = "open"
    """In the book."""
    MATCHED = "matched"
    """A bid that was paired; its fill is on the way to the chain."""
    FILLED = "filled"
    """A bid whose fill is confirmed."""
    CANCELLED = "cancelled"
    """Taken out by its maker."""
    EXPIRED = "expired"
    """Its deadline passed."""
    FAILED = "failed"
    """The chain refused the fill; the reason is kept."""


class LeaseStatus(StrEnum):
    """Where a lease stands."""

    PENDING = "pending"
    """Matched; the fill is not confirmed yet."""
    ACTIVE = "active"
    """The fill is confirmed: units are minted and jobs may run inside the window."""
    CLOSING = "closing"
    """Used up or over: redemption and close are on their way."""
    CLOSED = "closed"
    """Paid, refunded and burned on chain."""
    MOVED = "moved"
    """All its units went to another holder or were cut into other windows."""
    FAILED = "failed"
    """The fill did not happen; no money moved."""


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    """Waits for its lease to become active."""
    ASSIGNED = "assigned"
    """The agent took it."""
    RUNNING = "running"
    """Its process was started."""
    SUCCEEDED = "succeeded"
    """Exit code 0."""
    FAILED = "failed"
    """Any other end that the job itself caused: exit code, memory, wall time, disk, output."""
    LOST = "lost"
    """The agent or the device went away."""
    CANCELLED = "cancelled"
    """The holder ended it."""

    @property
    def is_over(self) -> bool:
        """Whether nothing follows."""
        return not JOB_TRANSITIONS[self]


class TransactionStatus(StrEnum):
    """Where a chain transaction stands."""

    QUEUED = "queued"
    """The intent is stored; no nonce yet."""
    SIGNED = "signed"
    """Nonce and raw bytes are stored; may or may not have reached a node."""
    MINED = "mined"
    """In a block, not deep enough yet."""
    CONFIRMED = "confirmed"
    """Deep enough."""
    REVERTED = "reverted"
    """Mined but failed; nothing changed on chain except the gas spent."""
    REFUSED = "refused"
    """The static call before sending failed: never sent."""


class ExitReason(StrEnum):
    """Why a job ended, as the kernel and the agent saw it."""

    EXIT = "exit"
    """The process ended by itself."""
    OOM = "oom"
    """The memory limit."""
    WALL = "wall"
    """The wall-time limit."""
    OUTPUT = "output"
    """The output limit."""
    DISK = "disk"
    """The disk limit."""
    KILLED = "killed"
    """The holder or the operator of the agent."""
    GPU_LOST = "gpu-lost"
    """The device fell off the bus."""
    LEASE_END = "lease-end"
    """The window was over or the holder stopped signing."""


Status = TypeVar("Status", OrderStatus, LeaseStatus, JobStatus, TransactionStatus)

ORDER_TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.OPEN: frozenset({OrderStatus.MATCHED, OrderStatus.CANCELLED, OrderStatus.EXPIRED}),
    OrderStatus.MATCHED: frozenset({OrderStatus.FILLED, OrderStatus.FAILED}),
    # A re-org can take a confirmed fill back.
    OrderStatus.FILLED: frozenset({OrderStatus.MATCHED}),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
    OrderStatus.FAILED: frozenset({OrderStatus.FILLED}),
}
LEASE_TRANSITIONS: Mapping[LeaseStatus, frozenset[LeaseStatus]] = {
    LeaseStatus.PENDING: frozenset({LeaseStatus.ACTIVE, LeaseStatus.FAILED}),
    LeaseStatus.ACTIVE: frozenset(
        {LeaseStatus.CLOSING, LeaseStatus.CLOSED, LeaseStatus.PENDING, LeaseStatus.MOVED}
    ),
    LeaseStatus.CLOSING: frozenset({LeaseStatus.CLOSED, LeaseStatus.PENDING, LeaseStatus.MOVED}),
    # Units of a series can come back to a holder that closed or sold what it had of it.
    LeaseStatus.CLOSED: frozenset({LeaseStatus.CLOSING, LeaseStatus.ACTIVE}),
    LeaseStatus.MOVED: frozenset({LeaseStatus.ACTIVE}),
    LeaseStatus.FAILED: frozenset({LeaseStatus.ACTIVE}),
}
JOB_TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.ASSIGNED, JobStatus.CANCELLED, JobStatus.LOST}),
    JobStatus.ASSIGNED: frozenset(
        {JobStatus.RUNNING, JobStatus.FAILED, JobStatus.LOST, JobStatus.CANCELLED}
    ),
    JobStatus.RUNNING: frozenset(
        {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.LOST, JobStatus.CANCELLED}
    ),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.LOST: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}
TRANSACTION_TRANSITIONS: Mapping[TransactionStatus, frozenset[TransactionStatus]] = {
    TransactionStatus.QUEUED: frozenset({TransactionStatus.SIGNED, TransactionStatus.REFUSED}),
    # Its nonce was used by another transaction of the key: the intent gets a new one.
    TransactionStatus.SIGNED: frozenset({TransactionStatus.MINED, TransactionStatus.QUEUED}),
    TransactionStatus.MINED: frozenset(
        {TransactionStatus.CONFIRMED, TransactionStatus.REVERTED, TransactionStatus.SIGNED}
    ),
    # A re-org takes the block away; the raw transaction is still ours to send again.
    TransactionStatus.CONFIRMED: frozenset({TransactionStatus.SIGNED}),
    TransactionStatus.REVERTED: frozenset({TransactionStatus.SIGNED}),
    TransactionStatus.REFUSED: frozenset(),
}


class TransitionError(ProtocolError):
    """A status change that the life cycle does not know."""

    code = "bad-transition"


def advance(current: Status, target: Status) -> Status:
    """``target``, if it may follow ``current``; the same status again is a no-op."""
    if current is target:
        return target
    allowed = _TRANSITIONS[type(current)][current]
    if target not in allowed:
        names = ", ".join(sorted(allowed)) or "nothing: it is final"
        raise TransitionError("status", f"after {current} may follow {names}", str(target))
    return target


_TRANSITIONS: Mapping[type, Mapping] = {  # type: ignore[type-arg]
    OrderStatus: ORDER_TRANSITIONS,
    LeaseStatus: LEASE_TRANSITIONS,
    JobStatus: JOB_TRANSITIONS,
    TransactionStatus: TRANSACTION_TRANSITIONS,
}
