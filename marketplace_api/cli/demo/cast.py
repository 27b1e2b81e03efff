"""Who takes part: an operator, two providers and a buyer, each with a home folder of its own."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from marketplace_api.cli.demo.processes import Actor, Journal

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "NO_COLOR")
"""What a process needs of our environment; keys and URLs are handed to each by name."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody in the demo."""

    operator: Actor
    """Runs the stack; pays the gas of fills, redemptions and closings."""
    treasury: Actor
    """Gets the fees; its key is used for nothing but reading its statement."""
    providers: tuple[Actor, Actor]
    buyer: Actor
    folder: Path
    """What the demo itself writes."""

    @property
    def parties(self) -> tuple[Actor, ...]:
        """Everyone who gets a statement."""
        return (self.buyer, *self.providers, self.treasury)


def operator_of(home: Path, journal: Journal) -> Actor:
    """Whoever runs the stack: its home is where the stack lives, its settings are ours."""
    environment = {**os.environ, "GPUBOURSE_HOME": str(home)}
    return Actor("operator", home, environment, journal)


def gather(operator: Actor, api_url: str, rpc_url: str) -> Cast:
    """Homes for the others, new in each run; nobody is told where another's key is."""
    folder = operator.home / "demo" / time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    base = {name: os.environ[name] for name in _KEPT if name in os.environ}
    base |= {"GPU_BACKEND": "simulated"}

    def actor(name: str, home: Path, key: Path) -> Actor:
        home.mkdir(parents=True, exist_ok=True)
        own = {"GPUBOURSE_HOME": str(home), "KEY_FILE": str(key), "AGENT_HOME": str(home)}
        return Actor(
            name, home, {**base, "API_URL": api_url, "RPC_URL": rpc_url, **own}, operator.journal
        )

    def newcomer(name: str) -> Actor:
        return actor(name, folder / name, folder / name / "keys" / "owner.key")

    return Cast(
        operator=operator,
        treasury=actor("treasury", folder / "treasury", operator.home / "keys" / "treasury"),
        providers=(newcomer("provider-1"), newcomer("provider-2")),
        buyer=newcomer("buyer"),
        folder=folder,
    )
