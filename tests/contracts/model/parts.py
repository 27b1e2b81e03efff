"""The things that the protocol remembers, in plain words.

Amounts are integers in the units of `contracts.protocol.units`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from functools import cache

from contracts.protocol.series import Series

HOUR = 3600
ZERO = "0x" + "00" * 20
BURNED = "0x000000000000000000000000000000000000dEaD"
NONCE_WINDOW = 128


class Refused(Exception):  # noqa: N818 - the protocol's word
    """The whole call is undone; its argument is the name of the error."""

    @property
    def name(self) -> str:
        return str(self.args[0])


class Flag(IntFlag):
    """What holds of a position."""

    FINAL = 1
    CUT = 2
    CASE = 4
    AGENT_CLAIMED = 8
    FAULT = 16


NONE = Flag(0)


@dataclass
class Account:
    """Money, and which orders of its owner are void."""

    balance: int = 0
    epoch: int = 0
    spent: set[int] = field(default_factory=set)

    @property
    def first_nonce(self) -> int:
        """Every nonce below is void: those far behind the newest count as spent."""
        return max(0, max(self.spent, default=0) - NONCE_WINDOW + 1)

    def is_open(self, nonce: int) -> bool:
        return self.first_nonce <= nonce < 1 << 32 and nonce not in self.spent

    def spend(self, nonce: int) -> None:
        if self.is_open(nonce):
            self.spent.add(nonce)


@dataclass
class Position:
    """One holder's part of one series."""

    units: int = 0
    milli: int = 0
    used: int = 0
    end: int = 0
    flags: Flag = NONE
    missed: int = 0


@dataclass(frozen=True)
class Record:
    """What was filled of one order."""

    gpu_ms: int = 0
    milli: int = 0
    fills: int = 0
    filled_at: int = 0
    cost: int = 0

    def add(self, gpu_ms: int, milli: int, paid: int, now: int) -> Record:
        return Record(
            self.gpu_ms + gpu_ms, self.milli + milli, self.fills + 1, now, self.cost + paid
        )


@dataclass(frozen=True)
class Terms:
    """A provider's conditions, with the fee of the moment in which they were registered."""

    provider: str
    fee_bps: int
    device_class: bytes
    isolation: int = 4
    step: int = 1000
    reservation_fee_bps: int = 0
    sla_credit_bps: int = 0
    interruptible: bool = False
    notice: int = 0
    receipt_interval: int = 60
    unsigned_intervals: int = 5
    arbiter_set: int = 0


@dataclass
class Device:
    """One physical GPU or slice that a provider owns by the word of auditors."""

    provider: str = ZERO
    expiry: int = 0
    device_class: bytes = bytes(32)
    parent: bytes = bytes(32)
    is_revoked: bool = False


@dataclass
class Capacity:
    """What is remembered of a class beside its devices."""

    lane_milli: int = 0
    last_sold_end: int = 0
    min_bond_per_milli: int = 0


@dataclass
class Bond:
    """Somebody's collateral."""

    bonded: int = 0
    unbonding: int = 0
    unbonding_ends: int = 0

    @property
    def whole(self) -> int:
        return self.bonded + self.unbonding

    def take(self, amount: int) -> int:
        """Take up to an amount, first from what counts, then from what is on its way out."""
        taken = min(amount, self.whole)
        from_bonded = min(taken, self.bonded)
        self.bonded -= from_bonded
        self.unbonding -= taken - from_bonded
        return taken


@dataclass
class Case:
    """The open case of a lease, and what stays of earlier ones."""

    number: int = 0
    kind: int = 0
    disputed: bool = False
    slashed: bool = False
    deadline: int = 0
    base: int = 0
    target: int = 0
    claimant: str = ZERO
    bond: int = 0
    dispute_fee: int = 0
    role_bond: int = 0

    def emptied(self) -> Case:
        return Case(number=self.number, slashed=self.slashed)


@dataclass(frozen=True)
class Times:
    """Time constants in seconds."""

    start_grace: int = 60
    freeze: int = 600
    redeem_grace: int = 24 * HOUR
    challenge: int = 24 * HOUR
    response: int = 24 * HOUR
    verdict: int = 72 * HOUR

    @property
    def longest_case(self) -> int:
        return max(self.challenge, self.response) + self.verdict


@dataclass
class Parameters:
    """What governance may set."""

    fee_bps: int
    treasury: str
    auditors: tuple[str, ...]
    auditor_threshold: int
    default_min_bond: int
    arbiter_sets: list[tuple[tuple[str, ...], int]]
    role_bond: int = 0
    attestation_fee: int = 0
    dispute_fee: int = 0
    class_bonds: dict[bytes, int] = field(default_factory=dict)
    paused_until: int = 0

    def min_bond(self, device_class: bytes) -> int:
        return self.class_bonds.get(device_class, self.default_min_bond)


Lease = tuple[int, str]
"""A series and a holder."""


@cache
def series_of(series: int) -> Series:
    """What a token id says."""
    return Series.from_id(series)


def hours_of(start: int, end: int) -> range:
    """Every hour that the seconds [start, end) touch; the hour of a cut stays charged."""
    return range(start // HOUR, -(-end // HOUR))
