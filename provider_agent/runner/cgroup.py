"""Control groups, version 1 and 2: limits, accounting, out-of-memory kills, killing.

A job's group lies below the agent's own, so that whatever limits the agent limits its jobs too.
Where no group can be made nothing is run.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from provider_agent.runner.driver import SandboxUnavailableError

PREFIX = "gpubourse-"
LEAF = "gpubourse.agents"
_V1_CONTROLLERS = ("memory", "pids", "cpu", "cpuacct")
_V2_CONTROLLERS = ("memory", "pids", "cpu")
_PERIOD_US = 100_000
_KILL_TRIES = 200
_KILL_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """What the kernel enforces on a group."""

    memory_bytes: int
    pids: int
    cpu_milli: int


@dataclass(frozen=True, slots=True)
class GroupUsage:
    """What the kernel counted."""

    cpu_us: int
    memory_bytes: int
    memory_peak_bytes: int
    pids: int
    oom_kills: int


class JobGroup(Protocol):
    """The group of one job."""

    @property
    def entrances(self) -> tuple[Path, ...]:
        """Files to which a process writes 0 to enter."""
        ...

    def usage(self) -> GroupUsage:
        """Read the books."""
        ...

    def kill(self) -> None:
        """End every process in the group."""
        ...

    def destroy(self) -> None:
        """Kill what is left and remove the group."""
        ...


class Hierarchy(Protocol):
    """Where groups are made."""

    def create(self, name: str, limits: GroupLimits) -> JobGroup:
        """A new group with its limits set; raises ``SandboxUnavailableError``."""
        ...

    def sweep(self, prefix: str) -> None:
        """Remove groups that an agent which was killed left behind."""
        ...


class V1Hierarchy:
    """One folder for each controller."""

    def __init__(self, folders: dict[str, Path]) -> None:
        missing = [name for name in _V1_CONTROLLERS if name not in folders]
        if missing:
            raise SandboxUnavailableError(
                f"cgroup controllers {', '.join(missing)} are not mounted: jobs cannot be limited"
            )
        self._folders = folders

    def create(self, name: str, limits: GroupLimits) -> JobGroup:
        """A group in each controller."""
        parts = {controller: self._folders[controller] / name for controller in _V1_CONTROLLERS}
        group = V1Group(parts)
        try:
            for folder in dict.fromkeys(parts.values()):
                folder.mkdir()
            group.limit(limits)
        except OSError as error:
            group.destroy()
            raise _not_writable(error) from error
        return group

    def sweep(self, prefix: str) -> None:
        """Remove groups that an agent which was killed left behind."""
        names = {
            folder.name for base in self._folders.values() for folder in base.glob(f"{prefix}*")
        }
        for name in names:
            V1Group({c: self._folders[c] / name for c in _V1_CONTROLLERS}).destroy()


class V1Group:
    """A job's folders, one for each controller (some may be the same)."""

    def __init__(self, parts: dict[str, Path]) -> None:
        self._parts = parts
        self._last = GroupUsage(0, 0, 0, 0, 0)

    @property
    def entrances(self) -> tuple[Path, ...]:
        """One file for each controller."""
        return tuple(part / "cgroup.procs" for part in dict.fromkeys(self._parts.values()))

    def limit(self, limits: GroupLimits) -> None:
        """Set the limits."""
        memory = self._parts["memory"]
        _write(memory / "memory.limit_in_bytes", limits.memory_bytes)
        swap = memory / "memory.memsw.limit_in_bytes"
        if swap.exists():
            _write(swap, limits.memory_bytes)
        _write(self._parts["pids"] / "pids.max", limits.pids)
        _write(self._parts["cpu"] / "cpu.cfs_period_us", _PERIOD_US)
        _write(self._parts["cpu"] / "cpu.cfs_quota_us", _quota(limits))

    def usage(self) -> GroupUsage:
        """Read the books; the last reading where the group is gone."""
        memory = self._parts["memory"]
        with suppress(OSError):
            self._last = GroupUsage(
                cpu_us=_number(self._parts["cpuacct"] / "cpuacct.usage") // 1000,
                memory_bytes=_number(memory / "memory.usage_in_bytes"),
                memory_peak_bytes=_number(memory / "memory.max_usage_in_bytes"),
                pids=_number(self._parts["pids"] / "pids.current"),
                oom_kills=_table(memory / "memory.oom_control").get("oom_kill", 0),
            )
        return self._last

    def kill(self) -> None:
        """Kill until nobody is left: a fork may slip in between listing and killing."""
        _kill_all(self._parts["pids"] / "cgroup.procs")

    def destroy(self) -> None:
        """Kill what is left and remove the folders."""
        self.kill()
        for folder in dict.fromkeys(self._parts.values()):
            _remove(folder)


