"""Events of `Arbitration`, `Resale` and `Parameters`, as `events` decodes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class UsageClaimed:
    """The agent alone says what was used; `target` may be paid after `deadline`."""

    series: int
    holder: str
    number: int
    target: int
    voucher: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class Challenged:
    """The holder's side disputes claimed usage."""

    series: int
    holder: str
    number: int
    claimant: str
    bond: int
    evidence: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class NoShowClaimed:
    """The holder's side says that a lease is not served."""

    series: int
    holder: str
    number: int
    claimant: str
    bond: int
    evidence: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The provider disputes a no-show claim; a `target` of zero claims no usage."""

    series: int
    holder: str
    number: int
    target: int
    evidence: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class CaseEnded:
    """How a case ended, and which arbiters shared the fee."""

    series: int
    holder: str
    number: int
    outcome: int
    evidence: bytes
    arbiters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResaleSkipped:
    """A resale was refused; a zero `bid_digest` means the ask and all its bids."""

    ask_digest: bytes
    bid_digest: bytes
    reason: bytes


@dataclass(frozen=True, slots=True)
class TreasurySet:
    """Whom all fees from now on credit."""

    treasury: str


ArbitrationEvent: TypeAlias = UsageClaimed | Challenged | NoShowClaimed | Answered | CaseEnded
ResaleEvent: TypeAlias = ResaleSkipped
ParametersEvent: TypeAlias = TreasurySet
