"""Processes that outlive us, told apart from later ones that got the same number."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class ProcessRef:
    """A process id with its time of birth: this pair is never used again, even after a reboot."""

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> ProcessRef:
        """Identify a process that runs now."""
        born = _born(pid)
        if born is None:
            raise ProcessLookupError(f"no process {pid}")
        return cls(pid, born)

    def is_alive(self) -> bool:
        """Whether this very process still runs; a zombie doesn't."""
        _reap(self.pid)
        return _born(self.pid) == self.born


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    owner: tuple[int, int] | None = None,
) -> ProcessRef:
    """Start a process in a session of its own, so that neither our exit nor Ctrl-C reaches it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    user, group = owner or (None, None)
    with log.open("ab") as sink:
        child = subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            user=user,
            group=group,
            extra_groups=None if owner is None else [],
            start_new_session=True,
        )
    # Never waited for: `is_alive` reaps it if it dies while we run, init does if it dies later.
    child.returncode = 0
    return ProcessRef.of(child.pid)


def stop(ref: ProcessRef, *, grace_s: float = 10, first: signal.Signals = signal.SIGTERM) -> bool:
    """Ask the process to end, kill its session after the grace; False if it was gone already."""
    if not ask_to_stop(ref, first):
        return False
    if not wait_gone(ref, grace_s):
        _signal_group(ref, signal.SIGKILL)
        wait_gone(ref, 5)
    return True


def ask_to_stop(ref: ProcessRef, first: signal.Signals = signal.SIGTERM) -> bool:
    """Send the first signal without waiting; False if the process was gone already."""
    if not ref.is_alive():
        return False
    with suppress(ProcessLookupError):
        os.kill(ref.pid, first)
    return True


def wait_gone(ref: ProcessRef, timeout_s: float) -> bool:
    """Wait for the process to end."""
    deadline = time.monotonic() + timeout_s
    while ref.is_alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def last_lines(log: Path, count: int = 20) -> list[str]:
    """The end of a log, for the message of a part that died."""
    with suppress(FileNotFoundError):
        return log.read_text(errors="replace").splitlines()[-count:]
    return []


def _signal_group(ref: ProcessRef, number: signal.Signals) -> None:
    """Reach the children too where the process leads its own group, as those of `spawn` do."""
    with suppress(ProcessLookupError):
        if os.getpgid(ref.pid) == ref.pid:
            os.killpg(ref.pid, number)
        else:
            os.kill(ref.pid, number)


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _born(pid: int) -> str | None:
    """Boot id and start tick from the kernel; None for no process and for a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name stands in brackets and may hold blanks and brackets itself.
    fields = stat.rpartition(")")[2].split()
    state, start_tick = fields[0], fields[19]
    return None if state in "ZX" else f"{_boot_id()}:{start_tick}"


@cache
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
