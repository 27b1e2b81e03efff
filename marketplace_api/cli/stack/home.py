"""The folder that holds everything the stack writes."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from marketplace_api.cli.stack.errors import HomeBusyError


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below the state folder, all absolute: parts run in other working directories."""

    root: Path

    @classmethod
    def at(cls, folder: Path) -> Home:
        """Use a folder, made if it is missing; keys and passwords are inside."""
        root = folder.expanduser().resolve()
        root.mkdir(parents=True, exist_ok=True)
        return cls(root)

    @property
    def stack_file(self) -> Path:
        """What runs, readable by its owner only: URLs carry passwords."""
        return self.root / "stack.json"

    @property
    def logs(self) -> Path:
        """One log per part."""
        return self.root / "logs"

    @property
    def keys(self) -> Path:
        """One key file per actor."""
        return self.root / "keys"

    def deployment(self, chain_id: int) -> Path:
        """Where the contracts stand on this chain."""
        return self.root / "deployments" / f"{chain_id}.json"

    def log(self, part: str) -> Path:
        """The log of one part."""
        return self.logs / f"{part}.log"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let one `up` or `down` at a time work on this folder."""
        with (self.root / "up.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HomeBusyError(f"another up or down is at work in {self.root}") from None
            yield
