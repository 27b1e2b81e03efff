"""End what we started, agents first and servers last, and nothing else."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence

from marketplace_api.cli.stack.agents import forget_agent, known_agents
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.progress import Progress
from marketplace_api.cli.stack.servers import SERVERS
from marketplace_api.cli.stack.state import Part, StackState, forget, load_state
from marketplace_api.embedded import process

_GRACE_S = 15


def down(home: Home, progress: Progress) -> list[str]:
    """Take the stack down; returns the names of what was running."""
    with home.exclusive():
        ended: list[str] = []
        state = load_state(home)
        for group in _groups(state, known_agents(home, state)):
            ended += _end(home, group, progress)
        return ended


def _groups(state: StackState, known: dict[str, Part]) -> list[list[tuple[str, Part]]]:
    """Who may end together: nobody loses a server while it still works."""
    # One that was superseded runs no more, but has to be forgotten.
    agents = list((state.agents | known).items())
    ours = [item for item in state.parts.items() if item[0] not in SERVERS]
    servers = [item for item in state.parts.items() if item[0] in SERVERS]
    return [agents[::-1], ours[::-1], servers[::-1]]


def _end(home: Home, group: Sequence[tuple[str, Part]], progress: Progress) -> list[str]:
    """Ask all, then wait for each; kill what stays."""
    asked = [name for name, part in group if process.ask_to_stop(part.ref, _first_signal(name))]
    deadline = time.monotonic() + _GRACE_S
    for name, part in group:
        if not process.wait_gone(part.ref, max(0.1, deadline - time.monotonic())):
            process.stop(part.ref, grace_s=0, first=signal.SIGKILL)
        forget(home, name)
        forget_agent(home, part)
        if name in asked:
            progress.say(f"  {name:<10} ended")
    return asked


def _first_signal(name: str) -> signal.Signals:
    """PostgreSQL answers TERM by waiting for every client to leave."""
    return signal.SIGINT if name == "postgres" else signal.SIGTERM
