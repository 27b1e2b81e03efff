"""What a person sees while the stack starts."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One line for each step that ends, on standard error: standard output is for results."""

    quiet: bool = False

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; a step that fails is named too."""
        start = time.monotonic()
        try:
            yield
        except BaseException:
            self.say(f"  {name:<10} failed after {time.monotonic() - start:.1f} s")
            raise
        self.say(f"  {name:<10} ready in {time.monotonic() - start:.1f} s")

    def say(self, line: str) -> None:
        """Print one line; a reader who has left (`| head`) must not stop a half-done `down`."""
        if not self.quiet:
            with suppress(BrokenPipeError):
                print(line, file=sys.stderr, flush=True)
