"""`ProviderRegistry`: data of its calls and answers of its views."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from web3 import Web3
from web3.contract import Contract

from contracts.bindings.contract import bind, encode, view
from contracts.bindings.events import TermsStruct
from contracts.bindings.tuples import as_tuple
from contracts.protocol.typed_data import Attestation, Revocation


@dataclass(frozen=True, slots=True)
class BondState:
    """Anybody's collateral."""

    bonded: int
    unbonding: int
    unbonding_ends: int
    required: int
    attested_milli: int = 0


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a provider may sell of one class."""

    lanes: int
    lane_milli: int
    expiry: int
    last_sold_end: int
    min_bond_per_milli: int


@dataclass(frozen=True, slots=True)
class DeviceState:
    """One enrolled device; a zero provider means none."""

    provider: str
    expiry: int
    slices: int
    index: int
    simulated: bool
    revoked: bool
    device_class: bytes
    parent: bytes


class ProviderRegistry:
    """Calls encode to data; views read at a block."""

    def __init__(self, web3: Web3, address: str) -> None:
        self.address = address
        self.contract: Contract = bind(web3, address, "ProviderRegistry")

    def register(self, agent: str) -> bytes:
        """Become a provider; reverts for a known one and for a zero agent."""
        return self._encode("register", agent)

    def set_agent(self, agent: str) -> bytes:
        """Replace the agent key."""
        return self._encode("setAgent", agent)

    def register_terms(self, terms: TermsStruct) -> bytes:
        """Register conditions under the next number."""
        return self._encode("registerTerms", astuple(terms))

    def request_unbonding(self, amount: int) -> bytes:
        """Start taking out part of the bond."""
        return self._encode("requestUnbonding", amount)

    def attest(
        self, attestations: tuple[Attestation, ...], signatures: tuple[tuple[bytes, ...], ...]
    ) -> bytes:
        """Enrol devices, each with its auditors' signatures; all or nothing."""
        return self._encode(
            "attest", [as_tuple(a) for a in attestations], [list(s) for s in signatures]
        )

    def revoke(
        self, revocations: tuple[Revocation, ...], signatures: tuple[tuple[bytes, ...], ...]
    ) -> bytes:
        """End attestations early, each with its auditors' signatures; all or nothing."""
        return self._encode(
            "revoke", [as_tuple(r) for r in revocations], [list(s) for s in signatures]
        )

    def remove_device(self, device: bytes) -> bytes:
        """Take a device out."""
        return self._encode("removeDevice", device)

    def agent_of(self, provider: str, block: int) -> str:
        """The provider's agent key; zero for nobody's."""
        return str(view(self.contract, block, "agentOf", provider))

    def bond_of(self, account: str, block: int) -> BondState:
        """An account's collateral."""
        return BondState(*view(self.contract, block, "bondOf", account))

    def capacity_of(self, provider: str, device_class: bytes, block: int) -> Capacity:
        """What the provider may sell of a class."""
        return Capacity(*view(self.contract, block, "capacityOf", provider, device_class))

    def device_of(self, device: bytes, block: int) -> DeviceState:
        """One device."""
        return DeviceState(*view(self.contract, block, "deviceOf", device))

    def terms_count(self, block: int) -> int:
        """How many terms are registered; their numbers run from 1."""
        return int(view(self.contract, block, "termsCount"))

    def _encode(self, function: str, *args: Any) -> bytes:
        return encode(self.contract, function, *args)
