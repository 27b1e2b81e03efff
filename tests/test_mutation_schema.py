"""Behind the switch of a mutant stands what the mutant alone is, whatever else the text holds."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from marketplace_api.embedded.node import find_node
from tests.fuzz.project import ROOT
from tests.fuzz.solidity import Node, Source
from tests.mutation.compiler import refusals
from tests.mutation.operators import Mutant, mutants
from tests.mutation.schema import apply, place_of, places, schema

PATH = "contracts/libraries/Example.sol"
TEXT = b"""// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

library Example {
    uint256 private constant LIMIT = 7;

    event Counted(uint256 from, uint256 to);

    error TooMany(uint256 found, uint256 limit);

    function pair(uint256 a, uint256 b) internal pure returns (uint256 low, uint256 high) {
        return a < b ? (a, b) : (b, a);
    }

    function count(uint256[] storage list, uint256 limit, bool strict) internal returns (uint256) {
        (uint256 low, uint256 high) = pair(limit, list.length + 2);
        (, uint256 most) = pair(low, high);
        if (!strict && low > limit || high == 0) revert TooMany(low, limit);
        uint256 sum = low * 3;
        for (uint256 i = 0; i < most; ++i) if (list[i] != 0) sum += list[i]; else sum -= 1;
        while (sum >= 100) sum = sum / 2 - 1;
        if (strict) emit Counted(low, sum);
        else {
            list.push(sum % 5 << 1);
            list[0]++;
        }
        return sum & 15 | 16;
    }
}
"""
FIRST = 1_000
LEFT_OUT = (
    "src", "id", "assignments", "nameLocation", "nameLocations", "memberLocation",
    "typeDescriptions",
)  # fmt: skip


def _trees(texts: Mapping[str, bytes]) -> dict[str, Node]:
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text.decode()} for name, text in texts.items()},
        "settings": {"stopAfter": "parsing", "outputSelection": {"*": {"": ["ast"]}}},
    }
    answer = subprocess.run(
        [find_node().path, ROOT / "contracts" / "toolchain" / "solc.cjs", "--standard-json"],
        input=json.dumps(request), capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    found = json.loads(answer.stdout)
    assert not [e for e in found.get("errors", []) if e["severity"] == "error"], found["errors"]
    return {name: source["ast"] for name, source in found["sources"].items()}


@cache
def _example() -> tuple[dict[int, Mutant], Node, dict[int, Node]]:
    """The mutants that have a place, the tree of their schema, and the tree of each alone."""
    source = Source(Path(PATH), TEXT, _trees({PATH: TEXT})[PATH])
    known = places(source)
    placed = [mutant for mutant in mutants([source]) if place_of(known, mutant)]
    direct = {(PATH, number): apply(TEXT, m) for number, m in enumerate(placed, FIRST)}
    refused = refusals(direct)
    numbered = {n: m for n, m in enumerate(placed, FIRST) if (PATH, n) not in refused}
    texts = {str(number): direct[PATH, number] for number in numbered}
    trees = _trees({**texts, "schema": schema(source, numbered)})
    return numbered, trees["schema"], {number: trees[str(number)] for number in numbered}


def _chosen(node: Node, number: int) -> Node:
    """What a switch leads to while this number is on trial; any other node is itself."""
    condition = node.get("condition") or {}
    if condition.get("expression", {}).get("name") != "mutated":
        return node
    is_on = int(condition["arguments"][0]["value"]) == number
    sides = ("trueBody", "falseBody")
    if node["nodeType"] == "Conditional":
        sides = ("trueExpression", "falseExpression")
    return _chosen(node[sides[0] if is_on else sides[1]], number)


def _plain(node: Any, number: int) -> Any:
    """The tree without places, brackets, switches, and braces around what stands in braces."""
    if isinstance(node, list):
        return [_plain(each, number) for each in node]
    if not isinstance(node, dict) or "nodeType" not in node:
        return node
    node = _chosen(node, number)
    if node["nodeType"] == "TupleExpression" and len(node["components"]) == 1:
        return _plain(node["components"][0], number)
    plain = {key: _plain(value, number) for key, value in node.items() if key not in LEFT_OUT}
    for key in ("trueBody", "falseBody", "body"):
        if plain.get(key) and plain["nodeType"] not in ("FunctionDefinition", "Block"):
            plain[key] = _flat([plain[key]])
    if node["nodeType"] == "Block":
        plain["statements"] = _flat(plain["statements"])
    return plain


def _flat(statements: list[Node]) -> list[Node]:
    flat: list[Node] = []
    for statement in statements:
        if statement["nodeType"] == "Block":
            flat += _flat(statement["statements"])
        elif len(statement.get("declarations", [])) > 1:
            flat += _declared_first(statement)
        else:
            flat.append(statement)
    return flat


def _declared_first(statement: Node) -> list[Node]:
    """`(T a, U b) = c;` as `T a; U b; (a, b) = c;`, which is the same."""
    declared = statement["declarations"]
    alone = [{**statement, "declarations": [each]} for each in declared if each]
    for each in alone:
        each.pop("initialValue")
    names = [
        each and {"nodeType": "Identifier", "name": each["name"], "overloadedDeclarations": []}
        for each in declared
    ]
    left = {"nodeType": "TupleExpression", "components": names, "isInlineArray": False}
    right = statement["initialValue"]
    given = {
        "nodeType": "Assignment", "operator": "=", "leftHandSide": left, "rightHandSide": right,
    }  # fmt: skip
    return [*alone, {"nodeType": "ExpressionStatement", "expression": given}]


def _contracts(tree: Node) -> list[Node]:
    """Without the import of the switch."""
    return [node for node in tree["nodes"] if node["nodeType"] == "ContractDefinition"]


KINDS = (
    "relation", "arithmetic", "boolean", "assignment", "negation removed", "step", "number",
    "arguments swapped", "condition", "statement deleted",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_schema__one_mutant_on__is_that_mutant(kind: str) -> None:
    numbered, tree, alone = _example()
    chosen = [number for number, mutant in numbered.items() if mutant.kind == kind]
    assert chosen
    for number in chosen:
        found = _plain(_contracts(tree), number)
        assert found == _plain(_contracts(alone[number]), number), numbered[number].name


def test_schema__nothing_on__is_the_original() -> None:
    _, tree, _ = _example()
    original = _trees({PATH: TEXT})[PATH]
    assert _plain(_contracts(tree), 0) == _plain(_contracts(original), 0)


def test_schema__mutants_on__differ_from_the_original() -> None:
    numbered, tree, _ = _example()
    original = _plain(_contracts(tree), 0)
    assert all(_plain(_contracts(tree), number) != original for number in numbered)


def test_place_of__a_constant__is_none() -> None:
    source = Source(Path(PATH), TEXT, _trees({PATH: TEXT})[PATH])
    known = places(source)
    left = [mutant for mutant in mutants([source]) if not place_of(known, mutant)]
    assert {mutant.before for mutant in left} == {"7"}
    with pytest.raises(KeyError):
        schema(source, dict(enumerate(left)))


def test_places__of_the_contracts__do_not_overlap() -> None:
    """Hence mutants of different places cannot disturb each other."""
    source = Source(Path(PATH), TEXT, _trees({PATH: TEXT})[PATH])
    spans = sorted((place.start, place.end) for place in places(source))
    assert all(one[1] <= two[0] for one, two in pairwise(spans))
