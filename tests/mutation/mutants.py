"""`make mutants`: plant bugs in copies of the contracts and see whether the tests find them."""

from __future__ import annotations

import json
import os
import queue
import random
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fuzz.project import REPORTS, ROOT, HungError, build, commit, copy_to, forge
from tests.fuzz.solidity import parse
from tests.mutation import brownie
from tests.mutation.operators import Mutant, mutants

FOLDER = ROOT / ".stamps" / "mutants"
KNOWN = Path(__file__).absolute().parent / "equivalent.json"
RAW = REPORTS / "mutants.raw.jsonl"
RUNS, STEPS = 60, 300
"""The campaign against one mutant: about 20,000 calls."""
LIMIT_S = 900
"""After which a mutant counts as found: its loop does not end."""


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant."""

    name: str
    line: int
    outcome: str
    """killed, survived, equivalent or stillborn (refused by the compiler)."""
    by: str
    wall_s: float


def main() -> int:
    """Exit code 1 where fewer than 95 % were killed."""
    everything = mutants(parse(ROOT))
    if os.environ.get("LIST"):
        for mutant in everything:
            print(f"{mutant.file}:{mutant.line} {mutant.name}")
        print(f"{len(everything)} mutants")
        return 0
    began = time.monotonic()
    wanted, seed = int(os.environ.get("N") or 60), int(os.environ.get("SEED") or 1)
    shuffled = random.Random(seed).sample(everything, len(everything))
    print(f"{len(everything)} mutants in all; {wanted} of them by seed {seed}", flush=True)
    verdicts = Bench(wanted).run(shuffled)
    return conclude(verdicts, len(everything), seed, time.monotonic() - began)


class Bench:
    """Workers with a copy of the tree each, until enough mutants were judged."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.verdicts: list[Verdict] = []
        self.lock = threading.Lock()
        self.equivalent: dict[str, str] = json.loads(KNOWN.read_text())

    def run(self, shuffled: Sequence[Mutant]) -> list[Verdict]:
        waiting: queue.Queue[Mutant] = queue.Queue()
        for mutant in shuffled:
            waiting.put(mutant)
        REPORTS.mkdir(exist_ok=True)
        RAW.write_text("")
        folders = [
            self._prepare(number)
            for number in range(int(os.environ.get("JOBS") or os.cpu_count() or 1))
        ]
        threads = [threading.Thread(target=self._work, args=(f, waiting)) for f in folders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.verdicts

    @staticmethod
    def _prepare(number: int) -> Path:
        """A copy that is compiled and passes."""
        folder = FOLDER / f"copy{number}"  # Brownie takes no name that is a number
        copy_to(folder)
        print(f"copy {number}: compiling", flush=True)
        build(folder)
        brownie.prepare(folder, number)
        if number == 0:
            failure = failed_test(folder)
            if not failure and os.environ.get("BROWNIE") != "0":
                print("copy 0: Brownie's own compilation and tests", flush=True)
                failure = brownie.failed_test(folder, "contracts/Parameters.sol")
            if failure:
                raise SystemExit(f"the tests fail on the contracts as they are: {failure}")
        return folder

    def _work(self, folder: Path, waiting: queue.Queue[Mutant]) -> None:
        while not self._is_done():
            try:
                mutant = waiting.get_nowait()
            except queue.Empty:
                return
            verdict = self._judge(folder, mutant)
            with self.lock:
                if self._is_done():
                    return
                self.verdicts.append(verdict)
                with RAW.open("a") as raw:
                    raw.write(json.dumps(asdict(verdict) | {"mutant": asdict(mutant)}) + "\n")
                place = f"line {mutant.line} of"
                head = f"{self._count():>3} {verdict.outcome:<10} {verdict.wall_s:>5.0f} s"
                print(f"{head}  {place} {mutant.name} [{verdict.by[:80]}]", flush=True)

    def _count(self) -> int:
        return sum(verdict.outcome != "stillborn" for verdict in self.verdicts)

    def _is_done(self) -> bool:
        return self._count() >= self.wanted

    def _judge(self, folder: Path, mutant: Mutant) -> Verdict:
        began = time.monotonic()
        file = folder / mutant.file
        original = file.read_bytes()
        if mutant.name in self.equivalent:
            return Verdict(mutant.name, mutant.line, "equivalent", self.equivalent[mutant.name], 0)
        changed = original[: mutant.start] + mutant.after.encode() + original[mutant.end :]
        try:
            file.write_bytes(changed)
            outcome, by = self._outcome(folder, mutant)
        finally:
            file.write_bytes(original)
        return Verdict(mutant.name, mutant.line, outcome, by, round(time.monotonic() - began, 1))

    @staticmethod
    def _outcome(folder: Path, mutant: Mutant) -> tuple[str, str]:
        if forge(folder, "build", "--quiet").returncode != 0:
            return "stillborn", "the compiler"
        try:
            failure = failed_test(folder)
            if not failure and os.environ.get("BROWNIE") != "0":
                failure = brownie.failed_test(folder, mutant.file)
        except HungError as hung:
            failure = str(hung)
        return ("killed", failure) if failure else ("survived", "")


def failed_test(folder: Path) -> str:
    """Run the fast tests; returns what the first failure says, or nothing."""
    done = forge(
        folder, "test", "--fail-fast", "--fuzz-runs", str(RUNS), "--fuzz-seed", "3",
        limit_s=LIMIT_S, STEPS=STEPS,
    )  # fmt: skip
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stdout.splitlines() if line.startswith("[FAIL")]
    return (
        lines[0].split("; counterexample")[0] if lines else done.stdout[-200:] + done.stderr[-200:]
    )


def conclude(verdicts: list[Verdict], total: int, seed: int, wall_s: float) -> int:
    """Print, and write `reports/mutants.json`."""
    counts = {
        outcome: sum(verdict.outcome == outcome for verdict in verdicts)
        for outcome in ("killed", "survived", "equivalent", "stillborn")
    }
    judged = counts["killed"] + counts["survived"]
    percent = round(100 * counts["killed"] / max(1, judged), 1)
    summary = {
        "commit": commit(),
        "wall_s": round(wall_s, 1),
        "mutants": judged,
        "killed_percent": percent,
        **counts,
        "in_all": total,
        "seed": seed,
        "survivors": [v.name for v in verdicts if v.outcome == "survived"],
        "equivalents": {v.name: v.by for v in verdicts if v.outcome == "equivalent"},
    }
    (REPORTS / "mutants.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary, indent=2))
    return 0 if percent >= 95 else 1


if __name__ == "__main__":
    sys.exit(main())
