"""Events of `ProviderRegistry`, as `events` decodes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class ProviderRegistered:
    """A wallet became a provider."""

    provider: str
    agent: str


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """A provider replaced its agent key."""

    provider: str
    agent: str
    previous: str
    previous_until: int


@dataclass(frozen=True, slots=True)
class TermsStruct:
    """A provider's conditions."""

    device_class: bytes
    isolation: int
    step: int
    reservation_fee_bps: int
    sla_credit_bps: int
    interruptible: bool
    notice: int
    receipt_interval: int
    unsigned_intervals: int
    arbiter_set: int


@dataclass(frozen=True, slots=True)
class TermsRegistered:
    """Conditions got their number."""

    number: int
    provider: str
    fee_bps: int
    terms: TermsStruct


@dataclass(frozen=True, slots=True)
class DeviceAttested:
    """Auditors vouched for a device."""

    provider: str
    device: bytes
    device_class: bytes
    parent: bytes
    lane_milli: int
    expiry: int
    evidence: bytes
    simulated: bool


@dataclass(frozen=True, slots=True)
class DeviceRevoked:
    """Auditors ended an attestation early."""

    provider: str
    device: bytes
    device_class: bytes
    expiry: int
    evidence: bytes


@dataclass(frozen=True, slots=True)
class DeviceRemoved:
    """A device left."""

    provider: str
    device: bytes
    device_class: bytes


@dataclass(frozen=True, slots=True)
class BondAdded:
    """A bond grew."""

    account: str
    amount: int
    bonded: int


@dataclass(frozen=True, slots=True)
class UnbondingRequested:
    """Part of a bond stopped counting."""

    account: str
    amount: int
    unbonding: int
    ends: int


@dataclass(frozen=True, slots=True)
class BondTaken:
    """An unbonded part left the count."""

    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class CreditTaken:
    """Money left a bond for the holder of a lease with missed intervals."""

    provider: str
    amount: int


@dataclass(frozen=True, slots=True)
class Slashed:
    """Money left a bond by a verdict or a proof: `to_victim` of it, the rest is burned."""

    account: str
    victim: str
    amount: int
    to_victim: int
    evidence: bytes


RegistryEvent: TypeAlias = (
    ProviderRegistered
    | AgentChanged
    | TermsRegistered
    | DeviceAttested
    | DeviceRevoked
    | DeviceRemoved
    | BondAdded
    | UnbondingRequested
    | BondTaken
    | CreditTaken
    | Slashed
)
