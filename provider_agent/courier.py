"""Delivers what one lease has to say to the API: in order, as long as it takes, beside the work."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from functools import partial

import structlog

from provider_agent.transport import ApiRefusedError, ApiUnreachableError

log = structlog.get_logger()
_IDLE_S = 0.5
_AGAIN_S = 1.0

Delivery = Callable[[], None]


class Courier:
    """One thread; ``idle`` is called between deliveries, at most every half second."""

    def __init__(self, lease: str, idle: Delivery) -> None:
        self._log = log.bind(lease=lease)
        self._idle = idle
        self._queue: queue.Queue[tuple[str, Delivery, Callable[[ApiRefusedError], None]]] = (
            queue.Queue()
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"courier-{lease}", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def put(
        self,
        what: str,
        call: Delivery,
        refused: Callable[[ApiRefusedError], None] = lambda _error: None,
    ) -> None:
        """Deliver after everything put before; ``refused`` hears when the API does not take it."""
        self._queue.put((what, call, refused))

    def drain(self, timeout_s: float) -> bool:
        """Wait until all is delivered; whether it is."""
        deadline = time.monotonic() + timeout_s
        while self._queue.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self._queue.unfinished_tasks

    def close(self) -> None:
        """Stop; what is not delivered is in the journal."""
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                what, call, refused = self._queue.get(timeout=_IDLE_S)
            except queue.Empty:
                self._quietly(self._idle)
                continue
            self._deliver(what, call, refused)
            self._queue.task_done()

    def _deliver(
        self, what: str, call: Delivery, refused: Callable[[ApiRefusedError], None]
    ) -> None:
        while not self._stop.is_set():
            try:
                self._attempt(call)
            except ApiUnreachableError as error:
                self._log.warning("delivery.postponed", what=what, error=str(error))
                self._stop.wait(_AGAIN_S)
            except ApiRefusedError as error:
                self._log.warning("delivery.refused", what=what, code=error.code, error=str(error))
                self._quietly(partial(refused, error))
                return
            else:
                return

    def _attempt(self, call: Delivery) -> None:
        """A bug in one delivery counts as its refusal: those behind it still have to arrive."""
        try:
            call()
        except (ApiUnreachableError, ApiRefusedError):
            raise
        except Exception as error:
            self._log.exception("delivery.crashed", kind=type(error).__name__)
            raise ApiRefusedError(0, "not-sent", type(error).__name__) from error

    def _quietly(self, call: Delivery) -> None:
        try:
            call()
        except (ApiUnreachableError, ApiRefusedError) as error:
            self._log.debug("courier.idle_failed", error=str(error))
        except Exception as error:  # noqa: BLE001 - the next delivery must still go out
            self._log.exception("courier.crashed", kind=type(error).__name__)
