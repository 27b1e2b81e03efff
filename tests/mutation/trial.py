"""The tests against one mutant: fixed ones first, then random lives until one fails."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.project import HungError, forge

OFF = 0
"""The number of no mutant."""


@dataclass(frozen=True)
class Effort:
    """One run of forge."""

    tests: tuple[str, ...]
    steps: int = 0
    limit_s: float = 300
    """After which a mutant counts as found: its loop does not end."""


def _lives(runs: int, steps: int, seed: int, limit_s: float) -> Effort:
    random = ("--fuzz-runs", str(runs), "--fuzz-seed", str(seed))
    return Effort(("--match-contract", "Campaign", *random), steps, limit_s)


EFFORTS = (
    Effort(("--no-match-contract", "Campaign")),
    _lives(6, 200, seed=3, limit_s=300),
    _lives(60, 300, seed=4, limit_s=600),
    _lives(150, 400, seed=5, limit_s=900),
)
"""From the cheapest on, in all some 80,000 calls."""


def first_failure(folder: Path, number: int, efforts: Sequence[Effort] = EFFORTS) -> str:
    """What the first failing test says of the mutant with this number, or nothing."""
    for effort in efforts:
        began = time.monotonic()
        try:
            done = forge(
                folder, "test", "--fail-fast", *effort.tests, limit_s=effort.limit_s,
                STEPS=effort.steps, FOUNDRY_BLOCK_COINBASE=f"0x{number:040x}",
                FOUNDRY_FUZZ_FAILURE_PERSIST_DIR=f"tests/fuzz/cache/mutant{number}",
            )  # fmt: skip
        except HungError as hung:
            return str(hung)
        if done.returncode != 0:
            return _reason(done.stdout, done.stderr, time.monotonic() - began)
    return ""


def _reason(output: str, errors: str, wall_s: float) -> str:
    lines = [line for line in output.splitlines() if line.startswith("[FAIL")]
    if not lines:
        # Nothing was tested: this says nothing about the mutant.
        raise RuntimeError(output[-2000:] + errors[-2000:])
    return f"{lines[0].split('; counterexample')[0]} ({wall_s:.0f} s)"
