"""What the contracts say and take: errors as Brownie shows them, other forms of signatures."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import brownie

from contracts.protocol.hashing import keccak
from contracts.protocol.keys import compact

BUILD = Path(__file__).resolve().parents[2] / "contracts" / "build" / "contracts"


@cache
def selectors() -> dict[str, str]:
    """Every custom error of the contracts by name."""
    found = {}
    for contract in ("GpuMarket", "ProviderRegistry", "Arbitration", "Resale"):
        for entry in json.loads((BUILD / f"{contract}.json").read_text())["abi"]:
            if entry["type"] == "error":
                types = ",".join(item["type"] for item in entry["inputs"])
                found[entry["name"]] = "0x" + keccak(f"{entry['name']}({types})".encode())[:4].hex()
    return found


def reason(name: str) -> str:
    """What a skipped element says when it fails by this error."""
    return selectors()[name]


def reverts(error: str, *values: Any) -> Any:
    """The call inside reverts with this custom error and these values; `...` is any number."""
    if ... not in values:
        return brownie.reverts(f"{error}: {', '.join(map(_as_brownie_shows, values))}")
    shown = (r"\d+" if v is ... else re.escape(_as_brownie_shows(v)) for v in values)
    return brownie.reverts(revert_pattern=f"^{error}: {', '.join(shown)}$")


def _as_brownie_shows(value: Any) -> str:
    if isinstance(value, bytes):
        return str(value)
    return str(value).lower() if isinstance(value, str) else str(value)


def halves(signature: bytes) -> tuple[bytes, bytes]:
    """A signature as `redeem` takes it: r and vs of EIP-2098, zeros for none."""
    short = compact(signature)
    return short[:32], short[32:]


def malleable(signature: bytes) -> bytes:
    """The other valid signature of the same key over the same digest: high s."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
