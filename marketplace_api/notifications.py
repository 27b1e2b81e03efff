"""PostgreSQL's notifications for threads and coroutines that wait for a row to change.

A notification is a hint: waiters read the database again and also wake up by themselves, so that
a lost connection costs time, never an answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import structlog

log = structlog.get_logger()
CHANNELS = ("order_log", "lease", "job", "job_log")
_RECONNECT_S = 0.5


@dataclass(eq=False)
class Subscription:
    """Wakes up when one of its keys is told; made by ``Notifications.subscribe``."""

    keys: frozenset[tuple[str, str | None]]
    _flag: threading.Event = field(default_factory=threading.Event)
    _loop: asyncio.AbstractEventLoop | None = None
    _async_flag: asyncio.Event | None = None

    def wait(self, timeout_s: float) -> bool:
        """Block until something was told since the last wait, or the time is over."""
        told = self._flag.wait(timeout_s)
        self._flag.clear()
        return told

    async def wait_async(self, timeout_s: float) -> bool:
        """The same for a coroutine; the subscription must have been made in its loop."""
        assert self._async_flag is not None
        try:
            await asyncio.wait_for(self._async_flag.wait(), timeout_s)
        except TimeoutError:
            return False
        self._async_flag.clear()
        return True

    def wake(self) -> None:
        """Called from the listening thread."""
        self._flag.set()
        if self._loop is not None and self._async_flag is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._async_flag.set)


class Notifications:
    """One listening connection for the whole process."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._thread = threading.Thread(target=self._run, name="notifications", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and let everybody go."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._wake_all()

    @contextmanager
    def subscribe(self, *keys: tuple[str, str | None]) -> Iterator[Subscription]:
        """Wait for (channel, payload); payload None for any. Subscribe first, then read rows."""
        try:
            loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        subscription = Subscription(
            frozenset(keys), _loop=loop, _async_flag=asyncio.Event() if loop else None
        )
        with self._lock:
            self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.discard(subscription)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except psycopg.OperationalError as error:
                log.warning("notifications.lost", error=str(error))
                self._stop.wait(_RECONNECT_S)

    def _listen(self) -> None:
        with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
            for channel in CHANNELS:
                connection.execute(f"LISTEN {channel}".encode())
            self._wake_all()  # whatever was told while nobody listened
            while not self._stop.is_set():
                for told in connection.notifies(timeout=0.5, stop_after=1):
                    self._tell(told.channel, told.payload)

    def _tell(self, channel: str, payload: str) -> None:
        with self._lock:
            woken = [
                s
                for s in self._subscriptions
                if (channel, payload) in s.keys or (channel, None) in s.keys
            ]
        for subscription in woken:
            subscription.wake()

    def _wake_all(self) -> None:
        with self._lock:
            woken = list(self._subscriptions)
        for subscription in woken:
            subscription.wake()
