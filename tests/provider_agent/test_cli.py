"""``gpubourse agent ...`` as somebody types it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from contracts.protocol.keys import Signer
from provider_agent import process
from provider_agent.cli import app
from provider_agent.home import AgentHome

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("RPC_URL", "DEPLOYMENT_FILE", "AGENT_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("GPU_BACKEND", "simulated")
    yield
    # `start` logs to the standard error of its moment, which the runner closes.
    structlog.reset_defaults()


class TestInit:
    def test_init__new_folder__makes_two_keys_for_the_owner_only(self, tmp_path: Path) -> None:
        result = run(app, ["init", "--home", str(tmp_path / "a"), "--json"])
        made, home = json.loads(result.stdout), AgentHome.at(tmp_path / "a")
        assert (made["owner"], made["agent"]) == (home.owner().address, home.agent().address)
        assert home.agent_key.stat().st_mode & 0o777 == 0o600
        assert home.root.stat().st_mode & 0o777 == 0o700

    def test_init__again__keeps_the_keys(self, tmp_path: Path) -> None:
        first = run(app, ["init", "--home", str(tmp_path), "--json"]).stdout
        assert run(app, ["init", "--home", str(tmp_path), "--json"]).stdout == first

    def test_init__given_owner__is_copied(self, tmp_path: Path) -> None:
        owner = Signer.generate()
        owner.save(tmp_path / "mine.key")
        result = run(
            app,
            ["init", "--home", str(tmp_path / "a"), "--owner-key", str(tmp_path / "mine.key")],
        )
        assert f"owner: {owner.address}" in result.stdout


class TestRefusals:
    def test_start__not_enrolled__says_what_to_do(self, tmp_path: Path) -> None:
        run(app, ["init", "--home", str(tmp_path)])
        result = run(app, ["start", "--home", str(tmp_path), "--json"])
        assert result.exit_code == 1
        assert json.loads(result.stderr)["limit"] == "an enrolled agent: gpubourse agent enrol"

    def test_start__detached_and_not_enrolled__says_so_too(self, tmp_path: Path) -> None:
        run(app, ["init", "--home", str(tmp_path)])
        result = run(app, ["start", "--detach", "--home", str(tmp_path)])
        assert result.exit_code == 1
        assert "gpubourse agent enrol" in result.stderr
        assert not (tmp_path / "agent.pid").exists()

    def test_enrol__no_keys__says_what_to_do(self, tmp_path: Path) -> None:
        result = run(app, ["enrol", "--home", str(tmp_path)])
        assert result.exit_code == 1
        assert "gpubourse agent init" in result.stderr

    def test_start__key_that_others_may_read__is_refused(self, tmp_path: Path) -> None:
        run(app, ["init", "--home", str(tmp_path)])
        (tmp_path / "keys/agent.key").chmod(0o644)
        result = run(app, ["start", "--home", str(tmp_path)])
        assert result.exit_code == 1
        assert "only its owner may read" in result.stderr


class TestProcess:
    def test_status__not_running__exits_with_3(self, tmp_path: Path) -> None:
        result = run(app, ["status", "--home", str(tmp_path), "--json"])
        assert (result.exit_code, json.loads(result.stdout)["running"]) == (3, False)

    def test_stop__not_running__is_no_error(self, tmp_path: Path) -> None:
        result = run(app, ["stop", "--home", str(tmp_path), "--json"])
        assert (result.exit_code, json.loads(result.stdout)) == (0, {"stopped": False})

    def test_status__running__prints_devices_and_leases_one_a_line(self, tmp_path: Path) -> None:
        home = AgentHome.at(tmp_path)
        process.write_pid_file(home)
        device = {"uuid": "GPU-1", "device_class": "nvidia/h100/80gb/sxm", "healthy": False,
                  "fault": "gpu-lost", "denied": ["mps", "mig"]}  # fmt: skip
        said = {"devices": [device], "leases": ["L1", "L2"]}
        home.status_file.write_text(json.dumps(said))
        lines = run(app, ["status", "--home", str(tmp_path)]).stdout.splitlines()
        assert lines[2:] == [
            "devices:",
            "  GPU-1  nvidia/h100/80gb/sxm  not healthy  gpu-lost  denied mps, mig",
            "leases:",
            "  L1",
            "  L2",
        ]
        home.status_file.write_text(json.dumps({"leases": []}))
        assert "leases: none" in run(app, ["status", "--home", str(tmp_path)]).stdout

    def test_running__pid_of_another_process__is_not_taken_for_the_agent(
        self, tmp_path: Path
    ) -> None:
        home = AgentHome.at(tmp_path)
        home.pid_file.write_text(json.dumps({"pid": os.getpid(), "born": 1.0}))
        assert process.running(home) is None

    def test_stop__running__sends_term_and_waits(self, tmp_path: Path) -> None:
        home = AgentHome.at(tmp_path)
        child = os.fork()
        if child == 0:
            process.write_pid_file(home)
            signal.pause()
            os._exit(0)
        while not home.pid_file.exists():
            time.sleep(0.01)
        assert process.stop(home, 5)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


class TestDoctor:
    def test_doctor__fresh_machine__finds_the_sandbox_well_and_the_rest_missing(
        self, tmp_path: Path
    ) -> None:
        result = run(app, ["doctor", "--home", str(tmp_path), "--json"])
        findings = {f["name"]: f["ok"] for f in json.loads(result.stdout)["findings"]}
        machine = ("gpu", "bubblewrap", "control groups", "system-call filter", "sandbox")
        assert {name: findings[name] for name in machine} == dict.fromkeys(machine, True)
        assert not findings["enrolment"]
        assert result.exit_code == 1

    def test_doctor__no_libseccomp__says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import sys

        monkeypatch.setitem(sys.modules, "pyseccomp", None)
        result = run(app, ["doctor", "--home", str(tmp_path)])
        assert "NO  system-call filter: no system-call filter: install libseccomp2" in result.stdout
        assert "NO  sandbox" in result.stdout
