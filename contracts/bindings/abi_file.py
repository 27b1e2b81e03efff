"""The exported ABI files, read once, as typed descriptions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from contracts.protocol.hashing import keccak

CONTRACTS = (
    "GpuMarket",
    "ProviderRegistry",
    "Resale",
    "Arbitration",
    "Parameters",
    "SeriesMetadata",
    "Timelock",
    "TestUSD",
)
"""Errors of the linked libraries are those of the contracts that they are linked into."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input of an event or an error."""

    name: str
    type: str
    """Canonical type, tuples spelled out."""
    indexed: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """An event or an error of a contract."""

    name: str
    inputs: tuple[Parameter, ...]

    @property
    def signature(self) -> str:
        """Canonical signature."""
        return f"{self.name}({','.join(parameter.type for parameter in self.inputs)})"

    @property
    def topic(self) -> bytes:
        """keccak256 of the signature."""
        return keccak(self.signature.encode())


@cache
def load_abi(contract: str) -> list[dict[str, Any]]:
    """The ABI as the compiler wrote it."""
    text = (files("contracts.bindings") / "abi" / f"{contract}.json").read_text()
    data = json.loads(text)
    entries: list[dict[str, Any]] = data["abi"] if isinstance(data, dict) else data
    return entries


@cache
def entries(contract: str, kind: str) -> tuple[Entry, ...]:
    """All events (`event`) or errors (`error`) of a contract."""
    return tuple(_entry(item) for item in load_abi(contract) if item["type"] == kind)


def _entry(item: dict[str, Any]) -> Entry:
    return Entry(
        item["name"],
        tuple(Parameter(i["name"], _type(i), i.get("indexed", False)) for i in item["inputs"]),
    )


def _type(item: dict[str, Any]) -> str:
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return "(" + ",".join(_type(part) for part in item["components"]) + ")" + kind[len("tuple") :]
