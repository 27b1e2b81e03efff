"""Decimal text to integers and back, without a float on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.protocol.amounts import format_tokens, parse_duration, parse_tokens
from contracts.protocol.errors import ProtocolError


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("2.00", 2_000_000),
        ("2", 2_000_000),
        ("0.000001", 1),
        ("0.1", 100_000),
        ("1.2345670", 1_234_567),
        ("9007199254740993.000001", 9_007_199_254_740_993_000_001),
    ],
)
def test_parse_tokens__decimal_text__is_exact(text: str, amount: int):
    """Above 2**53 a float would lose the last digits."""
    assert parse_tokens(text, "price") == amount


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1e3", ".5", "1.", "1,5", "0x1", "1.0000001", "nan", "١"]
)
def test_parse_tokens__anything_else__is_named(text: str):
    """Signs, exponents and digits below the smallest unit are refused, not rounded."""
    with pytest.raises(ProtocolError) as refused:
        parse_tokens(text, "price")
    assert (refused.value.field, refused.value.given) == ("price", text)


@given(st.integers(min_value=0, max_value=1 << 128))
def test_format_tokens__any_amount__comes_back(amount: int):
    """What is shown is what is meant."""
    assert parse_tokens(format_tokens(amount), "x") == amount


def test_format_tokens__negative__keeps_its_sign():
    """A change may be a loss."""
    assert format_tokens(-1) == "-0.000001"


@pytest.mark.parametrize(
    ("text", "seconds"), [("72", 72), ("72s", 72), ("20m", 1200), ("1h", 3600), ("2d", 172_800)]
)
def test_parse_duration__units__are_seconds(text: str, seconds: int):
    """People write hours, the protocol counts seconds."""
    assert parse_duration(text, "duration") == seconds


@pytest.mark.parametrize("text", ["0", "0h", "-5", "1.5h", "1w", ""])
def test_parse_duration__anything_else__is_named(text: str):
    """Nothing is guessed."""
    with pytest.raises(ProtocolError):
        parse_duration(text, "duration")
