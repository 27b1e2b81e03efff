"""Events of `GpuMarket`, as `events` decodes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Deposited:
    """Money came in and was credited."""

    account: str
    from_: str
    amount: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Money left the market."""

    account: str
    to: str
    amount: int


@dataclass(frozen=True, slots=True)
class DelegateChanged:
    """The key that counter-signs usage was replaced; the old one counts until `previous_until`."""

    account: str
    delegate: str
    previous: str
    previous_until: int


@dataclass(frozen=True, slots=True)
class NoncesCancelled:
    """Orders with these nonces are void."""

    account: str
    nonces: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EpochRaised:
    """Every order of an older epoch is void."""

    account: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Bonded:
    """Money moved from a balance into a bond."""

    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class BondReleased:
    """Money moved from a bond back into the balance."""

    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class FilledBid:
    """One fill of a group."""

    bid: bytes
    buyer: str
    series: int
    milli: int
    units: int


@dataclass(frozen=True, slots=True)
class Filled:
    """An ask was paired with bids: units were minted, their cost left the buyers' balances."""

    ask_digest: bytes
    provider: str
    terms: int
    fills: tuple[FilledBid, ...]


@dataclass(frozen=True, slots=True)
class FillSkipped:
    """A fill was refused; a zero `bid_digest` means the ask and all its bids."""

    ask_digest: bytes
    bid_digest: bytes
    reason: bytes


@dataclass(frozen=True, slots=True)
class Redeemed:
    """Usage was paid: the provider of the terms got `payment - fee`, the treasury `fee`."""

    series: int
    holder: str
    used_gpu_ms: int
    payment: int
    fee: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class RedeemSkipped:
    """A voucher was refused."""

    series: int
    holder: str
    reason: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """Units were burned and what was not used was refunded."""

    series: int
    holder: str
    used_gpu_ms: int
    refund: int


@dataclass(frozen=True, slots=True)
class CloseSkipped:
    """A closing was refused."""

    series: int
    holder: str
    reason: bytes


@dataclass(frozen=True, slots=True)
class TransferSingle:
    """Units of a series changed hands; from or to zero is a mint or a burn."""

    operator: str
    from_: str
    to: str
    id: int
    value: int


@dataclass(frozen=True, slots=True)
class TransferBatch:
    """Units of several series changed hands."""

    operator: str
    from_: str
    to: str
    ids: tuple[int, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Paid:
    """A module moved money between accounts: claim bonds, fees of auditors and arbiters."""

    from_: str
    to: str
    amount: int
    module: str


@dataclass(frozen=True, slots=True)
class RedeemedGroup:
    """Usage of many leases was paid; an item is zero where it was skipped."""

    holder: str
    provider: str
    terms: int
    step: int
    items: tuple[int, ...]
    payment: int
    fee: int


@dataclass(frozen=True, slots=True)
class IntervalsMissed:
    """Both sides signed how many intervals were not served."""

    series: int
    holder: str
    missed_intervals: int


@dataclass(frozen=True, slots=True)
class ReservationFeePaid:
    """Part of the unspent cost went to the provider."""

    series: int
    holder: str
    provider: str
    amount: int


@dataclass(frozen=True, slots=True)
class SlaCredited:
    """Part of the provider's bond went to the holder for missed intervals."""

    series: int
    holder: str
    provider: str
    amount: int


@dataclass(frozen=True, slots=True)
class CaseOpened:
    """A case keeps the position from closing."""

    series: int
    holder: str
    agent_claim: bool


@dataclass(frozen=True, slots=True)
class CaseSettled:
    """A case ended; `flags` were added to the position."""

    series: int
    holder: str
    flags: int
    missed_intervals: int


@dataclass(frozen=True, slots=True)
class Shortened:
    """A lease ends earlier than its window: released or interrupted."""

    series: int
    holder: str
    end: int


@dataclass(frozen=True, slots=True)
class Split:
    """A holder cut `milli` of a position; the head of a running one keeps its id."""

    series: int
    holder: str
    head: int
    tail: int
    milli: int


@dataclass(frozen=True, slots=True)
class Merged:
    """A holder joined `milli` of two adjacent parts."""

    first: int
    second: int
    holder: str
    merged: int
    milli: int


@dataclass(frozen=True, slots=True)
class Resold:
    """A holder sold units to another; the seller got `payment - fee`, the treasury `fee`."""

    ask_digest: bytes
    seller: str
    buyer: str
    bid_digest: bytes
    series: int
    units: int
    payment: int
    fee: int


MarketEvent: TypeAlias = (
    Deposited
    | Withdrawn
    | DelegateChanged
    | NoncesCancelled
    | EpochRaised
    | Bonded
    | BondReleased
    | Paid
    | Filled
    | FillSkipped
    | Redeemed
    | RedeemedGroup
    | RedeemSkipped
    | IntervalsMissed
    | ReservationFeePaid
    | SlaCredited
    | Closed
    | CloseSkipped
    | CaseOpened
    | CaseSettled
    | Shortened
    | Split
    | Merged
    | Resold
    | TransferSingle
    | TransferBatch
)
