"""What a job is and what it may use; refused here before anything is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from contracts.protocol.errors import ProtocolError
from provider_agent.runner.environment import check_environment

MIB = 1 << 20
MAX_ARGUMENT_BYTES = 64 * 1024
MAX_INPUTS = 256
_RESERVED = frozenset({"inputs", "outputs", "checkpoint", "tmp"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job may use. Its files lie in memory: they are counted on top of ``memory_mib``."""

    memory_mib: int = 1024
    cpu_milli: int = 1000
    """Thousandths of a core."""
    pids: int = 64
    wall_s: int = 3600
    disk_mib: int = 256
    output_mib: int = 16

    def check(self, most: Limits) -> None:
        """Refuse what is senseless or more than ``most``; raises ``ProtocolError``."""
        _within("limits.memory_mib", self.memory_mib, 16, most.memory_mib)
        _within("limits.cpus", self.cpu_milli, 10, most.cpu_milli)
        _within("limits.pids", self.pids, 1, most.pids)
        _within("limits.wall_s", self.wall_s, 1, most.wall_s)
        _within("limits.disk_mib", self.disk_mib, 1, most.disk_mib)
        _within("limits.output_mib", self.output_mib, 1, most.output_mib)


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that the job finds, read-only, under ``path`` of its working folder."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job, ready to be contained."""

    job: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    limits: Limits = Limits()
    inputs: tuple[InputFile, ...] = ()
    device_nodes: tuple[Path, ...] = ()
    """Nodes of the devices of the lease, and of no other."""

    def check(self, most: Limits) -> None:
        """Refuse what cannot or must not be started; raises ``ProtocolError``."""
        _check_argv(self.argv)
        check_environment(self.env)
        self.limits.check(most)
        _check_inputs(self.inputs)


def input_parts(path: str) -> tuple[str, ...]:
    """The parts of an input's path; refuses one that leads out of the folder or hides ours."""
    parts = PurePosixPath(path).parts
    plain = bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path
    if not plain or len(path) > 255 or path != "/".join(parts):
        raise ProtocolError("inputs.path", "a relative path without ..", path)
    if parts[0] in _RESERVED:
        raise ProtocolError("inputs.path", f"not below {', '.join(sorted(_RESERVED))}", path)
    return parts


def _check_argv(argv: tuple[str, ...]) -> None:
    if not argv or not argv[0]:
        raise ProtocolError("argv", "a program and its arguments", list(argv))
    if any("\0" in argument for argument in argv):
        raise ProtocolError("argv", "no NUL bytes", list(argv))
    size = sum(len(argument.encode()) + 1 for argument in argv)
    if size > MAX_ARGUMENT_BYTES:
        raise ProtocolError("argv", f"at most {MAX_ARGUMENT_BYTES} bytes", size)


def _check_inputs(inputs: tuple[InputFile, ...]) -> None:
    if len(inputs) > MAX_INPUTS:
        raise ProtocolError("inputs", f"at most {MAX_INPUTS}", len(inputs))
    files: set[tuple[str, ...]] = set()
    folders: set[tuple[str, ...]] = set()
    for item in inputs:
        parts = input_parts(item.path)
        parents = {parts[:n] for n in range(1, len(parts))}
        # In either order: `a` after `a/b` is as impossible as `a/b` after `a`.
        if parts in files | folders or parents & files:
            raise ProtocolError("inputs.path", "each path once, and no file as a folder", item.path)
        files.add(parts)
        folders |= parents


def _within(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ProtocolError(field, f"{least} to {most}", value)
