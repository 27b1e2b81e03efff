"""Exact money and the packing of series ids."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.protocol.errors import ProtocolError
from contracts.protocol.series import Isolation, Series, device_class_hash
from contracts.protocol.units import (
    GPU_MS_PER_HOUR,
    LOT_GPU_MS,
    TICK,
    cost,
    gpu_ms,
    lots,
    payment_down,
    price_ticks,
    share_down,
    whole_lots,
)

series = st.builds(
    Series,
    start=st.integers(1, (1 << 40) - 1),
    duration=st.integers(1, (1 << 24) - 1),
    ticks=st.integers(1, (1 << 40) - 1),
    step=st.integers(1, (1 << 16) - 1),
    terms=st.integers(1, (1 << 64) - 1),
)


@given(st.integers(1, 64_000), st.integers(1, 604_800), st.integers(1, 10**9))
def test_cost__of_whole_lots__is_the_exact_fraction(milli: int, seconds: int, ticks: int) -> None:
    used = gpu_ms(milli, seconds)
    if used % LOT_GPU_MS:
        with pytest.raises(ProtocolError):
            lots(milli, seconds)
        return
    exact = Fraction(used, GPU_MS_PER_HOUR) * ticks * TICK
    assert cost(lots(milli, seconds), ticks) == exact


@given(st.integers(0, 1 << 40), st.integers(1, 1 << 30))
def test_payment_down__of_any_usage__is_the_floor_of_the_exact_value(used: int, ticks: int) -> None:
    exact = Fraction(used, GPU_MS_PER_HOUR) * ticks * TICK
    assert payment_down(used, ticks) == exact.numerator // exact.denominator


@given(st.lists(st.integers(0, 10**7), max_size=8), st.integers(1, 10**6))
def test_payment_down__paid_in_parts__never_exceeds_the_whole(parts: list[int], ticks: int) -> None:
    total = paid = 0
    for part in parts:
        total += part
        paid += payment_down(total, ticks) - paid
    assert paid == payment_down(sum(parts), ticks)


@pytest.mark.parametrize(("milli", "seconds"), [(1000, 36), (250, 72), (1, 3600)])
def test_lots__of_the_smallest_positions__is_whole(milli: int, seconds: int) -> None:
    assert lots(milli, seconds) == milli * seconds // LOT_GPU_MS


def test_lots__of_a_broken_size__names_the_nearest_valid_one() -> None:
    with pytest.raises(ProtocolError, match="250 milli x 72 s"):
        lots(250, 70)


@pytest.mark.parametrize(
    ("milli", "seconds", "whole"),
    [(1000, 1200, 1206), (1000, 1206, 1206), (250, 1, 72), (1, 3600, 3600), (0, 7, 7)],
)
def test_whole_lots__of_any_duration__rounds_up(milli: int, seconds: int, whole: int) -> None:
    """What somebody asks for is within what is bought."""
    assert whole_lots(milli, seconds) == whole


def test_price_ticks__off_the_tick__names_the_nearest_valid_one() -> None:
    with pytest.raises(ProtocolError, match="2000000"):
        price_ticks(2_000_100)


def test_share_down__of_basis_points__rounds_down() -> None:
    assert share_down(199, 100) == 1


@given(series)
def test_series_id__packed__unpacks_to_the_same(value: Series) -> None:
    assert Series.from_id(value.id) == value


@pytest.mark.parametrize("field", ["start", "duration", "ticks", "step", "terms"])
def test_series_id__a_field_too_wide__is_refused_by_name(field: str) -> None:
    values = {"start": 1, "duration": 1, "ticks": 1, "step": 1, "terms": 1, field: 1 << 64}
    with pytest.raises(ProtocolError) as caught:
        _ = Series(**values).id
    assert caught.value.field == field


@pytest.mark.parametrize("series_id", [0, -1, 1 << 184])
def test_from_id__outside_the_packing__is_refused(series_id: int) -> None:
    with pytest.raises(ProtocolError):
        Series.from_id(series_id)


@pytest.mark.parametrize("name", ["nvidia/h100/80gb/sxm", "nvidia/h100/80gb/sxm/mig-1g.10gb"])
def test_device_class_hash__canonical__is_32_bytes(name: str) -> None:
    assert len(device_class_hash(name)) == 32


@pytest.mark.parametrize(
    "name", ["", "H100", "nvidia/H100/80gb/sxm", "nvidia/h100/80/sxm", "a" * 97]
)
def test_device_class_hash__not_canonical__is_refused(name: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        device_class_hash(name)
    assert caught.value.code == "unknown-class"


def test_isolation__only_shared_kinds__are_divisible() -> None:
    assert [i.name for i in Isolation if i.divisible] == ["TIMESLICE", "MPS"]