class V2Hierarchy:
    """One folder for all controllers."""

    def __init__(self, base: Path) -> None:
        self._base = base

    @classmethod
    def below(cls, own: Path, pid: int) -> V2Hierarchy:
        """Groups below the agent's own, or below the nearest one above it that has the controllers.

        A group with processes cannot hand controllers to its children (only the root can): the
        agent first moves into a leaf. An agent that was started by a process in such a leaf
        shares it.
        """
        own = own.parent if own.name == LEAF else own
        base = _nearest_with_controllers(own)
        try:
            if base == own and (own / "cgroup.type").exists():
                _move_into_leaf(own, pid)
            enabled = (base / "cgroup.subtree_control").read_text().split()
            for controller in _V2_CONTROLLERS:
                if controller not in enabled:
                    _write(base / "cgroup.subtree_control", f"+{controller}")
        except OSError as error:
            raise _not_writable(error) from error
        return cls(base)

    def create(self, name: str, limits: GroupLimits) -> JobGroup:
        """One group."""
        group = V2Group(self._base / name)
        try:
            (self._base / name).mkdir()
            group.limit(limits)
        except OSError as error:
            group.destroy()
            raise _not_writable(error) from error
        return group

    def sweep(self, prefix: str) -> None:
        """Remove groups that an agent which was killed left behind."""
        for folder in self._base.glob(f"{prefix}*"):
            V2Group(folder).destroy()


class V2Group:
    """A job's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = GroupUsage(0, 0, 0, 0, 0)

    @property
    def entrances(self) -> tuple[Path, ...]:
        """One file."""
        return (self._folder / "cgroup.procs",)

    def limit(self, limits: GroupLimits) -> None:
        """Set the limits."""
        _write(self._folder / "memory.max", limits.memory_bytes)
        swap = self._folder / "memory.swap.max"
        if swap.exists():
            _write(swap, 0)
        _write(self._folder / "memory.oom.group", 1)
        _write(self._folder / "pids.max", limits.pids)
        _write(self._folder / "cpu.max", f"{_quota(limits)} {_PERIOD_US}")

    def usage(self) -> GroupUsage:
        """Read the books; the last reading where the group is gone."""
        with suppress(OSError):
            current = _number(self._folder / "memory.current")
            self._last = GroupUsage(
                cpu_us=_table(self._folder / "cpu.stat").get("usage_usec", 0),
                memory_bytes=current,
                memory_peak_bytes=max(self._peak(), current, self._last.memory_peak_bytes),
                pids=_number(self._folder / "pids.current"),
                oom_kills=_table(self._folder / "memory.events").get("oom_kill", 0),
            )
        return self._last

    def kill(self) -> None:
        """End everything; kernels before 5.14 have no file for it."""
        with suppress(OSError):
            if (self._folder / "cgroup.kill").exists():
                _write(self._folder / "cgroup.kill", 1)
        _kill_all(self._folder / "cgroup.procs")

    def destroy(self) -> None:
        """Kill what is left and remove the folder."""
        self.kill()
        _remove(self._folder)

    def _peak(self) -> int:
        # Kernels before 5.19 do not keep it: then the samples have to do.
        try:
            return _number(self._folder / "memory.peak")
        except FileNotFoundError:
            return 0


def _nearest_with_controllers(own: Path) -> Path:
    """Where they are not enabled nothing limits the agent by them either: no limit is evaded."""
    for folder in (own, *own.parents):
        try:
            found = (folder / "cgroup.controllers").read_text().split()
        except OSError:
            break
        if set(_V2_CONTROLLERS) <= set(found):
            return folder
    raise SandboxUnavailableError(
        f"no group at or above {own} has the controllers {', '.join(_V2_CONTROLLERS)}: give the "
        "agent's service Delegate=yes; without them jobs cannot be limited and none is run"
    )


def _move_into_leaf(own: Path, pid: int) -> None:
    leaf = own / LEAF
    leaf.mkdir(exist_ok=True)
    for member in {*_members(own / "cgroup.procs"), pid}:
        _write(leaf / "cgroup.procs", member)


def _quota(limits: GroupLimits) -> int:
    return max(1000, limits.cpu_milli * _PERIOD_US // 1000)


def _write(path: Path, value: int | str) -> None:
    path.write_text(f"{value}\n")


def _number(path: Path) -> int:
    return int(path.read_text())


def _table(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in path.read_text().splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}


def _members(path: Path) -> list[int]:
    try:
        return [int(line) for line in path.read_text().split()]
    except OSError:
        return []


def _kill_all(procs: Path) -> None:
    for _ in range(_KILL_TRIES):
        members = _members(procs)
        if not members:
            return
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_KILL_PAUSE_S)


def _remove(folder: Path) -> None:
    for _ in range(_KILL_TRIES):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            # Busy: the kernel has not yet buried the last process.
            time.sleep(_KILL_PAUSE_S)
        else:
            return


def _not_writable(error: OSError) -> SandboxUnavailableError:
    return SandboxUnavailableError(
        f"cannot make a control group ({error}): run the agent as root, or give its service "
        "Delegate=yes (cgroup v2); without groups jobs cannot be limited and none is run"
    )
