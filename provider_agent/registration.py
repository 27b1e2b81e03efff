"""Tells the stack on this machine of the running agent: `gpubourse status` and `down` read it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from provider_agent.home import AgentHome, replace_file

log = structlog.get_logger()


@contextmanager
def registered(stack_home: Path, home: AgentHome, agent: str) -> Iterator[None]:
    """A file while the agent runs; where it cannot be written the agent runs without."""
    file = stack_home.expanduser().resolve() / "agents" / f"agent-{agent[2:10].lower()}.json"
    said = json.dumps(
        {
            "pid": os.getpid(),
            "started": _started(),
            "home": str(home.root),
            "log": str(home.log),
        }
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, said)
    except OSError as error:
        log.warning("agent.not_registered", error=str(error))
    try:
        yield
    finally:
        # Only our own word: another agent with this key may have come after us.
        with suppress(OSError):
            if file.read_text() == said:
                file.unlink()


def _started() -> str:
    """Boot id and start tick: with the process id this is never used again, even after a reboot."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    # The command name stands in brackets and may hold blanks and brackets itself.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return f"{boot}:{fields[19]}"
