"""The syntax trees of our own contracts, as the compiler parses them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from marketplace_api.embedded.node import find_node

Node = dict[str, Any]
LEFT_OUT = ("interfaces", "mocks", "build")
"""Folders of `contracts/` that hold no code of ours that runs in production."""


@dataclass(frozen=True)
class Source:
    """One file and its tree."""

    path: Path
    """Relative to the root."""
    text: bytes
    tree: Node

    def span(self, node: Node) -> tuple[int, int]:
        """First byte of a node and the one after its last."""
        start, length, _ = (int(part) for part in node["src"].split(":"))
        return start, start + length

    def code(self, node: Node) -> str:
        start, end = self.span(node)
        return self.text[start:end].decode()

    def line(self, at: int) -> int:
        return self.text.count(b"\n", 0, at) + 1

    @cached_property
    def functions(self) -> list[tuple[int, int, str]]:
        """Where each function or modifier lies, and its name."""
        kinds = ("FunctionDefinition", "ModifierDefinition")
        return [
            (*self.span(node), node.get("name") or node.get("kind", ""))
            for node in walk(self.tree)
            if node["nodeType"] in kinds and node.get("body")
        ]

    def function_at(self, at: int) -> str:
        return next((name for start, end, name in self.functions if start <= at < end), "")


def walk(node: Any) -> Iterator[Node]:
    """Every node, the outer before the inner ones."""
    if isinstance(node, dict):
        if "nodeType" in node:
            yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def parse(root: Path) -> list[Source]:
    """Every file of ours under `contracts/`, in the order of the paths."""
    paths = sorted(
        path.relative_to(root)
        for path in (root / "contracts").rglob("*.sol")
        if not set(path.relative_to(root).parts) & set(LEFT_OUT)
    )
    request = {
        "language": "Solidity",
        "sources": {str(path): {"content": (root / path).read_text()} for path in paths},
        "settings": {"stopAfter": "parsing", "outputSelection": {"*": {"": ["ast"]}}},
    }
    compiler = root / "contracts" / "toolchain" / "solc.cjs"
    answer = subprocess.run(
        [find_node().path, compiler, "--standard-json"],
        input=json.dumps(request), capture_output=True, text=True, check=True, cwd=root,
    )  # fmt: skip
    trees = json.loads(answer.stdout)["sources"]
    return [Source(p, (root / p).read_bytes(), trees[str(p)]["ast"]) for p in paths]
