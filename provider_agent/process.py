"""The agent's process: its pid file, starting it in the background, stopping it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from provider_agent.home import AgentHome, replace_file

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class AgentProcess:
    """A process id with its time of birth, so that a later process is never taken for it."""

    pid: int
    born: float

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        try:
            process = psutil.Process(self.pid)
            is_it = abs(process.create_time() - self.born) < 1
            return is_it and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def running(home: AgentHome) -> AgentProcess | None:
    """The agent that works in this folder."""
    try:
        data = json.loads(home.pid_file.read_text())
        found = AgentProcess(int(data["pid"]), float(data["born"]))
    except (OSError, ValueError, KeyError):
        return None
    return found if found.is_alive else None


def write_pid_file(home: AgentHome) -> None:
    """Say that this process is the agent."""
    born = psutil.Process().create_time()
    replace_file(home.pid_file, json.dumps({"pid": os.getpid(), "born": born}))


def remove_pid_file(home: AgentHome) -> None:
    """The agent is gone."""
    home.pid_file.unlink(missing_ok=True)


def detach(home: AgentHome, timeout_s: float = 15.0) -> AgentProcess:
    """Start the agent in the background; returns when it says that it runs."""
    with home.log.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "provider_agent.main", "--home", str(home.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = running(home)
        if found is not None and found.pid == child.pid:
            return found
        if child.poll() is not None:
            raise ChildProcessError(_last_words(home.log))
        time.sleep(_POLL_S)
    child.terminate()
    raise TimeoutError(f"the agent does not run after {timeout_s:.0f} s; see {home.log}")


def stop(home: AgentHome, timeout_s: float) -> bool:
    """Ask the agent to stop and wait; whether there was one. Raises ``TimeoutError``."""
    found = running(home)
    if found is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while found.is_alive:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {found.pid} still runs after {timeout_s:.0f} s")
        time.sleep(_POLL_S)
    return True


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"the agent ended at once; see {log}"
