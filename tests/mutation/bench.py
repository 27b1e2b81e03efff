"""Mutants on trial: most of them in one build, a switch each; the others compiled alone."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fuzz.project import REPORTS, ROOT, BuildError, HungError, build, copy_to
from tests.fuzz.solidity import Source
from tests.mutation import brownie
from tests.mutation.compiler import refusals
from tests.mutation.operators import Mutant
from tests.mutation.schema import SWITCH, TEXT_OF_SWITCH, apply, place_of, places, schema
from tests.mutation.trial import OFF, first_failure

FOLDER = ROOT / ".stamps" / "mutants"
RAW = REPORTS / "mutants.raw.jsonl"
FIRST_NUMBER = 0x100000
"""Of the mutants: numbers below may be accounts that mean something to the machine."""


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant."""

    name: str
    line: int
    outcome: str
    """killed, survived, equivalent or stillborn (refused by the compiler)."""
    by: str
    wall_s: float

    @classmethod
    def of(cls, mutant: Mutant, outcome: str, by: str, began: float | None = None) -> Verdict:
        wall_s = 0.0 if began is None else round(time.monotonic() - began, 1)
        return cls(mutant.name, mutant.line, outcome, by, wall_s)


@dataclass(frozen=True)
class Group:
    """A copy of the contracts that holds mutants, by their numbers."""

    folder: Path
    numbered: Mapping[int, Mutant]


class Bench:
    """So many workers, and what they found."""

    def __init__(self, sources: Sequence[Source], workers: int) -> None:
        self.sources = {str(source.path): source for source in sources}
        self.workers = workers
        self.verdicts: list[Verdict] = []
        self._lock = threading.Lock()
        self._copies: queue.Queue[Path] = queue.Queue()
        for number in range(workers):
            # Brownie takes no name that is a number.
            self._copies.put(FOLDER / f"copy{number}")
        REPORTS.mkdir(exist_ok=True)
        RAW.write_text("")

    def note(self, verdict: Verdict) -> None:
        """Keep a verdict and print it."""
        with self._lock:
            self.verdicts.append(verdict)
            with RAW.open("a") as raw:
                raw.write(json.dumps(asdict(verdict)) + "\n")
            count = sum(v.outcome != "stillborn" for v in self.verdicts)
            head = f"{count:>3} {verdict.outcome:<10} {verdict.wall_s:>5.0f} s"
            print(f"{head}  line {verdict.line} of {verdict.name} [{verdict.by[:100]}]", flush=True)

    def run(self, tried: Sequence[Mutant]) -> None:
        """Judge them all: by Foundry's tests, and what is left by Brownie's."""
        numbered = dict(enumerate(tried, FIRST_NUMBER))
        switched = self._switchable(numbered)
        left: list[Mutant] = []
        with ThreadPoolExecutor(self.workers) as pool:
            building = pool.submit(self._groups, switched, "schema")
            alone = [m for number, m in numbered.items() if number not in switched]
            waiting = [pool.submit(self._judge_alone, mutant) for mutant in alone]
            for group in building.result():
                waiting += [
                    pool.submit(self._judge, group.folder, number, mutant)
                    for number, mutant in group.numbered.items()
                ]
            left = [mutant for each in waiting if (mutant := each.result())]
        if os.environ.get("BROWNIE") == "0":
            for mutant in left:
                self.note(Verdict.of(mutant, "survived", ""))
        elif left:
            self._by_brownie(left)

    # ---------------------------------------------------------------- in one build

    def _switchable(self, numbered: Mapping[int, Mutant]) -> dict[int, Mutant]:
        """Those that have a place, and fit there."""
        known = {path: places(source) for path, source in self.sources.items()}
        placed = {n: m for n, m in numbered.items() if place_of(known[m.file], m)}
        texts = {(m.file, n): schema(self.sources[m.file], {n: m}) for n, m in placed.items()}
        refused = refusals(texts)
        return {n: m for n, m in placed.items() if (m.file, n) not in refused}

    def _groups(self, numbered: Mapping[int, Mutant], name: str) -> list[Group]:
        """One where it compiles, else two of half the size; each passes while nothing is on."""
        if not numbered:
            return []
        folder = FOLDER / name
        copy_to(folder)
        (folder / SWITCH).write_bytes(TEXT_OF_SWITCH.read_bytes())
        for path in {mutant.file for mutant in numbered.values()}:
            (folder / path).write_bytes(schema(self.sources[path], numbered))
        print(f"{name}: compiling with {len(numbered)} mutants", flush=True)
        try:
            build(folder)
        except BuildError:
            if len(numbered) == 1:
                raise
            items = list(numbered.items())
            half = len(items) // 2
            first = self._groups(dict(items[:half]), f"{name}a")
            return first + self._groups(dict(items[half:]), f"{name}b")
        began = time.monotonic()
        if failure := first_failure(folder, OFF):
            raise SystemExit(f"the tests fail on the contracts as they are: {failure}")
        print(f"{name}: without mutants it passes, {time.monotonic() - began:.0f} s", flush=True)
        return [Group(folder, numbered)]

    def _judge(self, folder: Path, number: int, mutant: Mutant) -> Mutant | None:
        """Returns a mutant that Foundry's tests did not find."""
        began = time.monotonic()
        failure = first_failure(folder, number)
        if failure:
            self.note(Verdict.of(mutant, "killed", failure, began))
            return None
        return mutant

    # ---------------------------------------------------------------- compiled alone

    def _judge_alone(self, mutant: Mutant) -> Mutant | None:
        began = time.monotonic()
        folder = self._copies.get()
        try:
            self._plant(folder, mutant)
            build(folder)
            failure = first_failure(folder, OFF)
        except BuildError as refused:
            self.note(Verdict.of(mutant, "stillborn", str(refused), began))
            return None
        finally:
            self._copies.put(folder)
        if failure:
            self.note(Verdict.of(mutant, "killed", failure, began))
            return None
        return mutant

    def _plant(self, folder: Path, mutant: Mutant) -> None:
        copy_to(folder)
        (folder / mutant.file).write_bytes(apply(self.sources[mutant.file].text, mutant))

    # ---------------------------------------------------------------- Brownie

    def _by_brownie(self, left: Sequence[Mutant]) -> None:
        print(f"{len(left)} left to Brownie's tests", flush=True)
        folder = FOLDER / "copy0"
        copy_to(folder)
        brownie.prepare(folder, 0)
        if failure := brownie.failed_test(folder, "contracts/Parameters.sol"):
            raise SystemExit(f"Brownie's tests fail on the contracts as they are: {failure}")
        with ThreadPoolExecutor(self.workers) as pool:
            list(pool.map(self._judge_by_brownie, left))

    def _judge_by_brownie(self, mutant: Mutant) -> None:
        began = time.monotonic()
        folder = self._copies.get()
        try:
            self._plant(folder, mutant)
            brownie.prepare(folder, int(folder.name.removeprefix("copy")))
            failure = brownie.failed_test(folder, mutant.file)
        except HungError as hung:
            failure = str(hung)
        finally:
            self._copies.put(folder)
        self.note(Verdict.of(mutant, "killed" if failure else "survived", failure, began))
