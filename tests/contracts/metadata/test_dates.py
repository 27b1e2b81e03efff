"""Dates, spans and prices in words against Python's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

CYCLE_YEARS = 400
CYCLE = 146_097 * 86_400
"""The calendar repeats after 400 years; Python's ends with the year 9999."""
LAST = 2**40 + 2**24
"""No window of a series ends later."""


def utc(time: int) -> tuple[int, datetime]:
    """The year, and a moment 400 x n years before which shows the rest."""
    moment = datetime.fromtimestamp(time % CYCLE, tz=UTC)
    return moment.year + time // CYCLE * CYCLE_YEARS, moment


@given(time=st.integers(0, LAST))
@example(time=0)
@example(time=951_782_399)  # 2000-02-28T23:59:59Z, a leap year although it ends a century
@example(time=951_868_799)  # the end of the day after
@example(time=4_107_542_399)  # 2100-02-28T23:59:59Z, no leap year
@example(time=4_107_542_400)
@example(time=1_709_164_800)  # 2024-02-29
@example(time=1_735_689_599)  # the last second of a leap year
@example(time=253_402_300_800)  # 10000-01-01
@example(time=LAST)
def test_dates__any_second__as_python_says(words: Any, time: int) -> None:
    year, rest = utc(time)
    assert words.iso(time) == f"{year:04d}-{rest:%m-%dT%H:%M:%SZ}"
    clock = f"{rest:%H:%M:%S}" if rest.second else f"{rest:%H:%M}"
    assert words.readable(time) == f"{year:04d}-{rest:%m-%d} {clock} UTC"


@given(day=st.integers(0, LAST // 86_400))
def test_dates__first_and_last_second_of_a_day__same_date(words: Any, day: int) -> None:
    first, last = words.iso(day * 86_400), words.iso(day * 86_400 + 86_399)
    assert (first[-10:], last[-10:]) == ("T00:00:00Z", "T23:59:59Z")
    assert first[:-10] == last[:-10]


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0, "0 s"),
        (36, "36 s"),
        (60, "1 min"),
        (72, "1 min 12 s"),
        (3_600, "1 h"),
        (3_636, "1 h 36 s"),
        (5_400, "1 h 30 min"),
        (86_400, "24 h"),
        (168 * 3_600, "168 h"),
        (2**24 - 1, "4660 h 20 min 15 s"),
    ],
)
def test_span__by_parts__zeros_left_out(words: Any, duration: int, text: str) -> None:
    assert words.span(duration) == text


@given(ticks=st.integers(0, 2**40 - 1))
@example(ticks=0)
@example(ticks=7)
@example(ticks=99)
@example(ticks=2_500)
def test_price__any__three_decimals(words: Any, ticks: int) -> None:
    assert words.price(ticks) == f"{ticks // 1_000}.{ticks % 1_000:03d}"


@given(bps=st.integers(0, 2**16 - 1))
@example(bps=5)
@example(bps=10_000)
def test_percent__any__two_decimals(words: Any, bps: int) -> None:
    assert words.percent(bps) == f"{bps // 100}.{bps % 100:02d} %"
