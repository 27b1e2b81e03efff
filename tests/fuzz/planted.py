"""Whether the campaign finds planted bugs: `python -m tests.fuzz.planted`, a quarter of an hour.

The first two break what a call must change, which is checked after each call. The third only
breaks the books themselves, which are read every few steps: it must be found as well, and again by
the command that repeats the run with all rules read after each step.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.campaign import STEPS
from tests.fuzz.project import ROOT, build, copy_to, forge

FOLDER = ROOT / ".stamps" / "planted"
LOG = Path("reports") / "planted.jsonl"


@dataclass(frozen=True)
class Plant:
    """One bug."""

    file: Path
    before: str
    after: str


LIBRARIES = Path("contracts") / "libraries"
PLANTS = (
    Plant(LIBRARIES / "Payout.sol", "payee.earned += payment - fee;", "payee.earned += payment;"),
    Plant(LIBRARIES / "Payout.sol", "back += credited;", "back += credited + 1;"),
    Plant(
        LIBRARIES / "Recut.sol",
        "_mint(books, tail, tailUnits, milli);",
        "_mint(books, tail, tailUnits + 1, milli);",
    ),
)


def main() -> int:
    """Exit code 1 where a bug was not found, or not found again."""
    found = [_is_found(plant) for plant in PLANTS]
    return 0 if all(found) else 1


def _is_found(plant: Plant) -> bool:
    copy_to(FOLDER)
    source = (ROOT / plant.file).read_text()
    if source.count(plant.before) != 1:
        raise SystemExit(f"not once in {plant.file}: {plant.before}")
    (FOLDER / plant.file).write_text(source.replace(plant.before, plant.after))
    build(FOLDER)
    (FOLDER / LOG).unlink(missing_ok=True)
    _run("testFuzz_campaign", FUZZ_LOG=str(LOG))
    runs = [json.loads(line) for line in (FOLDER / LOG).read_text().splitlines()]
    found = next((run for run in runs if run["violation"]), None)
    print(f"{plant.after}\n  first: {_told(found)}", flush=True)
    if found is None:
        return False
    (FOLDER / LOG).unlink()
    _run("test_again", FUZZ_LOG=str(LOG), HIGH=found["high"], LOW=found["low"])
    again = json.loads((FOLDER / LOG).read_text())
    print(f"  again, all rules after each step: {_told(again)}", flush=True)
    return bool(again["violation"]) and again["steps"] <= found["steps"]


def _run(test: str, **environment: str | int) -> None:
    arguments = ("--match-test", test, "--fuzz-runs", "10", "--fuzz-seed", "1")
    done = forge(FOLDER, "test", *arguments, STEPS=STEPS, **environment)
    if done.returncode != 0:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])


def _told(run: dict[str, object] | None) -> str:
    return f"{run['violation']}, after {run['steps']} steps" if run else "NOT FOUND"


if __name__ == "__main__":
    sys.exit(main())
