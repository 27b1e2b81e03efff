"""Write the ABI of each contract that Python calls; ``--check`` fails where it differs.

Reads what ``brownie compile`` left in ``contracts/build`` and needs nothing but Python.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

CONTRACTS = Path(__file__).resolve().parents[1]
ABI = CONTRACTS / "bindings" / "abi"
NAMES = (
    "Arbitration",
    "GpuMarket",
    "Parameters",
    "ProviderRegistry",
    "Resale",
    "SeriesMetadata",
    "TestUSD",
    "Timelock",
)


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
    artefact = json.loads((CONTRACTS / "build" / "contracts" / f"{name}.json").read_text())
    entries = sorted(
        artefact["abi"], key=lambda entry: json.dumps([entry["type"], entry.get("name", ""), entry])
    )
    return json.dumps(entries, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.exit(main())
