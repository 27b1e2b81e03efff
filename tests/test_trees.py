"""Every function that changes something has a tree of its branches, and every branch has a test.

A tree (`tests/contracts/<contract>/*.tree`) is a heading with the functions that it is of, then
branches. Below a branch that says what should happen stand its tests, as `· test_...`. "each of
these" speaks of the branches above it: their tests show it.
"""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "contracts"
ABI = ROOT / "contracts" / "bindings" / "abi"
CONTRACTS = {
    "market": "GpuMarket",
    "registry": "ProviderRegistry",
    "resale": "Resale",
    "arbitration": "Arbitration",
    "parameters": "Parameters",
    "metadata": "SeriesMetadata",
}
TREES = sorted(path for folder in CONTRACTS for path in (TESTS / folder).glob("*.tree"))
BRANCH = re.compile(r"^([│ ]*)[├└]── (.*)$")
TEST = re.compile(r"^[│ ]*· (test_\w+)$")
OUTCOME = " ── "


@dataclass
class Branch:
    """One line of a tree, or several where its text goes on; headings have depth 0."""

    depth: int
    text: str
    tests: list[str] = field(default_factory=list)
    is_leaf: bool = True

    @property
    def says_something(self) -> bool:
        """Whether it says what should happen, so that a test can show it."""
        if self.text.startswith("each of these"):
            return False
        is_statement = OUTCOME in self.text or self.text.startswith("it should")
        return is_statement or (self.is_leaf and self.depth > 0)


def parsed(tree: str) -> list[Branch]:
    """The branches of a tree, headings included."""
    found: list[Branch] = []
    for line in tree.splitlines():
        if not line.strip(" │"):
            continue
        if test := TEST.match(line):
            found[-1].tests.append(test[1])
        elif branch := BRANCH.match(line):
            depth = len(branch[1]) // 4 + 1
            found[-1].is_leaf &= depth <= found[-1].depth
            found.append(Branch(depth, branch[2]))
        elif line[0] in "│ ":
            found[-1].text += " " + line.strip(" │")
        else:
            found.append(Branch(0, line))
    return found


def functions(heading: str) -> set[str]:
    """The functions that a heading names; `(by the market)` and other words are explanations."""
    plain = re.sub(r"\(.*?\)", "", heading.split(OUTCOME, maxsplit=1)[0])
    return {word for part in plain.split(",") if re.fullmatch(r"\w+", word := part.strip())}


def faults(tree: str, written: dict[str, set[str]], errors: set[str]) -> list[str]:
    """What is wrong with a tree, given the sources in which each test stands."""
    found = []
    for branch in parsed(tree):
        if branch.says_something and not branch.tests:
            found.append(f"no test: {branch.text}")
        unknown = [test for test in branch.tests if test not in written]
        found += [f"no such test: {test}" for test in unknown]
        sources = [source for test in branch.tests for source in written.get(test, ())]
        named = errors.intersection(re.findall(r"\w+", branch.text))
        missing = {error for error in named if not any(error in source for source in sources)}
        if not unknown:
            found += [f"{error} is not expected by {branch.tests}" for error in sorted(missing)]
    return found


@cache
def abi(contract: str) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = json.loads((ABI / f"{contract}.json").read_text())
    return entries


@cache
def written_tests() -> dict[str, set[str]]:
    """Every test of the contracts, and the sources of the files in which it stands."""
    found = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        source = path.read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name].add(source)
    return found


def headings(folder: str) -> set[str]:
    trees = [parsed(path.read_text()) for path in (TESTS / folder).glob("*.tree")]
    return {
        name
        for tree in trees
        for branch in tree
        if not branch.depth
        for name in functions(branch.text)
    }


@pytest.mark.parametrize("folder", CONTRACTS)
def test_function__that_changes_something__has_a_tree(folder: str) -> None:
    entries = [entry for entry in abi(CONTRACTS[folder]) if entry["type"] == "function"]
    writing = {e["name"] for e in entries if e["stateMutability"] not in ("view", "pure")}
    named = headings(folder)
    assert writing - named == set()
    assert named - {entry["name"] for entry in entries} - {"constructor"} == set()


@pytest.mark.parametrize("path", TREES, ids=lambda path: path.stem)
def test_branch__of_every_tree__has_a_test(path: Path) -> None:
    contracts = (*CONTRACTS.values(), "Timelock", "TestUSD")
    errors = {e["name"] for name in contracts for e in abi(name) if e["type"] == "error"}
    assert faults(path.read_text(), written_tests(), errors) == []


TREE = """bond, release (by the market)
├── when the amount is zero ── ZeroAmount
│     · test_bond__zero__refused
└── otherwise
    └── it should count
"""


def test_faults__of_a_tree__are_found() -> None:
    written = {"test_bond__zero__refused": {"with reverts('ZeroAmount'):"}}
    assert faults(TREE, written, {"ZeroAmount"}) == ["no test: it should count"]
    assert faults(TREE, {}, {"ZeroAmount"})[0] == "no such test: test_bond__zero__refused"
    silent = {"test_bond__zero__refused": {"pass"}}
    assert faults(TREE, silent, {"ZeroAmount"})[0].startswith("ZeroAmount is not expected by")
    assert functions(parsed(TREE)[0].text) == {"bond", "release"}
