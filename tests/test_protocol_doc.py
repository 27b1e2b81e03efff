"""docs/PROTOCOL.md has every error, event, function, type string and number, and invents none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from contracts.protocol.eip712 import type_hash, type_string
from contracts.protocol.hashing import keccak
from contracts.protocol.typed_data import SIGNED_STRUCTS, AskConstraints, BidConstraints

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "PROTOCOL.md").read_text()
VECTORS = json.loads((ROOT / "tests" / "vectors" / "protocol.json").read_text())
ABIS = {
    file.stem: json.loads(file.read_text())
    for file in (ROOT / "contracts/bindings/abi").glob("*.json")
}
OURS = ("GpuMarket", "ProviderRegistry", "Arbitration", "Resale", "Parameters", "SeriesMetadata")
STANDARD = {
    "balanceOfBatch", "safeTransferFrom", "safeBatchTransferFrom", "setApprovalForAll",
    "isApprovedForAll", "supportsInterface", "hasRole", "getRoleAdmin", "owner", "defaultAdmin",
    "defaultAdminDelay", "defaultAdminDelayIncreaseWait", "pendingDefaultAdmin",
    "pendingDefaultAdminDelay", "DEFAULT_ADMIN_ROLE",
}  # fmt: skip
"""Of ERC-1155, ERC-165 and access control: documented where they are defined."""

Entry = dict[str, Any]


def entries(kind: str) -> list[Entry]:
    found = {shown(e): e for abi in ABIS.values() for e in abi if e["type"] == kind}
    return [found[text] for text in sorted(found)]


def shown(entry: Entry) -> str:
    """As the page writes it: types, `indexed` and names."""
    items = (
        f"{sol_type(i)}{' indexed' if i.get('indexed') else ''} {i['name']}"
        for i in entry["inputs"]
    )
    return f"{entry['name']}({', '.join(items)})"


def sol_type(item: Entry) -> str:
    if not item["type"].startswith("tuple"):
        return str(item["type"])
    return f"({','.join(sol_type(part) for part in item['components'])}){item['type'][5:]}"


def selector(entry: Entry) -> str:
    types = ",".join(sol_type(item) for item in entry["inputs"])
    return "0x" + keccak(f"{entry['name']}({types})".encode()).hex()[:8]


@pytest.mark.parametrize("error", entries("error"), ids=lambda e: e["name"])
def test_errors__each_of_the_abi__has_a_row_with_its_selector(error: Entry) -> None:
    assert f"| `{shown(error)}` | `{selector(error)}` |" in PAGE


@pytest.mark.parametrize("event", entries("event"), ids=lambda e: e["name"])
def test_events__each_of_the_abi__has_a_row(event: Entry) -> None:
    assert f"| `{shown(event)}` |" in PAGE


def test_rows__of_errors_and_events__are_in_the_abi() -> None:
    known = {shown(entry) for kind in ("error", "event") for entry in entries(kind)}
    tables = PAGE[PAGE.index("## 15.") : PAGE.index("## 17.")]
    listed = re.findall(r"^\| `(\w+\([^`]*\))` \|", tables, re.MULTILINE)
    assert sorted(listed) == sorted(known)


@pytest.mark.parametrize("contract", OURS)
def test_functions__each_of_our_contracts__is_explained_and_has_a_row(contract: str) -> None:
    functions = [e for e in ABIS[contract] if e["type"] == "function" and e["name"] not in STANDARD]
    text, tables = PAGE.split("## 17.")
    assert [e["name"] for e in functions if not re.search(rf"`{e['name']}[`(]", text)] == []
    part = tables.split(f"### {contract}\n")[1].partition("###")[0]
    listed = re.findall(r"^\| `(\w+)\([^`]*` \| `(0x[0-9a-f]{8})` \|$", part, re.MULTILINE)
    assert sorted(listed) == sorted((e["name"], selector(e)) for e in functions)


@pytest.mark.parametrize(
    "cls", [*SIGNED_STRUCTS, AskConstraints, BidConstraints], ids=lambda c: c.type_name
)
def test_structs__each_signed__has_its_type_string_and_hash(cls: Any) -> None:
    assert f"\n{type_string(cls)}\n" in PAGE
    assert f"Type hash `0x{type_hash(cls).hex()}`" in PAGE


def test_numbers__of_the_page__are_among_the_vectors() -> None:
    known = json.dumps(VECTORS).lower() + "0x" + "dead".rjust(40, "0")
    for number in re.findall(r"0x[0-9a-fA-F]{40,}", PAGE):
        assert number.lower() in known, number


def test_money__of_the_example__is_that_of_the_vectors() -> None:
    for amount in VECTORS["money"].values():
        assert f"| {amount} |" in PAGE
