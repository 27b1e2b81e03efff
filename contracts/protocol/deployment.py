"""Where the contracts of one chain stand and which constants they were built with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.protocol.eip712 import Domain, checksum
from contracts.protocol.errors import ProtocolError

LOCAL_CHAIN_IDS = frozenset({1337, 31337})
"""Chains on which simulated devices may be traded."""


_ADDRESSES = (
    "payment_token",
    "market",
    "registry",
    "parameters",
    "resale",
    "arbitration",
    "metadata",
    "timelock",
    "treasury",
)


@dataclass(frozen=True, slots=True)
class Constants:
    """Time constants of the contracts, in seconds."""

    start_grace: int
    freeze: int
    redeem_grace: int
    challenge: int
    response: int
    verdict: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment, as the deploy script wrote it."""

    chain_id: int
    deployed_block: int
    payment_token: str
    market: str
    registry: str
    parameters: str
    resale: str
    arbitration: str
    metadata: str
    timelock: str
    treasury: str
    fee_bps: int
    min_bond_per_milli: int
    auditor_threshold: int
    auditors: tuple[str, ...]
    allow_simulated: bool
    constants: Constants

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Read a deployment file."""
        try:
            return cls.from_json(json.loads(path.read_text()))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ProtocolError(str(path), "a deployment file", repr(error)) from error

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Deployment:
        """Build from the parsed file; unknown keys are for people."""
        addresses = {name: checksum(data[name]) for name in _ADDRESSES}
        return cls(
            **addresses,
            chain_id=int(data["chain_id"]),
            deployed_block=int(data["deployed_block"]),
            fee_bps=int(data["fee_bps"]),
            min_bond_per_milli=int(data["min_bond_per_milli"]),
            auditor_threshold=int(data["auditor_threshold"]),
            auditors=tuple(checksum(a) for a in data["auditors"]),
            allow_simulated=bool(data["allow_simulated"]),
            constants=Constants(
                **{k: int(data["constants"][k]) for k in Constants.__annotations__}
            ),
        )

    @property
    def market_domain(self) -> Domain:
        """Domain of orders, receipts, vouchers and acknowledgements."""
        return Domain(self.chain_id, self.market)

    @property
    def arbitration_domain(self) -> Domain:
        """Domain of verdicts."""
        return Domain(self.chain_id, self.arbitration)

    @property
    def registry_domain(self) -> Domain:
        """Domain of attestations and inventories."""
        return Domain(self.chain_id, self.registry)
