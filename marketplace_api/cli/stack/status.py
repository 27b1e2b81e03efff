"""What runs now, and whether it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from marketplace_api.cli.stack.agents import known_agents
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.services import answers
from marketplace_api.cli.stack.state import Part, load_state
from marketplace_api.embedded import ganache, postgres, valkey

_PROBES: dict[str, Callable[[str], bool]] = {
    "ganache": ganache.is_ready,
    "postgres": postgres.is_ready,
    "valkey": valkey.is_ready,
    "api": answers,
}
_URL_NAMES = {"RPC_URL": "ganache", "DATABASE_URL": "postgres", "BROKER_URL": "valkey"}
_EXPECTED = ("api", "relay", "watcher", "worker", "beat")


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One line of the table."""

    name: str
    state: str
    pid: int | None
    url: str | None
    log: str | None


def status(home: Home) -> list[PartStatus]:
    """Every part that should run, and every agent that is known here."""
    state = load_state(home)
    rows = [
        _row(name, state.parts.get(name), state.environment.get(variable))
        for variable, name in _URL_NAMES.items()
    ]
    rows += [_row(name, state.parts.get(name), None) for name in _EXPECTED]
    rows += [_row(name, part, None) for name, part in known_agents(home, state).items()]
    return rows


def all_up(rows: list[PartStatus]) -> bool:
    """Whether every part works."""
    return all(row.state in ("up", "external") for row in rows)


def _row(name: str, part: Part | None, external_url: str | None) -> PartStatus:
    probe = _PROBES.get(name)
    if part is None:
        # No process of ours, but an address: somebody else's server.
        word = "external" if external_url and probe and probe(external_url) else "down"
        return PartStatus(name, word, None, _public(external_url), None)
    if not part.ref.is_alive():
        word = "down"
    elif probe and part.url and not probe(part.url):
        word = "silent"
    else:
        word = "up"
    return PartStatus(name, word, part.ref.pid, _public(part.url), part.log)


def _public(url: str | None) -> str | None:
    """The address without its password."""
    if url is None or "@" not in url:
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
