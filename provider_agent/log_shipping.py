"""Ships a job's output to the API while it is written, in pieces as large as they come."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from provider_agent.transport import ApiRefusedError, ApiUnreachableError

log = structlog.get_logger()
PIECE_BYTES = 256 * 1024
_AGAIN_S = 0.5

Read = Callable[[int, int], bytes]
Post = Callable[[int, bytes], None]


class LogShipper:
    """One thread for each running job; begins when the API knows that the job runs."""

    def __init__(self, job: str, post: Post) -> None:
        self._log = log.bind(job=job)
        self._read: Read = lambda _offset, _limit: b""
        self._post = post
        self._offset = 0
        self._wake = threading.Event()
        self._ready = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"log-{job}", daemon=True)

    def start(self, read: Read) -> None:
        """Begin to wait for output, to be read from there."""
        self._read = read
        self._thread.start()

    def notify(self) -> None:
        """There is new output."""
        self._wake.set()

    def ready(self) -> None:
        """The API takes output now."""
        self._ready.set()
        self._wake.set()

    def finish(self, timeout_s: float) -> bool:
        """All output is written: ship the rest; whether it is done within this time."""
        self._ending.set()
        self._wake.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._ready.wait()
        while True:
            last_round = self._ending.is_set()
            self._wake.clear()
            if not self._ship() or last_round:
                return
            self._wake.wait()

    def _ship(self) -> bool:
        """Everything written so far; False where the API takes no more of it."""
        while piece := self._read(self._offset, PIECE_BYTES):
            try:
                self._post(self._offset, piece)
            except ApiUnreachableError as error:
                self._log.warning("log.postponed", offset=self._offset, error=str(error))
                self._ending.wait(_AGAIN_S)
                continue
            except ApiRefusedError as error:
                self._log.warning("log.refused", offset=self._offset, error=str(error))
                return False
            self._offset += len(piece)
        return True
