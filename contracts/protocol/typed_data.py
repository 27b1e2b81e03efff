"""Every struct that somebody signs, once. ``contracts/types/*.sol`` is the other once.

Orders, vouchers, receipts and acknowledgements are signed for ``GpuMarket``; attestations and
inventories for ``ProviderRegistry``; verdicts for ``Arbitration``. Times are unix seconds by the
chain's clock, prices and amounts are in the smallest unit of the payment token, shares in milli,
durations in seconds. A field that this version does not serve must be empty (``orders.py`` refuses
it otherwise).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from contracts.protocol.eip712 import (
    ZERO_ADDRESS,
    ZERO_HASH,
    Address,
    Bool,
    Bytes32,
    Struct,
    Text,
    Uint8,
    Uint16,
    Uint32,
    Uint40,
    Uint64,
    Uint128,
    Uint256,
)


class TimeInForce(IntEnum):
    """How long an order rests in the book."""

    UNTIL_DEADLINE = 0
    """Rests until its deadline."""
    IMMEDIATE_OR_CANCEL = 1
    """Takes what is there and never rests."""


@dataclass(frozen=True)
class AskConstraints(Struct):
    """What an ask wants of the matcher; signed, so that anyone can audit the match."""

    type_name: ClassVar[str] = "AskConstraints"

    time_in_force: Uint8 = TimeInForce.UNTIL_DEADLINE.value
    post_only: Bool = False
    allow: tuple[Address, ...] = ()
    """Buyers that may be matched; empty for all."""
    deny: tuple[Address, ...] = ()
    """Buyers that must not be matched."""


@dataclass(frozen=True)
class Ask(Struct):
    """An offer of GPU time by a provider, or of units of a series by their holder."""

    type_name: ClassVar[str] = "Ask"

    seller: Address
    """Owner wallet of the provider, or the holder who resells."""
    terms: Uint64
    """Number of the provider's registered terms; 0 in a resale."""
    price_per_gpu_hour: Uint64
    window_start: Uint40
    window_end: Uint40
    """A fill lies inside [window_start, window_end)."""
    valid_from: Uint40
    deadline: Uint40
    nonce: Uint64
    epoch: Uint32 = 0
    """Must equal the account's epoch; raising it cancels every older order."""
    min_milli: Uint32 = 0
    max_milli: Uint32 = 0
    """Most milli of one fill; 0 for as much as is free."""
    min_duration: Uint32 = 0
    max_duration: Uint32 = 0
    """Longest fill; 0 for the whole window."""
    max_fills: Uint32 = 0
    """0: bounded by capacity alone."""
    quantity: Uint64 = 0
    """GPU-ms for sale under this ask; 0: bounded by capacity alone."""
    series: Uint256 = 0
    """The series resold; 0 in a primary sale."""
    filler: Address = ZERO_ADDRESS
    """Who alone may submit the fill; zero for anyone."""
    constraints: AskConstraints = AskConstraints()


@dataclass(frozen=True)
class BidConstraints(Struct):
    """What a bid wants of the matcher; signed, so that anyone can audit the match."""

    type_name: ClassVar[str] = "BidConstraints"

    time_in_force: Uint8 = TimeInForce.UNTIL_DEADLINE.value
    post_only: Bool = False
    regions: tuple[Text, ...] = ()
    min_memory_mib: Uint32 = 0
    min_bond_per_milli: Uint64 = 0
    min_reliability_bps: Uint16 = 0
    min_tokens_per_kilojoule: Uint32 = 0
    min_tokens_per_second_per_dollar: Uint32 = 0
    evidence: tuple[Text, ...] = ()
    """Kinds of evidence that the device must have passed."""
    gang_devices: Uint16 = 0
    gang_spread: Bool = False
    allow: tuple[Address, ...] = ()
    """Providers that may be matched; empty for all."""
    deny: tuple[Address, ...] = ()
    """Providers that must not be matched."""


@dataclass(frozen=True)
class Bid(Struct):
    """A wish for GPU time by a buyer."""

    type_name: ClassVar[str] = "Bid"

    buyer: Address
    device_classes: Bytes32
    """Merkle root of the accepted classes; of a single class its hash itself."""
    milli: Uint32
    """Most milli wanted."""
    min_milli: Uint32
    """Fewest milli of a fill; equal to ``milli`` for all or none."""
    window_start: Uint40
    window_end: Uint40
    """The fill lies inside [window_start, window_end)."""
    min_duration: Uint32
    max_duration: Uint32
    max_price_per_gpu_hour: Uint64
    valid_from: Uint40
    deadline: Uint40
    nonce: Uint64
    epoch: Uint32 = 0
    min_isolation: Uint8 = 0
    """``series.Isolation``; 0 for any."""
    budget: Uint128 = 0
    """Most to escrow in total; 0 for no cap beside the price."""
    max_reservation_fee_bps: Uint16 = 0
    min_sla_credit_bps: Uint16 = 0
    interruptible: Bool = False
    """Whether terms that allow interruption are accepted."""
    min_notice: Uint32 = 0
    """Shortest notice of an interruption, in seconds."""
    arbiter_set: Uint32 = 0
    """The only arbiter set accepted; 0 for any."""
    max_fills: Uint32 = 0
    """0 and 1: one fill."""
    filler: Address = ZERO_ADDRESS
    constraints: BidConstraints = BidConstraints()


