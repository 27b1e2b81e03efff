"""Every signed struct hashes the same in Solidity and in Python."""

from __future__ import annotations

from typing import Any

import pytest
from brownie import chain
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain, Struct, digest
from contracts.protocol.series import Series
from contracts.protocol.typed_data import SIGNED_STRUCTS, AskConstraints, BidConstraints
from contracts.protocol.units import cost, payment_down, share_down
from tests.protocol.strategies import structs

EXAMPLES = settings(max_examples=40)


@pytest.mark.parametrize(
    "cls", [*SIGNED_STRUCTS, AskConstraints, BidConstraints], ids=lambda cls: cls.type_name
)
@EXAMPLES
@given(data=st.data())
def test_hash__any_value__is_python_hash(harness: Any, cls: type[Struct], data: Any) -> None:
    struct = data.draw(structs(cls))
    hashed = getattr(harness, f"hash{cls.type_name}")(as_tuple(struct))
    assert bytes(hashed) == struct.hash_struct()
    assert bytes(harness.digest(hashed)) == digest(struct, Domain(chain.id, harness.address))


@EXAMPLES
@given(
    start=st.integers(0, 2**40 - 1),
    duration=st.integers(0, 2**24 - 1),
    ticks=st.integers(0, 2**40 - 1),
    step=st.integers(0, 2**16 - 1),
    terms=st.integers(1, 2**64 - 1),
)
def test_series_id__any_parts__packs_and_unpacks_as_python(
    harness: Any, start: int, duration: int, ticks: int, step: int, terms: int
) -> None:
    series = Series(start, duration, ticks, step, terms)
    assert harness.seriesId(start, duration, ticks, step, terms) == series.id
    assert tuple(harness.seriesParts(series.id)) == (start, duration, ticks, step, terms)
    assert Series.from_id(series.id) == series


@EXAMPLES
@given(units=st.integers(0, 2**64 - 1), ticks=st.integers(0, 2**40 - 1), bps=st.integers(0, 10_000))
def test_money__any_amounts__rounds_as_python(
    harness: Any, units: int, ticks: int, bps: int
) -> None:
    assert harness.cost(units, ticks) == cost(units, ticks)
    assert harness.paymentDown(units, ticks) == payment_down(units, ticks)
    assert harness.shareDown(units, bps) == share_down(units, bps)
