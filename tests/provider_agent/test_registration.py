"""The agent's word to the stack on its machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from marketplace_api.embedded.process import ProcessRef
from provider_agent.home import AgentHome
from provider_agent.registration import registered

AGENT = "0xABCDEF1200000000000000000000000000000000"


@pytest.fixture
def home(tmp_path: Path) -> AgentHome:
    return AgentHome.at(tmp_path / "agent")


def test_registered__while_it_runs__is_a_file_that_the_stack_understands(
    home: AgentHome, tmp_path: Path
) -> None:
    file = tmp_path / "stack" / "agents" / "agent-abcdef12.json"
    with registered(tmp_path / "stack", home, AGENT):
        said = json.loads(file.read_text())
        assert said == {
            "pid": os.getpid(),
            "started": ProcessRef.of(os.getpid()).born,
            "home": str(home.root),
            "log": str(home.log),
        }
    assert not file.exists()


def test_registered__another_came_after__its_word_stays(home: AgentHome, tmp_path: Path) -> None:
    file = tmp_path / "agents" / "agent-abcdef12.json"
    with registered(tmp_path, home, AGENT):
        file.write_text("{}")
    assert file.read_text() == "{}"


def test_registered__cannot_be_written__the_agent_runs(home: AgentHome, tmp_path: Path) -> None:
    (tmp_path / "agents").write_text("in the way")
    with registered(tmp_path, home, AGENT):
        ran = True
    assert ran
    assert (tmp_path / "agents").read_text() == "in the way"