@dataclass(frozen=True)
class Receipt(Struct):
    """A provider's periodic statement of the usage of one lease; every total is cumulative."""

    type_name: ClassVar[str] = "Receipt"

    series: Uint256
    holder: Address
    sequence: Uint32
    """1 for the first receipt of the lease, then one more each time."""
    interval_start: Uint40
    interval_end: Uint40
    used_gpu_ms: Uint64
    samples_root: Bytes32
    """Merkle root of the metering samples of this interval."""
    previous: Bytes32 = ZERO_HASH
    """Struct hash of the receipt before; zero in the first."""
    devices: tuple[Bytes32, ...] = ()
    """keccak256 of the NVML UUID of each device that served the interval."""
    missed_intervals: Uint32 = 0
    tokens: Uint64 = 0
    energy_millijoules: Uint64 = 0
    energy_measured: Bool = False
    """False: ``energy_millijoules`` says nothing."""
    is_final: Bool = False
    simulated: Bool = False
    """True where any device of the lease is not a real one."""


@dataclass(frozen=True)
class Voucher(Struct):
    """A receipt in the form that ``GpuMarket.redeem`` takes."""

    type_name: ClassVar[str] = "Voucher"

    series: Uint256
    holder: Address
    used_gpu_ms: Uint64
    """Cumulative since the start of the lease."""
    missed_intervals: Uint32
    is_final: Bool
    """No more will be used; signed by both sides it lets the lease close before its end."""
    receipt: Bytes32
    """Struct hash of the receipt that this voucher was made from."""


@dataclass(frozen=True)
class UsageGroup(Struct):
    """Usage of many leases of one holder under one provider's terms, under one signature."""

    type_name: ClassVar[str] = "UsageGroup"

    holder: Address
    terms: Uint64
    step: Uint16
    items: tuple[Uint256, ...]
    """Low 104 bits of each series id (start, duration, ticks), above them the cumulative GPU-ms."""


@dataclass(frozen=True)
class Attestation(Struct):
    """What k of n auditors say of one device; capacity of a class is the sum of its devices."""

    type_name: ClassVar[str] = "Attestation"

    provider: Address
    device: Bytes32
    parent: Bytes32
    """The whole device that a slice is cut from; zero for a whole device."""
    device_class: Bytes32
    lane_milli: Uint16
    """Milli that one unit of the capacity calendar counts: 1000, or the step of shared devices."""
    expiry: Uint40
    evidence: Bytes32
    """Hash of the stored evidence bundle."""
    simulated: Bool


@dataclass(frozen=True)
class Revocation(Struct):
    """What k of n auditors sign to end an attestation before its expiry."""

    type_name: ClassVar[str] = "Revocation"

    device: Bytes32
    expiry: Uint40
    """Of the attestation that ends."""
    evidence: Bytes32
    """Hash of the stored evidence bundle."""


@dataclass(frozen=True)
class Inventory(Struct):
    """What an agent claims to own; a claim, never evidence."""

    type_name: ClassVar[str] = "Inventory"

    provider: Address
    agent: Address
    sequence: Uint64
    issued_at: Uint40
    devices: Uint16
    report: Bytes32
    """keccak256 of the canonical JSON (RFC 8785) of the device report."""
    simulated: Bool


class AcknowledgedAction(IntEnum):
    """What the operator acknowledges."""

    ACCEPTED = 1
    """The order stands in the log at ``sequence``."""
    CANCELLED = 2
    """The order was taken out at ``sequence``; a later fill by this operator is provable fraud."""


@dataclass(frozen=True)
class Acknowledgement(Struct):
    """The operator's signed word about one order."""

    type_name: ClassVar[str] = "Acknowledgement"

    order: Bytes32
    """Digest of the order."""
    action: Uint8
    sequence: Uint64
    at: Uint40


class Outcome(IntEnum):
    """What a verdict may say."""

    HONEST = 1
    """The provider is right."""
    FAULT = 2
    """The provider did not serve."""
    FRAUD = 3
    """The provider lied: its bond is slashed."""
    INCONCLUSIVE = 4
    """The evidence does not tell."""


@dataclass(frozen=True)
class Verdict(Struct):
    """What k of n arbiters say of one case."""

    type_name: ClassVar[str] = "Verdict"

    series: Uint256
    holder: Address
    number: Uint32
    """Which case of the lease, from 1."""
    outcome: Uint8
    evidence: Bytes32
    """Hash of the stored evidence bundle."""


def voucher_of(receipt: Receipt) -> Voucher:
    """The voucher that a receipt entitles to; both sides derive it themselves."""
    return Voucher(
        series=receipt.series,
        holder=receipt.holder,
        used_gpu_ms=receipt.used_gpu_ms,
        missed_intervals=receipt.missed_intervals,
        is_final=receipt.is_final,
        receipt=receipt.hash_struct(),
    )


SIGNED_STRUCTS: tuple[type[Struct], ...] = (
    Ask,
    Bid,
    Receipt,
    Voucher,
    UsageGroup,
    Attestation,
    Revocation,
    Inventory,
    Acknowledgement,
    Verdict,
)
