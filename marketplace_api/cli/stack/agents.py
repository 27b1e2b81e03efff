"""Agents of this machine: handed over by whoever started them, or told by the agents themselves."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.state import Part, StackState
from marketplace_api.embedded.process import ProcessRef


def known_agents(home: Home, state: StackState) -> dict[str, Part]:
    """By name; an agent that told of itself replaces what was known of its folder before."""
    told = {file.stem: part for file in _files(home) if (part := _read(file)) is not None}
    refs = {part.ref for part in told.values()}
    logs = {part.log for part in told.values()}
    ours = {
        name: part
        for name, part in state.agents.items()
        if part.ref in refs or part.log is None or part.log not in logs
    }
    handed_over = {part.ref for part in ours.values()}
    return ours | {name: part for name, part in told.items() if part.ref not in handed_over}


def forget_agent(home: Home, part: Part) -> None:
    """Drop the word of an agent that did not live to take it back."""
    for file in _files(home):
        found = _read(file)
        if found is not None and found.ref == part.ref:
            file.unlink(missing_ok=True)


def _files(home: Home) -> list[Path]:
    return sorted((home.root / "agents").glob("*.json"))


def _read(file: Path) -> Part | None:
    """Half a word is none: the file may vanish or be anything."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        data = json.loads(file.read_text())
        return Part(ProcessRef(int(data["pid"]), str(data["started"])), str(data["log"]))
    return None
