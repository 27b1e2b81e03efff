"""The supervisor's own rules: what it remembers, what it ends and what it never touches."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.protocol.keys import Signer
from marketplace_api.cli.stack.doctor import examine
from marketplace_api.cli.stack.down import down
from marketplace_api.cli.stack.errors import HomeBusyError
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.keys import ensure_keys
from marketplace_api.cli.stack.progress import Progress
from marketplace_api.cli.stack.settings import StackSettings
from marketplace_api.cli.stack.state import (
    Part,
    load_state,
    record_environment,
    record_part,
    register_process,
)
from marketplace_api.cli.stack.status import all_up, status
from marketplace_api.embedded.process import ProcessRef, spawn

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
QUIET = Progress(quiet=True)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty state folder."""
    return Home.at(tmp_path / "state")


@pytest.fixture
def sleeper(home: Home) -> Iterator[ProcessRef]:
    """A process that does nothing until it is ended."""
    ref = spawn(SLEEPER, log=home.log("sleeper"))
    yield ref
    if ref.is_alive():
        subprocess.run(["kill", "-9", str(ref.pid)], check=True)


def test_state__recorded__comes_back_and_only_the_owner_reads_it(
    home: Home, sleeper: ProcessRef
) -> None:
    """URLs carry passwords, so the file is closed to others."""
    part = Part(sleeper, "/log", "http://127.0.0.1:1")
    record_part(home, "api", part)
    record_environment(home, {"CHAIN_ID": "1337"})
    register_process(home, "agent-1", sleeper.pid)
    state = load_state(home)
    assert state.parts == {"api": part}
    assert state.agents == {"agent-1": Part(sleeper)}
    assert state.environment == {"CHAIN_ID": "1337"}
    assert home.stack_file.stat().st_mode & 0o777 == 0o600


def test_down__agent_registered__ends_it_and_forgets_it(home: Home, sleeper: ProcessRef) -> None:
    """Agents are started elsewhere, but one command ends all."""
    register_process(home, "agent-1", sleeper.pid)
    assert down(home, QUIET) == ["agent-1"]
    assert not sleeper.is_alive()
    assert load_state(home).agents == {}
    assert down(home, QUIET) == []


def test_down__number_now_belongs_to_another_process__leaves_it(
    home: Home, sleeper: ProcessRef
) -> None:
    """After a reboot the same number may be anybody's."""
    record_part(home, "api", Part(ProcessRef(sleeper.pid, "another-boot:7")))
    assert down(home, QUIET) == []
    assert sleeper.is_alive()
    assert load_state(home).parts == {}


def test_down__reader_of_the_output_left__still_ends_everything(
    home: Home, sleeper: ProcessRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`gpubourse down | head -1` closes the pipe after the first line."""

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    register_process(home, "agent-1", sleeper.pid)
    monkeypatch.setattr(sys, "stderr", Closed())
    assert down(home, Progress()) == ["agent-1"]
    assert load_state(home).agents == {}


def test_exclusive__held__refuses_a_second(home: Home) -> None:
    """Two `up` at once would start everything twice."""
    with home.exclusive(), pytest.raises(HomeBusyError), home.exclusive():
        pass


def test_status__empty_folder__everything_is_down(home: Home) -> None:
    """A stack that was never started is described, not an error."""
    rows = status(home)
    assert {row.state for row in rows} == {"down"}
    assert not all_up(rows)


def test_status__url_with_password__is_shown_without(home: Home, sleeper: ProcessRef) -> None:
    """Terminals are copied into tickets."""
    record_part(home, "valkey", Part(sleeper, None, "redis://:secret@127.0.0.1:1/0"))
    text = json.dumps([row.url for row in status(home)])
    assert "secret" not in text
    assert "redis://127.0.0.1:1/0" in text


def test_ensure_keys__twice__keeps_the_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is made once; losing it would lose the money that it holds."""
    for name in ("OPERATOR_KEY_FILE", "AUDITOR_KEY_FILES"):
        monkeypatch.delenv(name, raising=False)
    keys = ensure_keys(home, StackSettings(GPUBOURSE_AUDITORS=2))
    assert ensure_keys(home, StackSettings(GPUBOURSE_AUDITORS=2)) == keys
    assert len(keys.auditors) == 2
    assert len(set(keys.addresses())) == 3
    assert keys.operator.stat().st_mode & 0o777 == 0o600
    assert Signer.load(keys.operator).address == keys.addresses()[0]


def test_examine__anything_missing__comes_with_advice(home: Home) -> None:
    """The doctor never names a trouble without saying what to do."""
    findings = examine(home, StackSettings())
    assert {"python", "node", "disk", "sandbox", "gpu driver"} <= {f.name for f in findings}
    assert [f.name for f in findings if not f.ok and not f.advice] == []


@pytest.mark.parametrize(("ci", "exit_code"), [("true", 1), ("", 0)])
def test_run__skipped_test__fails_in_ci_only(tmp_path: Path, ci: str, exit_code: int) -> None:
    """In CI nothing that a test needs may be missing."""
    rule = Path(__file__).parents[3] / "conftest.py"
    (tmp_path / "conftest.py").write_text(rule.read_text())
    (tmp_path / "test_it.py").write_text(
        "import pytest\ndef test_a(): pytest.skip('x')\ndef test_b(): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:valkey", str(tmp_path)]
    result = subprocess.run(
        command, cwd=tmp_path, env={"CI": ci, "PATH": "/usr/bin:/bin"}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == exit_code, result.stdout
