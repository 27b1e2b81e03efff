"""`make fuzz`: random lives of the bourse on a native EVM until enough calls were made."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.fuzz import coverage
from tests.fuzz.project import REPORTS, ROOT, build, commit, start_forge

STEPS = 400
RUNS = 40
"""Runs of one process, after which the next begins with another seed."""
RAW = REPORTS / "fuzz.raw.jsonl"
LEAST_PERCENT = 1
"""Every function gets at least this share of the calls asked for."""
LEAST_SUCCEEDED = 50


@dataclass
class Tally:
    """What the runs so far add up to."""

    runs: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    succeeded: Counter[str] = field(default_factory=Counter)
    violations: list[dict[str, object]] = field(default_factory=list)

    def add(self, line: str) -> None:
        run = json.loads(line)
        self.runs += 1
        for name, (called, done) in run["calls"].items():
            self.calls[name] += called
            self.succeeded[name] += done
        if run["violation"]:
            self.violations.append(run)

    @property
    def total(self) -> int:
        return sum(self.calls.values())

    @property
    def succeeded_percent(self) -> float:
        return round(100 * sum(self.succeeded.values()) / max(1, self.total), 1)

    @property
    def least(self) -> int:
        return min(self.calls.values(), default=0)


def main() -> int:
    """Exit code 1 where a rule was broken, or the campaign was not what it promises to be."""
    wanted, seed = int(os.environ.get("CALLS") or 1_000_000), int(os.environ.get("SEED") or 1)
    began = time.monotonic()
    print("compiling the contracts and the campaign (minutes where they changed)", flush=True)
    build(ROOT)
    tally = run(wanted, seed)
    percent = coverage.measure() if os.environ.get("COVERAGE", "1") != "0" else None
    summary = {
        "commit": commit(),
        "wall_s": round(time.monotonic() - began, 1),
        "calls": tally.total,
        "succeeded_percent": tally.succeeded_percent,
        "min_calls_per_function": tally.least,
        "violations": len(tally.violations),
        "branch_coverage_percent": percent,
        "runs": tally.runs,
        "seed": seed,
    }
    (REPORTS / "fuzz.json").write_text(json.dumps(summary, indent=2) + "\n")
    show(tally, summary)
    missed = _missed(tally, wanted, percent)
    print(*missed, sep="\n")
    return 1 if missed else 0


def _missed(tally: Tally, wanted: int, percent: float | None) -> list[str]:
    """What a run must show and this one does not; only asked of a whole campaign."""
    said = [f"{len(tally.violations)} runs broke a rule or stopped"] if tally.violations else []
    if tally.succeeded_percent < LEAST_SUCCEEDED:
        said.append(
            f"{tally.succeeded_percent} % of the calls succeeded, under {LEAST_SUCCEEDED} %"
        )
    if tally.least < wanted * LEAST_PERCENT // 100:
        said.append(
            f"a function was called {tally.least} times, under {LEAST_PERCENT} % of {wanted}"
        )
    if percent is not None and percent < coverage.LEAST:
        said.append(f"{percent} % of the branches were taken, under {coverage.LEAST} %")
    return said


def run(wanted: int, seed: int) -> Tally:
    """Processes side by side, until there are enough calls in all and of each function."""
    REPORTS.mkdir(exist_ok=True)
    RAW.unlink(missing_ok=True)
    RAW.touch()
    chance, tally, began = random.Random(seed), Tally(), time.monotonic()
    enough = wanted * LEAST_PERCENT // 100
    with RAW.open() as lines:
        workers = [_start(chance) for _ in range(os.cpu_count() or 1)]
        while any(worker.poll() is None for worker in workers):
            time.sleep(0.5)
            for line in lines:
                tally.add(line)
            _progress(tally, wanted, time.monotonic() - began)
            done = tally.violations or (tally.total >= wanted and tally.least >= enough)
            for place, worker in enumerate(workers):
                if worker.poll() is not None and not done:
                    workers[place] = _start(chance)
        for line in lines:
            tally.add(line)
    print()
    if not tally.runs:
        raise SystemExit("no run was finished: contracts/toolchain/forge test tells why")
    return tally


def _start(chance: random.Random) -> subprocess.Popen[bytes]:
    arguments = ("--fuzz-runs", str(RUNS), "--fuzz-seed", str(chance.getrandbits(63)))
    return start_forge(
        ROOT, "test", "--quiet", "--match-test", "testFuzz_campaign", *arguments,
        STEPS=STEPS, FUZZ_LOG=str(RAW.relative_to(ROOT)),
    )  # fmt: skip


def _progress(tally: Tally, wanted: int, elapsed: float) -> None:
    pace = tally.total / max(elapsed, 0.1)
    text = f"{tally.total:>9,} of {wanted:,} calls, {tally.succeeded_percent} % succeeded"
    text += f", {pace:,.0f} a second, {len(tally.violations)} violations"
    print(f"\r{text}" if sys.stdout.isatty() else text, end="" if sys.stdout.isatty() else "\n")


def show(tally: Tally, summary: dict[str, object]) -> None:
    """The table, and how to repeat a run that broke a rule."""
    print(f"{'function':<24}{'calls':>10}{'succeeded':>11}{'%':>7}")
    for name, called in tally.calls.items():
        share = 100 * tally.succeeded[name] / max(1, called)
        print(f"{name:<24}{called:>10,}{tally.succeeded[name]:>11,}{share:>7.1f}")
    for run_ in tally.violations:
        print(f"BROKEN {run_['violation']}, seen after {run_['steps']} steps; once more, all rules")
        print("read after each step:", again(run_))
    print(json.dumps(summary, indent=2))


def again(run_: dict[str, object]) -> str:
    """The command that repeats a run."""
    seed = f"HIGH={run_['high']} LOW={run_['low']} STEPS={STEPS}"
    return f"{seed} contracts/toolchain/forge test -vvvv --match-test test_again"


if __name__ == "__main__":
    sys.exit(main())
