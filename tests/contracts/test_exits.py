"""Rule 6: from every state all money leaves in time, by calls of a stranger, whoever is silent.

The states are in `exits/states.py` and `exits/cases.py`, the rows in `exits/table.py`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from arbiters import Court, open_court
from bourse import HOUR, REDEEM_GRACE, USD
from brownie import accounts, chain
from exits.table import BONDS, ROWS
from exits.world import PARTIES, Changes, Row, World
from leases import LONGEST_CASE, UNBONDING

PAGE = Path(__file__).resolve().parents[2] / "docs" / "INVARIANTS.md"
SIX_DAYS = 6 * 24 * HOUR
SLACK = 60
"""Seconds that a few blocks may take."""
EARLY = 30
"""Seconds before a time that was promised: nothing leaves yet."""
CASES = [(row, party) for row in (*ROWS, *BONDS) for party in row.silent]


@pytest.fixture(scope="module")
def opened() -> tuple[Court, Changes]:
    """A court, and what everybody has at its opening."""
    court = open_court()
    gc.freeze()  # Brownie collects garbage at each revert
    return court, court.balances()


@pytest.fixture(scope="module")
def reached(request: Any, opened: tuple[Court, Changes]) -> Iterator[World]:
    """The state of a row, reached once for all who may be silent in it."""
    court, _ = opened
    # Snapshots within each other: those of `chain` alone know one at a time.
    before = chain._take_snapshot()
    court.bourse.nonces.clear()
    world = request.param(court)
    chain.snapshot()
    yield world
    chain._revert(before)


def _named(rows: tuple[Row, ...]) -> Any:
    """Every row with everybody who may be silent in it."""
    cases = [(row.reach, row, party) for row in rows for party in row.silent]
    names = [f"{reach.__name__}-{party}" for reach, _, party in cases]
    arguments = ("reached", "row", "party")
    return pytest.mark.parametrize(arguments, cases, ids=names, indirect=["reached"])


def test_table__every_state__has_a_row_for_every_party() -> None:
    listed = [(row.reach, party) for row, party in CASES]
    assert len(listed) == len(set(listed))
    assert set(listed) == {(row.reach, party) for row, _ in CASES for party in PARTIES}
    page = PAGE.read_text()
    assert [row.reach.__name__ for row, _ in CASES if f"`{row.reach.__name__}`" not in page] == []


@_named(ROWS)
def test_exit__position__everything_out_by_stranger(
    opened: tuple[Court, Changes], reached: World, row: Row, party: str
) -> None:
    _everything_out(reached, row, party, opened[1])


@_named(BONDS)
def test_exit__bond__out_by_stranger(
    opened: tuple[Court, Changes], reached: World, row: Row, party: str
) -> None:
    """Anybody's bond leaves after the last case of the last sold hour that it could pay for."""
    _everything_out(reached, row, party, opened[1])


def _everything_out(reached: World, row: Row, party: str, before: Changes) -> None:
    world = reached.silenced(party)
    try:
        due = _follow(world, row)
        assert chain[-1].timestamp <= due + SLACK <= max(world.ends) + SIX_DAYS
        assert world.left() == []
        after = world.court.balances()
        changes = {name: after[name] - before[name] for name in after}
        expected = world.changes if row.changes is None else row.changes
        assert {name: change for name, change in changes.items() if change} == {
            name: change for name, change in expected.items() if change
        }
        assert world.bourse.market.totalHeld() == sum(after.values())
    finally:
        chain.revert()


def _follow(world: World, row: Row) -> int:
    """Make the calls of a row, each in the first second in which it must work."""
    due = world.now
    for number, step in enumerate(row.steps):
        due = max(due, step.due(world))
        if step.promised:
            assert due > chain.time() + EARLY
            chain.mine(timestamp=due - EARLY)
            assert not any(later.call(world) for later in row.steps[number:])
        chain.mine(timestamp=max(due, chain.time()))
        assert step.call(world)
    return due


def test_exit__longest_case__bond_waits_for_it() -> None:
    assert UNBONDING == REDEEM_GRACE + LONGEST_CASE
    assert UNBONDING <= SIX_DAYS


def test_exit__account__own_call_needs_nobody(opened: tuple[Court, Changes]) -> None:
    of = opened[0].bourse
    chain.snapshot()
    of.parameters.pause(7 * 24 * HOUR, {"from": accounts[1]})
    of.market.withdraw(of.address("buyer"), 1000 * USD, of.sends("buyer"))
    assert of.token.balanceOf(of.address("buyer")) == 1000 * USD
    chain.revert()
