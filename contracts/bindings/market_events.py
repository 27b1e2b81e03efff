"""Events of `GpuMarket`, as `events` decodes them."""

from __future__ import annotations

from dataclasses import dataclass


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

    provider: str
    amount: int


@dataclass(frozen=True, slots=True)
class BondReleased:
    """Money moved from a bond back into the balance."""

    provider: str
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
    """Usage was paid: the provider got `payment - fee`, the treasury `fee`."""

    series: int
    holder: str
    provider: str
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
