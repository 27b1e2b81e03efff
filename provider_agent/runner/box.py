"""One running box: starts it, watches its limits, tells how it ended."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from contracts.protocol.lifecycle import ExitReason
from provider_agent.runner import bwrap_command
from provider_agent.runner.cgroup import JobGroup
from provider_agent.runner.driver import ExitReport, SandboxError, Usage
from provider_agent.runner.environment import export_script
from provider_agent.runner.outputs import collect
from provider_agent.runner.runtime import Runtime
from provider_agent.runner.spec import MIB, JobSpec

MAX_OUTPUT_FILE_BYTES = 64 * MIB
"""What the API stores in one piece."""
_SETUP_S = 10.0
_POLL_S = 0.05
_READ_BYTES = 64 * 1024
_DRAIN_S = 5.0
# Enters the groups, then becomes bubblewrap: the job is never outside of its limits.
_ENTER = (
    'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 > "$1" || exit 126; shift; n=$((n-1)); done; '
    'ulimit -c 0; ulimit -n 4096; exec "$@"'
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What the driver prepared for a box."""

    bwrap: Path
    filter: bytes
    runtime: Runtime
    folder: Path
    group: JobGroup


class Box:
    """A ``Sandbox`` of bubblewrap; dies with the thread that starts it, by order to the kernel."""

    def __init__(self, spec: JobSpec, frame: Frame, on_output: Callable[[], None]) -> None:
        self._spec = spec
        self._frame = frame
        self._on_output = on_output
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._reason: ExitReason | None = None
        self._report: ExitReport | None = None
        self._failure: OSError | None = None
        self._output_bytes = 0
        self._disk_was_full = False
        self._disk_peak = 0
        self._started_at = 0.0
        self._log = frame.folder / "output.log"

    def start(self) -> None:
        """Set up the box, hold the job before its first instruction until all is in place."""
        self._log.touch()
        marker = secrets.token_hex(16)
        try:
            self._launch(marker)
        except BaseException:
            self._frame.group.destroy()
            raise
        self._reader = threading.Thread(target=self._read_output, name="job-output", daemon=True)
        self._reader.start()
        threading.Thread(target=self._watch, name="job-watch", daemon=True).start()

    def signal(self, number: int) -> None:
        """Send a signal to the job's first process: the child of the box's own init."""
        children = Path(f"/proc/{self._init}/task/{self._init}/children")
        with suppress(OSError):
            for pid in children.read_text().split():
                os.kill(int(pid), number)

    def stop(self, reason: ExitReason) -> None:
        """End everything in the box now; the first reason given stands."""
        with self._lock:
            if self._reason is None:
                self._reason = reason
        self._frame.group.kill()

    def stats(self) -> Usage:
        """What it has used so far."""
        if self._report is not None:
            return self._report.usage
        return self._usage()

    def logs(self, offset: int, limit: int) -> bytes:
        """Standard output and error from ``offset``."""
        with self._log.open("rb") as file:
            file.seek(offset)
            return file.read(limit)

    def wait(self, timeout: float | None = None) -> ExitReport | None:
        """The report once the job is over and its outputs are copied."""
        if not self._over.wait(timeout):
            return None
        if self._failure is not None:
            raise SandboxError(f"the job's end could not be recorded: {self._failure}")
        return self._report

    def destroy(self) -> None:
        """Remove group and files."""
        self._frame.group.destroy()
        shutil.rmtree(self._frame.folder, ignore_errors=True)

    # ------------------------------------------------------------------ starting

    def _launch(self, marker: str) -> None:
        info_read, info_write = os.pipe()
        block_read, block_write = os.pipe()
        spec, frame = self._spec, self._frame
        script = export_script(bwrap_command.variables(spec, frame.runtime))
        files = bwrap_command.Descriptors(
            _in_memory(frame.filter), _in_memory(script), info_write, block_read
        )
        options = bwrap_command.options(spec, frame.runtime, frame.folder / "inputs", marker, files)
        arguments = _in_memory(b"".join(option.encode() + b"\0" for option in options))
        inherited = (files.filter, files.environment, info_write, block_read, arguments)
        try:
            self._process = self._spawn(arguments, inherited)
        finally:
            for descriptor in inherited:
                os.close(descriptor)
        try:
            self._init = _init_of(info_read)
            self._root = self._open_job_folder(marker)
            self._started_at = time.monotonic()
            os.write(block_write, b"\0")
        except BaseException as error:
            self._frame.group.kill()
            self._process.wait()
            raise SandboxError(
                f"the sandbox did not start: {error}; {self._complaint()}"
            ) from error
        finally:
            os.close(info_read)
            os.close(block_write)

    def _spawn(self, arguments: int, inherited: tuple[int, ...]) -> subprocess.Popen[bytes]:
        entrances = self._frame.group.entrances
        return subprocess.Popen(
            ["/bin/sh", "-c", _ENTER, "enter", str(len(entrances))]
            + [str(entrance) for entrance in entrances]
            + [str(self._frame.bwrap), "--args", str(arguments), "--"]
            + bwrap_command.command(self._spec),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
            env={},
            start_new_session=True,
        )

    def _open_job_folder(self, marker: str) -> int:
        """Hold the job's file system, so that it can be read after everybody in the box is gone."""
        root = f"/proc/{self._init}/root"
        deadline = time.monotonic() + _SETUP_S
        # Its root is ours until the box is mounted; nobody else can make the marker.
        while not Path(f"{root}{bwrap_command.MARKER_FOLDER}/{marker}").exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not set up after {_SETUP_S:.0f} s")
            if self._process.poll() is not None:
                raise ChildProcessError(f"bubblewrap ended with {self._process.returncode}")
            time.sleep(0.001)
        return os.open(f"{root}/job", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _complaint(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.read(4096).decode(errors="replace").strip()

    # ------------------------------------------------------------------ while it runs

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        source = self._process.stdout.fileno()
        most = self._spec.limits.output_mib * MIB
        with self._log.open("ab", buffering=0) as log:
            while chunk := os.read(source, _READ_BYTES):
                kept = chunk[: most - self._output_bytes]
                try:
                    log.write(kept)
                except OSError:
                    # The agent's own disk is full: a job whose log is lost must not go on.
                    self.stop(ExitReason.DISK)
                    return
                self._output_bytes += len(kept)
                if kept:
                    self._on_output()
                if len(kept) < len(chunk):
                    self.stop(ExitReason.OUTPUT)
                    return

    def _watch(self) -> None:
        try:
            self._wait_for_end()
            self._report = self._finish()
        except OSError as error:
            self._failure = error
        finally:
            with suppress(OSError):
                os.close(self._root)
            self._over.set()

    def _wait_for_end(self) -> None:
        deadline = self._started_at + self._spec.limits.wall_s
        ended = os.pidfd_open(self._process.pid)
        try:
            while not select.select([ended], [], [], _POLL_S)[0]:
                self._usage()
                if time.monotonic() >= deadline:
                    self.stop(ExitReason.WALL)
                elif self._frame.group.usage().oom_kills:
                    self.stop(ExitReason.OOM)
        finally:
            os.close(ended)

    def _usage(self) -> Usage:
        group = self._frame.group.usage()
        with suppress(OSError):
            disk = os.fstatvfs(self._root)
            self._disk_peak = max(self._disk_peak, (disk.f_blocks - disk.f_bfree) * disk.f_frsize)
            self._disk_was_full = self._disk_was_full or disk.f_bavail == 0
        return Usage(
            cpu_us=group.cpu_us,
            memory_bytes=group.memory_bytes,
            memory_peak_bytes=group.memory_peak_bytes,
            pids=group.pids,
            disk_bytes=self._disk_peak,
            output_bytes=self._output_bytes,
        )

    # ------------------------------------------------------------------ the end

    def _finish(self) -> ExitReport:
        code = self._process.wait()
        running_ms = int((time.monotonic() - self._started_at) * 1000)
        self._frame.group.kill()
        self._drain()
        usage = self._usage()
        reason = self._why(code, self._frame.group.usage().oom_kills)
        outputs, refused = collect(
            self._root,
            self._frame.folder,
            self._spec.limits.disk_mib * MIB,
            MAX_OUTPUT_FILE_BYTES,
        )
        # A negative code says that bubblewrap itself was killed, with the whole group.
        shown = code if code >= 0 else 128 - code
        return ExitReport(shown, reason, usage, running_ms, outputs, refused)

    def _why(self, code: int, oom_kills: int) -> ExitReason:
        with self._lock:
            if self._reason is not None:
                return self._reason
        if oom_kills:
            return ExitReason.OOM
        if code != 0 and self._disk_was_full:
            return ExitReason.DISK
        return ExitReason.EXIT

    def _drain(self) -> None:
        """Everybody who could write is dead: wait until the reader has seen the end of the pipe."""
        self._reader.join(_DRAIN_S)


def _in_memory(content: bytes) -> int:
    descriptor = os.memfd_create("gpubourse")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _init_of(info: int) -> int:
    """The number of the box's init, from what bubblewrap writes when it has forked."""
    text = b""
    while not text.rstrip().endswith(b"}"):
        readable, _, _ = select.select([info], [], [], _SETUP_S)
        chunk = os.read(info, 4096) if readable else b""
        if not chunk:
            raise ChildProcessError("bubblewrap ended before it made the box")
        text += chunk
    return int(json.loads(text)["child-pid"])
