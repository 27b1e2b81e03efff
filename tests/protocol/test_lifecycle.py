"""Statuses move only along the table."""

from __future__ import annotations

from itertools import product

import pytest

from contracts.protocol.lifecycle import (
    JOB_TRANSITIONS,
    LEASE_TRANSITIONS,
    ORDER_TRANSITIONS,
    TRANSACTION_TRANSITIONS,
    JobStatus,
    LeaseStatus,
    TransitionError,
    advance,
)

TABLES = [ORDER_TRANSITIONS, LEASE_TRANSITIONS, JOB_TRANSITIONS, TRANSACTION_TRANSITIONS]


@pytest.mark.parametrize("table", TABLES)
def test_advance__every_pair__follows_the_table(table: dict) -> None:
    statuses = type(next(iter(table)))
    assert set(table) == set(statuses)
    for current, target in product(statuses, statuses):
        if current is target or target in table[current]:
            assert advance(current, target) is target
        else:
            with pytest.raises(TransitionError):
                advance(current, target)


def test_is_over__only_final_jobs() -> None:
    assert [s.value for s in JobStatus if s.is_over] == ["succeeded", "failed", "lost", "cancelled"]


def test_advance__a_closed_lease__never_waits_for_a_fill_again() -> None:
    """New units of its series may come to the holder; the old fill is done with."""
    with pytest.raises(TransitionError, match="closing"):
        advance(LeaseStatus.CLOSED, LeaseStatus.PENDING)
