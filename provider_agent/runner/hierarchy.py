"""Finds out which kind of control groups this machine has and where the agent's own lies."""

from __future__ import annotations

import os
from pathlib import Path

from provider_agent.runner.cgroup import Hierarchy, V1Hierarchy, V2Hierarchy
from provider_agent.runner.driver import SandboxUnavailableError

_MOUNTS = Path("/proc/self/mountinfo")
_OWN = Path("/proc/self/cgroup")


def detect() -> Hierarchy:
    """The hierarchy to make groups in; raises ``SandboxUnavailableError``."""
    mounts, own = _MOUNTS.read_text(), _OWN.read_text()
    folders = v1_folders(mounts, own)
    if "memory" in folders:
        return V1Hierarchy(folders)
    unified = v2_folder(mounts, own)
    if unified is None:
        raise SandboxUnavailableError("no control groups are mounted: jobs cannot be limited")
    return V2Hierarchy.below(unified, os.getpid())


def v1_folders(mounts: str, own: str) -> dict[str, Path]:
    """The agent's own folder of each version 1 controller that is mounted."""
    paths: dict[str, str] = {}
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    folders = {}
    for root, point, kind, options in _parsed(mounts):
        if kind != "cgroup":
            continue
        for controller in options.split(","):
            if controller in paths:
                folders[controller] = _below(point, root, paths[controller])
    return folders


def v2_folder(mounts: str, own: str) -> Path | None:
    """The agent's own folder of the unified hierarchy."""
    path = next((line[3:] for line in own.splitlines() if line.startswith("0::")), None)
    for root, point, kind, _ in _parsed(mounts):
        if kind == "cgroup2" and path is not None:
            return _below(point, root, path)
    return None


def _parsed(mounts: str) -> list[tuple[str, str, str, str]]:
    """(root, mount point, type, super options) of each mount."""
    parsed = []
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        before, after = left.split(), right.split()
        parsed.append((before[3], before[4], after[0], after[2]))
    return parsed


def _below(point: str, root: str, path: str) -> Path:
    # In a container the mount shows a part of the tree only: paths are relative to that part.
    relative = path.removeprefix(root) if root != "/" and path.startswith(root) else path
    return Path(point) / relative.lstrip("/")
