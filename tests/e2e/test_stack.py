"""`gpubourse up` twice and `down` twice: what runs is left alone, what we started is ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace_api.cli.demo.processes import Json
from tests.e2e.conftest import environment, gpubourse

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_up_and_down__each_twice__changes_nothing_the_second_time(tmp_path: Path):
    """Process ids stay, data stay, and afterwards nothing is left."""
    env = environment(tmp_path)
    try:
        first = gpubourse(env, "up", "--json")
        assert first.code == 0, first.out + first.err
        again = gpubourse(env, "up", "--json")
        assert again.json == first.json
        assert {row["state"] for row in rows(first.json)} == {"up"}
        market = gpubourse(env, "market", "--json").json
        assert gpubourse(env, "status", "--json").code == 0
    finally:
        ended = gpubourse(env, "down", "--json").json["ended"]
    assert isinstance(ended, list)
    assert set(ended) == {str(row["name"]) for row in rows(first.json)}
    after = gpubourse(env, "status", "--json")
    assert after.code == 1
    assert {row["state"] for row in rows(after.json)} == {"down"}
    assert gpubourse(env, "down", "--json").json == {"ended": []}
    try:
        assert gpubourse(env, "up", "--json").code == 0
        assert gpubourse(env, "market", "--json").json["market"] == market["market"]
    finally:
        gpubourse(env, "down")


def rows(found: Json) -> list[Json]:
    """Rows of the status table."""
    assert isinstance(found, list)
    return found
