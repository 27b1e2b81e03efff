"""Events of `ProviderRegistry`, as `events` decodes them."""

from __future__ import annotations

from dataclasses import dataclass


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
class DeviceRemoved:
    """A device left."""

    provider: str
    device: bytes
    device_class: bytes


@dataclass(frozen=True, slots=True)
class BondAdded:
    """A bond grew."""

    provider: str
    amount: int
    bonded: int


@dataclass(frozen=True, slots=True)
class UnbondingRequested:
    """Part of a bond stopped counting."""

    provider: str
    amount: int
    unbonding: int
    ends: int


@dataclass(frozen=True, slots=True)
class BondTaken:
    """An unbonded part left the count."""

    provider: str
    amount: int
