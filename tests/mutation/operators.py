"""Every small change that could be a bug, read off the syntax trees of our contracts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.fuzz.solidity import Node, Source, walk

RELATIONS = {
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "==": ("!=",),
    "!=": ("==",),
}
ARITHMETIC = {
    "+": ("-",),
    "-": ("+",),
    "*": ("/",),
    "/": ("*",),
    "%": ("*",),
    "&": ("|",),
    "|": ("&",),
    "<<": (">>",),
    ">>": ("<<",),
}
BOOLEAN = {"&&": ("||",), "||": ("&&",)}
ASSIGNMENTS = {"+=": ("-=",), "-=": ("+=",), "|=": ("&=",)}
STEPS = {"++": "--", "--": "++"}
NUMBER = re.compile(r"^[0-9_]+$")


@dataclass(frozen=True)
class Mutant:
    """One change of one place."""

    file: str
    line: int
    function: str
    kind: str
    start: int
    end: int
    before: str
    after: str
    occurrence: int = 0
    """Which of the equal changes of this function, from 0: names a mutant whatever its line."""

    @property
    def name(self) -> str:
        """What stays the same when lines move."""
        change = f"{_short(self.before)} -> {_short(self.after)}"
        return f"{self.file} {self.function} {self.kind} {self.occurrence}: {change}"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 100 else f"{flat[:97]}..."


def mutants(sources: list[Source]) -> list[Mutant]:
    """The full list, in the order of files and places; the same for the same text."""
    found: list[Mutant] = []
    for source in sources:
        counts: dict[tuple[str, ...], int] = {}
        changes = sorted(set(_of(source)), key=lambda change: (change[1], change[2], change[3]))
        for kind, start, end, after in changes:
            before = source.text[start:end].decode()
            function = source.function_at(start)
            key = (function, kind, _short(before), _short(after))
            number = counts[key] = counts.get(key, -1) + 1
            place = (str(source.path), source.line(start), function, kind)
            found.append(Mutant(*place, start, end, before, after, number))
    return found


Change = tuple[str, int, int, str]


def _of(source: Source) -> Iterator[Change]:
    inside = [(start, end) for start, end, _ in source.functions]
    for node in walk(source.tree):
        start, _ = source.span(node) if "src" in node else (0, 0)
        in_code = any(first <= start < last for first, last in inside)
        kind = node["nodeType"]
        if kind == "Literal" and (in_code or _is_constant(source, start)):
            yield from _numbers(source, node)
        if not in_code:
            continue
        if kind == "BinaryOperation":
            yield from _binary(source, node)
        elif kind == "Assignment":
            yield from _assignment(source, node)
        elif kind == "UnaryOperation":
            yield from _unary(source, node)
        elif kind == "FunctionCall":
            yield from _arguments(source, node)
        elif kind == "IfStatement":
            yield from _branch(source, node)
        elif kind in ("ExpressionStatement", "EmitStatement"):
            start, end = source.span(node)
            yield "statement deleted", start, _after_semicolon(source, end), "{}"


def _is_constant(source: Source, at: int) -> bool:
    """A literal outside functions counts where a constant is defined, not in a pragma or type."""
    line_start = source.text.rfind(b"\n", 0, at) + 1
    return b" constant " in source.text[line_start:at]


def _between(source: Source, left: Node, right: Node, operator: str) -> tuple[int, int]:
    """Where the operator stands between its two sides."""
    start, end = source.span(left)[1], source.span(right)[0]
    at = source.text.index(operator.encode(), start, end)
    return at, at + len(operator)


def _binary(source: Source, node: Node) -> Iterator[Change]:
    operator = node["operator"]
    start, end = _between(source, node["leftExpression"], node["rightExpression"], operator)
    for name, table in (("relation", RELATIONS), ("arithmetic", ARITHMETIC), ("boolean", BOOLEAN)):
        for other in table.get(operator, ()):
            yield name, start, end, other


def _assignment(source: Source, node: Node) -> Iterator[Change]:
    operator = node["operator"]
    for other in ASSIGNMENTS.get(operator, ()):
        start, end = _between(source, node["leftHandSide"], node["rightHandSide"], operator)
        yield "assignment", start, end, other


def _unary(source: Source, node: Node) -> Iterator[Change]:
    start, end = source.span(node)
    operator = node["operator"]
    if operator == "!":
        yield "negation removed", start, start + 1, ""
    elif operator in STEPS:
        at = start if node["prefix"] else end - 2
        yield "step", at, at + 2, STEPS[operator]


def _numbers(source: Source, node: Node) -> Iterator[Change]:
    start, end = source.span(node)
    text = source.text[start:end].decode()
    digits = text.split()[0] if text else ""
    if not NUMBER.match(digits):
        return
    value = int(digits.replace("_", ""))
    rest = text[len(digits) :]
    yield "number", start, end, f"{value + 1}{rest}"
    if value > 1:
        yield "number", start, end, f"{value - 1}{rest}"


def _arguments(source: Source, node: Node) -> Iterator[Change]:
    """Neighbours swapped; where the types differ, the compiler refuses it."""
    arguments = node["arguments"]
    for one, two in pairwise(arguments):
        (start, middle), (gap, end) = source.span(one), source.span(two)
        text = source.text
        if text[start:middle] != text[gap:end]:
            swapped = text[gap:end] + text[middle:gap] + text[start:middle]
            yield "arguments swapped", start, end, swapped.decode()


def _branch(source: Source, node: Node) -> Iterator[Change]:
    start, end = source.span(node["condition"])
    yield "condition", start, end, "true"
    yield "condition", start, end, "false"


def _after_semicolon(source: Source, end: int) -> int:
    return end + 1 if source.text[end : end + 1] == b";" else end
