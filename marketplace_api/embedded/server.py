"""What every embedded server has in common: where it listens and how its folder remembers it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from marketplace_api.embedded import process
from marketplace_api.embedded.process import ProcessRef

LOOPBACK = "127.0.0.1"
_RECORD = "server.json"
_POLL_S = 0.1


class ServerError(RuntimeError):
    """A server that did not come up; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Server:
    """One running server. The URL carries its password, where it has one."""

    ref: ProcessRef
    port: int
    url: str
    log: Path

    def is_alive(self) -> bool:
        """Whether the process that we started still runs."""
        return self.ref.is_alive()


def free_port(preferred: int = 0) -> int:
    """A free port on the loopback address: the preferred one if nobody has it."""
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            # As servers do: a port whose last connections are still dying counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise ServerError("no free port on the loopback address")


def remember(folder: Path, server: Server) -> None:
    """Write the server's record, readable by its owner only."""
    record = folder / _RECORD
    record.touch(mode=0o600)
    record.write_text(json.dumps(asdict(server) | {"log": str(server.log)}))


def recall(folder: Path) -> Server | None:
    """The server that was started in this folder, if it still runs."""
    try:
        data = json.loads((folder / _RECORD).read_text())
        server = Server(
            ProcessRef(**data["ref"]), int(data["port"]), data["url"], Path(data["log"])
        )
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        return None
    return server if server.is_alive() else None


def wait_ready(server: Server, name: str, probe: Callable[[], bool], timeout_s: float) -> None:
    """Wait for the probe; a server that dies or stays silent becomes an error with its log."""
    deadline = time.monotonic() + timeout_s
    while not probe():
        if not server.is_alive():
            raise ServerError(_with_log(f"{name} ended while starting", server.log))
        if time.monotonic() > deadline:
            process.stop(server.ref)
            raise ServerError(_with_log(f"{name} was not ready after {timeout_s:g} s", server.log))
        time.sleep(_POLL_S)


def _with_log(message: str, log: Path) -> str:
    return "\n".join([f"{message}; the end of {log}:", *process.last_lines(log)])
