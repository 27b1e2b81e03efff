"""A single unit that is wrong anywhere is found, named, and ends in a non-zero exit code."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from marketplace_api.cli.demo.processes import Json
from tests.e2e.conftest import Life, Stack, gpubourse

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def statements(life: Life) -> list[Json]:
    """Everybody's, as the API gives them."""
    return [actor.run("statement") for actor in life.cast.parties]


def verify(life: Life, statements: list[Json], path: Path) -> tuple[int, Json]:
    path.write_text(json.dumps(statements))
    env = life.cast.buyer.environment
    result = gpubourse(env, "chain", "verify", "--statements", path, "--json")
    return result.code, result.json


def test_verify__as_they_are__all_sums_agree(life: Life, statements: list[Json], tmp_path: Path):
    """Chain and statements, to the unit."""
    code, found = verify(life, statements, tmp_path / "s.json")
    assert (code, found["sums_agree"], found["differences"]) == (0, True, [])
    leases = found["leases"]
    assert isinstance(leases, list)
    (lease,) = [one for one in leases if one["series"] == str(life.lease["series"])]
    assert (lease["minted"], lease["burned"], lease["units"], lease["escrow"]) == (20, 20, 0, 0)
    assert lease["paid"] + lease["refunded"] == 40_000


@pytest.mark.parametrize(("party", "offset"), [(0, 1), (1, -1), (2, 1), (3, -1)])
def test_verify__one_unit_in_a_statement__is_named(
    life: Life, statements: list[Json], tmp_path: Path, party: int, offset: int
):
    """Buyer, both providers and the treasury; one unit too much or too little."""
    planted = copy.deepcopy(statements)
    planted[party]["balances"]["payment_token"]["closing"] += offset  # type: ignore[index,call-overload]
    code, found = verify(life, planted, tmp_path / "s.json")
    differences = found["differences"]
    assert isinstance(differences, list)
    assert (code, found["sums_agree"]) == (1, False)
    assert [(d["name"], d["difference"]) for d in differences] == [
        (f"statement of {planted[party]['wallet']}: payment token", offset),
        (f"statement of {planted[party]['wallet']}: balance: opening + lines = closing", offset),
    ]


def test_verify__one_gpu_ms__is_named(life: Life, statements: list[Json], tmp_path: Path):
    """GPU time counts as money does."""
    planted = copy.deepcopy(statements)
    planted[0]["balances"]["gpu_ms"]["closing"] += 1  # type: ignore[index,call-overload]
    code, found = verify(life, planted, tmp_path / "s.json")
    assert (code, found["sums_agree"]) == (1, False)


def test_demo__planted_unit__exits_non_zero(stack: Stack, life: Life, tmp_path: Path):
    """The demo's own self-test, on a bourse that has leases already."""
    options = ("--statement-offset", "1", "--reports", tmp_path, "--json")
    result = gpubourse(stack.operator.environment, "demo", *options)
    assert result.code == 1
    lines = result.out.splitlines()
    assert json.loads(lines[0])["sums_agree"] is False
    error = json.loads(lines[-1])["error"]
    assert error["code"] == "sums-differ"
    assert "payment token" in error["message"]
    figures = json.loads((tmp_path / "demo.json").read_text())
    assert figures["sums_agree"] is False
    assert figures["order_to_first_log_s"] <= 5
    assert figures["fill_tx"].startswith("0x")
    raw = [json.loads(line) for line in (tmp_path / "demo.raw.jsonl").read_text().splitlines()]
    said = [record["said"] for record in raw if record["kind"] == "event"]
    accepted = next(event["at"] for event in said if event["event"] == "accepted")
    first = next(event["at"] for event in said if event["event"] == "log")
    assert first - accepted == pytest.approx(figures["order_to_first_log_s"], abs=0.5)
