"""Agents that told of themselves, beside those that were handed over."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace_api.cli.stack.down import down
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.progress import Progress
from marketplace_api.cli.stack.state import load_state, register_process
from marketplace_api.cli.stack.status import status
from marketplace_api.embedded.process import ProcessRef, spawn, wait_gone

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
QUIET = Progress(quiet=True)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty state folder."""
    return Home.at(tmp_path / "state")


@pytest.fixture
def agent(home: Home) -> Iterator[ProcessRef]:
    """A process that stands for an agent."""
    ref = spawn(SLEEPER, log=home.log("agent"))
    yield ref
    if ref.is_alive():
        subprocess.run(["kill", "-9", str(ref.pid)], check=True)


def tell(home: Home, ref: ProcessRef, log: str = "/agent.log") -> Path:
    """What an agent writes."""
    file = home.root / "agents" / "agent-abcdef12.json"
    file.parent.mkdir(exist_ok=True)
    said = {"pid": ref.pid, "started": ref.born, "home": "/agent", "log": log}
    file.write_text(json.dumps(said))
    return file


def agents(home: Home) -> list[tuple[str, str]]:
    """Rows of `status` below the parts of the stack."""
    return [(row.name, row.state) for row in status(home)[8:]]


def test_status__agent_told_of_itself__is_listed(home: Home, agent: ProcessRef) -> None:
    """Started by anybody, with this home in its environment."""
    tell(home, agent)
    assert agents(home) == [("agent-abcdef12", "up")]


def test_down__agent_told_of_itself__ends_it_and_its_word(home: Home, agent: ProcessRef) -> None:
    """One that is killed cannot take its word back."""
    file = tell(home, agent)
    assert down(home, QUIET) == ["agent-abcdef12"]
    assert not agent.is_alive()
    assert not file.exists()


def test_down__number_now_belongs_to_another_process__leaves_it(
    home: Home, agent: ProcessRef
) -> None:
    """After a reboot the same number may be anybody's."""
    file = tell(home, ProcessRef(agent.pid, "another-boot:7"))
    assert agents(home) == [("agent-abcdef12", "down")]
    assert down(home, QUIET) == []
    assert agent.is_alive()
    assert not file.exists()


def test_status__handed_over_too__is_listed_once(home: Home, agent: ProcessRef) -> None:
    """The demo hands its agents over; they tell of themselves as well."""
    tell(home, agent)
    register_process(home, "provider-1", agent.pid)
    assert agents(home) == [("provider-1", "up")]
    assert down(home, QUIET) == ["provider-1"]
    assert not (home.root / "agents" / "agent-abcdef12.json").exists()


def test_status__restarted_since_it_was_handed_over__only_the_new_one_counts(
    home: Home, agent: ProcessRef
) -> None:
    """The old process is gone, but its agent is not."""
    old = spawn(SLEEPER, log=home.log("old"))
    register_process(home, "provider-1", old.pid, Path("/agent.log"))
    subprocess.run(["kill", "-9", str(old.pid)], check=True)
    assert wait_gone(old, 5)
    tell(home, agent)
    assert agents(home) == [("agent-abcdef12", "up")]
    assert down(home, QUIET) == ["agent-abcdef12"]
    assert load_state(home).agents == {}


def test_status__file_that_is_no_word__is_passed_over(home: Home) -> None:
    """Half written, or somebody else's."""
    (home.root / "agents").mkdir()
    (home.root / "agents" / "x.json").write_text('{"pid": 1}')
    assert agents(home) == []
    assert down(home, QUIET) == []
