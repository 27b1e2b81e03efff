"""Write the ABI of each contract that Python calls; ``--check`` fails where it differs.

Reads what ``brownie compile`` left in ``contracts/build`` and needs nothing but Python. The
compiler lists what a contract itself emits and raises. Added here is what else one meets at its
address: events and errors of the libraries linked into it, and errors that come up from the
contracts that it calls.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

CONTRACTS = Path(__file__).resolve().parents[1]
ABI = CONTRACTS / "bindings" / "abi"
NAMES = (
    "GpuMarket",
    "ProviderRegistry",
    "Arbitration",
    "Resale",
    "Parameters",
    "SeriesMetadata",
    "Timelock",
    "TestUSD",
)
CALLED = {
    "GpuMarket": ("ProviderRegistry", "TestUSD"),
    "ProviderRegistry": ("GpuMarket",),
    "Arbitration": ("GpuMarket", "ProviderRegistry"),
    "Resale": ("GpuMarket",),
    "SeriesMetadata": ("ProviderRegistry",),
    "Timelock": ("Parameters",),
}
"""Whose refusals a contract passes on; they are also the reasons of skipped elements."""

Abi = list[dict[str, Any]]


def main() -> int:
    """Export, or report drift."""
    check = sys.argv[1:] == ["--check"]
    drifted = []
    for name in NAMES:
        target = ABI / f"{name}.json"
        text = rendered(name)
        if check and (not target.exists() or target.read_text() != text):
            drifted.append(target)
        elif not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    for target in drifted:
        print(f"{target}: differs from the compiled contract; run contracts/scripts/export_abi.py")
    return 1 if drifted else 0


def rendered(name: str) -> str:
    """The ABI as committed: entries by kind and name, keys sorted."""
    entries = sorted(
        merged(name), key=lambda entry: json.dumps([entry["type"], entry.get("name", ""), entry])
    )
    return json.dumps(entries, indent=1, sort_keys=True) + "\n"


def merged(name: str) -> Abi:
    """The compiler's ABI with what linked libraries and called contracts add, each entry once."""
    artefact = _artefact(name)
    entries: Abi = list(artefact["abi"])
    for library in linked_libraries(artefact["bytecode"]):
        entries += _entries(library, "event", "error")
    for other in CALLED.get(name, ()):
        entries += _entries(other, "error")
        for library in linked_libraries(_artefact(other)["bytecode"]):
            entries += _entries(library, "error")
    return list({_signature(entry): entry for entry in reversed(entries)}.values())


def linked_libraries(bytecode: str) -> list[str]:
    """Names in the compiler's marks (``__Name____``, 40 characters)."""
    return sorted(set(re.findall(r"__([A-Za-z0-9]+)_+", bytecode)))


def _entries(name: str, *kinds: str) -> Abi:
    return [entry for entry in _artefact(name)["abi"] if entry["type"] in kinds]


def _signature(entry: dict[str, Any]) -> str:
    # Errors and events of one signature differ in names at most; a contract's own entry counts.
    return json.dumps([entry["type"], entry.get("name"), _types(entry.get("inputs", []))])


def _types(inputs: Abi) -> list[Any]:
    return [[item["type"], _types(item.get("components", []))] for item in inputs]


def _artefact(name: str) -> dict[str, Any]:
    artefact: dict[str, Any] = json.loads(
        (CONTRACTS / "build" / "contracts" / f"{name}.json").read_text()
    )
    return artefact


if __name__ == "__main__":
    sys.exit(main())
