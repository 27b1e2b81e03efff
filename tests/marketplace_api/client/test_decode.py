"""Answers become typed values, or are refused by the path of what does not fit."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from contracts.protocol.typed_data import Acknowledgement
from contracts.protocol.wire import to_wire
from marketplace_api.client.decode import decode, decode_list
from marketplace_api.client.errors import AnswerError


@dataclass(frozen=True)
class Inner:
    amount: int
    name: str | None = None


@dataclass(frozen=True)
class Outer:
    inner: Inner
    items: tuple[Inner, ...] = ()
    flag: bool = False
    raw: bytes | None = None
    when: int | str = 0


def test_decode__nested_and_unknown_members__builds_and_ignores():
    """Members that this client does not know are for a newer one."""
    data = {"inner": {"amount": "12345678901234567890", "new": 1}, "items": [{"amount": 1}]}
    assert decode(Outer, data) == Outer(Inner(12345678901234567890), (Inner(1),))


def test_decode__bytes_and_union__keeps_their_kinds():
    """Hex becomes bytes; a moment may be a number or a text."""
    found = decode(Outer, {"inner": {"amount": 0}, "raw": "0x0a", "when": "2026-01-01"})
    assert (found.raw, found.when) == (b"\x0a", "2026-01-01")


@pytest.mark.parametrize(
    ("data", "field", "limit"),
    [
        ({}, "outer.inner", "a value"),
        ({"inner": 5}, "outer.inner", "an object"),
        ({"inner": {"amount": "1e9"}}, "outer.inner.amount", "an integer"),
        ({"inner": {"amount": 1.0}}, "outer.inner.amount", "an integer"),
        ({"inner": {"amount": True}}, "outer.inner.amount", "an integer"),
        ({"inner": {"amount": 1}, "items": {}}, "outer.items", "a list"),
        ({"inner": {"amount": 1}, "items": [{}]}, "outer.items[0].amount", "a value"),
        ({"inner": {"amount": 1}, "flag": 1}, "outer.flag", "true or false"),
        ({"inner": {"amount": 1}, "raw": "zz"}, "outer.raw", "0x and hex digits"),
    ],
)
def test_decode__what_does_not_fit__is_named(data: object, field: str, limit: str):
    """An answer that cannot be read names the path, what was expected and what came."""
    with pytest.raises(AnswerError) as refused:
        decode(Outer, data)
    assert (refused.value.field, refused.value.limit) == (field, limit)


def test_decode__signed_struct__is_read_by_the_protocol():
    """Signed structs keep their own rules."""

    @dataclass(frozen=True)
    class Holder:
        word: Acknowledgement

    word = Acknowledgement(order=bytes(32), action=1, sequence=2, at=3)
    assert decode(Acknowledgement, to_wire(word)) == word
    with pytest.raises(AnswerError) as refused:
        decode(Acknowledgement, {**to_wire(word), "order": "0x00"})
    assert refused.value.field == "acknowledgement.order"


def test_decode_list__no_list__is_refused():
    """An object where a list belongs."""
    with pytest.raises(AnswerError):
        decode_list(Inner, {"amount": 1})
