"""stack.json: the processes that we started and the environment that they share."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from marketplace_api.cli.stack.home import Home
from marketplace_api.embedded.process import ProcessRef


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the stack."""

    ref: ProcessRef
    log: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class StackState:
    """Parts in the order of their start; agents are registered by whoever starts them."""

    parts: dict[str, Part] = field(default_factory=dict)
    agents: dict[str, Part] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def load_state(home: Home) -> StackState:
    """Read the state; a missing file is an empty stack."""
    try:
        data = json.loads(home.stack_file.read_text())
    except FileNotFoundError:
        return StackState()
    return StackState(
        parts={name: _part(record) for name, record in data["parts"].items()},
        agents={name: _part(record) for name, record in data["agents"].items()},
        environment=data["environment"],
    )


def register_process(home: Home, name: str, pid: int, log: Path | None = None) -> None:
    """Hand an agent's running process to `down`, which ends it before everything else."""
    part = Part(ProcessRef.of(pid), str(log) if log else None)
    _change(home, lambda state: replace(state, agents={**state.agents, name: part}))


def record_part(home: Home, name: str, part: Part) -> None:
    """Remember a part at once, so that an interrupted `up` can be taken down."""

    def add(state: StackState) -> StackState:
        others = {key: value for key, value in state.parts.items() if key != name}
        return replace(state, parts={**others, name: part})

    _change(home, add)


def record_environment(home: Home, environment: dict[str, str]) -> None:
    """Remember what the parts were told, for every later command."""
    _change(home, lambda state: replace(state, environment=environment))


def forget(home: Home, name: str) -> None:
    """Drop a part or an agent that has ended."""

    def drop(state: StackState) -> StackState:
        parts = {key: value for key, value in state.parts.items() if key != name}
        agents = {key: value for key, value in state.agents.items() if key != name}
        return replace(state, parts=parts, agents=agents)

    _change(home, drop)


def _change(home: Home, change: Callable[[StackState], StackState]) -> None:
    """Change the file as one step: parts start in parallel, agents on their own."""
    with _locked(home):
        state = change(load_state(home))
        draft = home.stack_file.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(state), indent=2) + "\n")
        draft.replace(home.stack_file)


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    with (home.root / "stack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _part(record: dict[str, object]) -> Part:
    ref = record["ref"]
    if not isinstance(ref, dict):
        raise TypeError(f"stack.json: ref is {ref!r}")
    log, url = record.get("log"), record.get("url")
    return Part(
        ProcessRef(int(ref["pid"]), str(ref["born"])),
        str(log) if log else None,
        str(url) if url else None,
    )
