"""The interface of every sandbox; how a job ended, kernel and agent tell, never the job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from contracts.protocol.lifecycle import ExitReason
from provider_agent.runner.spec import JobSpec


class SandboxError(Exception):
    """The sandbox could not be set up; the job never ran."""


class SandboxUnavailableError(SandboxError):
    """This machine lacks something without which nothing is run; says what and how to get it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the job has used so far, from the kernel's books."""

    cpu_us: int
    memory_bytes: int
    memory_peak_bytes: int
    pids: int
    disk_bytes: int
    output_bytes: int


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that the job left in ``outputs`` or ``checkpoint``, copied out."""

    path: str
    """``outputs/...`` or ``checkpoint/...``."""
    size: int
    sha256: str
    source: Path


@dataclass(frozen=True, slots=True)
class RefusedOutput:
    """Something that the job left and that was not copied."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExitReport:
    """How a job ended."""

    code: int
    """Exit code; 128 + n after signal n."""
    reason: ExitReason
    usage: Usage
    """Peaks and totals at the end."""
    running_ms: int
    outputs: tuple[OutputFile, ...] = ()
    refused: tuple[RefusedOutput, ...] = ()


class Sandbox(Protocol):
    """One job in its box."""

    def start(self) -> None:
        """Set up the box and let the job run; raises ``SandboxError``."""
        ...

    def signal(self, number: int) -> None:
        """Send a signal to the job's first process."""
        ...

    def stop(self, reason: ExitReason) -> None:
        """End everything in the box now; the first reason given stands."""
        ...

    def stats(self) -> Usage:
        """What it has used so far."""
        ...

    def logs(self, offset: int, limit: int) -> bytes:
        """Standard output and error from ``offset``, as written."""
        ...

    def wait(self, timeout: float | None = None) -> ExitReport | None:
        """The report once the job is over and its outputs are copied; None when time ran out."""
        ...

    def destroy(self) -> None:
        """Remove what the box left on this machine; the report's files too."""
        ...


class SandboxDriver(Protocol):
    """A way to contain jobs."""

    @property
    def name(self) -> str:
        """For people and logs."""
        ...

    def require(self) -> None:
        """Raise ``SandboxUnavailableError`` where this machine cannot contain jobs fully."""
        ...

    def prepare(
        self, spec: JobSpec, blobs: Callable[[str], Path], on_output: Callable[[], None]
    ) -> Sandbox:
        """Stage the inputs; ``blobs`` finds them by digest, ``on_output`` hears of new output."""
        ...
