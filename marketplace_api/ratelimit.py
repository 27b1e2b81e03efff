"""Token buckets in memory: fair shares for one process, no promise across several."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from marketplace_api.problems import RateLimitError

_BUCKETS_MAX = 10_000


class RateLimiter:
    """One bucket for each key; the least recently used one is forgotten when there are too many."""

    def __init__(
        self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._lock = Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Spend one token; raises ``RateLimitError`` where there is none."""
        with self._lock:
            now = self._clock()
            tokens, then = self._buckets.pop(key, (float(self._burst), now))
            tokens = min(self._burst, tokens + (now - then) * self._per_s)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > _BUCKETS_MAX:
                self._buckets.popitem(last=False)
        if not allowed:
            raise RateLimitError(self._per_s, (1 - tokens) / self._per_s)

    def __len__(self) -> int:
        return len(self._buckets)
