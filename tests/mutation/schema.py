"""Mutant schemata: one text that holds many mutants, each behind a switch that is off.

A place where something is chosen is a whole statement or a whole condition, so that no type
changes: `x += y;` becomes `{ if (mutated(7)) { x -= y; } else { x += y; } }`. Places do not
overlap, hence all mutants of one place are branches of one choice, and mutants do not meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.fuzz.solidity import Node, Source, walk
from tests.mutation.operators import Mutant

SWITCH = Path("contracts") / "Mutation.sol"
TEXT_OF_SWITCH = Path(__file__).absolute().parent / "Mutation.sol"
_PRAGMA = b"pragma solidity 0.8.30;\n"
_SIMPLE = ("ExpressionStatement", "EmitStatement", "RevertStatement", "Return")
_WITH_CONDITION = ("IfStatement", "WhileStatement", "DoWhileStatement", "ForStatement")


class Form(Enum):
    """How a place is written as a choice."""

    STATEMENT = "if and else"
    EXPRESSION = "? and :"
    TUPLE = "names declared first, then as a statement"


@dataclass(frozen=True)
class Place:
    """Where a choice can be made, in bytes of the file."""

    start: int
    end: int
    form: Form
    declared: str = ""
    """Of a tuple: the declarations of its names."""
    names: str = ""
    """Of a tuple: what is assigned to."""


def apply(text: bytes, mutant: Mutant) -> bytes:
    """The file as the mutant alone makes it."""
    return text[: mutant.start] + mutant.after.encode() + text[mutant.end :]


def schema(source: Source, numbered: Mapping[int, Mutant]) -> bytes:
    """The file with every one of its mutants behind the switch of its number.

    Raises KeyError for a mutant that has no place.
    """
    held: dict[Place, list[int]] = {}
    known = places(source)
    for number, mutant in numbered.items():
        if mutant.file == str(source.path):
            place = place_of(known, mutant)
            if place is None:
                raise KeyError(mutant.name)
            held.setdefault(place, []).append(number)
    text = source.text
    for place in sorted(held, key=lambda place: place.start, reverse=True):
        choice = _choice(source.text, place, {number: numbered[number] for number in held[place]})
        text = text[: place.start] + choice + text[place.end :]
    up = "/".join([".."] * (len(source.path.parts) - 2)) or "."
    imported = f'import {{mutated}} from "{up}/{SWITCH.name}";\n'.encode()
    return text.replace(_PRAGMA, _PRAGMA + imported, 1) if held else text


def place_of(known: Sequence[Place], mutant: Mutant) -> Place | None:
    """Nothing for a constant, and for the call of a `try`."""
    return next((p for p in known if p.start <= mutant.start and mutant.end <= p.end), None)


def places(source: Source) -> list[Place]:
    """Every place of a file; none lies in another."""
    in_heads = set()
    found = []
    for node in walk(source.tree):
        kind = node["nodeType"]
        if kind == "ForStatement":
            in_heads |= {_id(node.get("initializationExpression")), _id(node.get("loopExpression"))}
        if kind in _WITH_CONDITION and node.get("condition"):
            found.append(Place(*source.span(node["condition"]), Form.EXPRESSION))
        elif kind == "VariableDeclarationStatement" and node.get("initialValue"):
            found.append(_declaration(source, node))
        elif kind in _SIMPLE and _id(node) in in_heads:
            found.append(Place(*source.span(node), Form.EXPRESSION))
        elif kind in _SIMPLE:
            start, end = source.span(node)
            found.append(Place(start, _with_semicolon(source.text, end), Form.STATEMENT))
    return found


def _id(node: Node | None) -> str:
    return str(node["src"]) if node else ""


def _declaration(source: Source, node: Node) -> Place:
    start, end = source.span(node["initialValue"])
    declarations = node["declarations"]
    if len(declarations) == 1:
        return Place(start, end, Form.EXPRESSION)
    names = ", ".join(each["name"] if each else "" for each in declarations)
    declared = " ".join(f"{source.code(each)};" for each in declarations if each)
    first = source.span(node)[0]
    return Place(first, _with_semicolon(source.text, end), Form.TUPLE, declared, f"({names})")


def _with_semicolon(text: bytes, end: int) -> int:
    return end + 1 if text[end : end + 1] == b";" else end


def _choice(text: bytes, place: Place, numbered: Mapping[int, Mutant]) -> bytes:
    original = text[place.start : place.end].decode()
    branches = list(_branches(text, place, numbered))
    if place.form is Form.EXPRESSION:
        chosen = " : ".join(f"mutated({number}) ? ({branch})" for number, branch in branches)
        return f"({chosen} : ({original}))".encode()
    if place.form is Form.TUPLE:
        original = _assignment(original, place)
        branches = [(number, _assignment(branch, place)) for number, branch in branches]
    chosen = " else ".join(f"if (mutated({number})) {{ {branch} }}" for number, branch in branches)
    choice = f"{chosen} else {{ {original} }}"
    return (f"{place.declared} {choice}" if place.declared else f"{{ {choice} }}").encode()


def _branches(
    text: bytes, place: Place, numbered: Mapping[int, Mutant]
) -> Iterator[tuple[int, str]]:
    for number, mutant in numbered.items():
        before, after = text[place.start : mutant.start], text[mutant.end : place.end]
        yield number, (before + mutant.after.encode() + after).decode()


def _assignment(declaration: str, place: Place) -> str:
    return f"{place.names} ={declaration.split('=', 1)[1]}"
