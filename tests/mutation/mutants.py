"""`make mutants`: plant bugs in copies of the contracts and see whether the tests find them."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.project import REPORTS, ROOT, commit
from tests.fuzz.solidity import Source, parse
from tests.mutation.bench import Bench, Verdict
from tests.mutation.compiler import refusals
from tests.mutation.operators import Mutant, mutants
from tests.mutation.schema import apply

KNOWN = Path(__file__).absolute().parent / "equivalent.json"
ENOUGH_PERCENT = 95


@dataclass(frozen=True)
class Sample:
    """Mutants by chance, and those met on the way that need no trial."""

    tried: list[Mutant]
    settled: list[Verdict]


def main() -> int:
    """Exit code 1 where fewer than 95 % were killed."""
    sources = parse(ROOT)
    everything = mutants(sources)
    if os.environ.get("LIST"):
        for mutant in everything:
            print(f"{mutant.file}:{mutant.line} {mutant.name}")
        print(f"{len(everything)} mutants")
        return 0
    began = time.monotonic()
    wanted, seed = int(os.environ.get("N") or 60), int(os.environ.get("SEED") or 1)
    shuffled = random.Random(seed).sample(everything, len(everything))
    print(f"{len(everything)} mutants in all; {wanted} of them by seed {seed}", flush=True)
    bench = Bench(sources, int(os.environ.get("JOBS") or os.cpu_count() or 1))
    sample = draw(sources, shuffled, wanted)
    for verdict in sample.settled:
        bench.note(verdict)
    bench.run(sample.tried)
    return conclude(bench.verdicts, len(everything), seed, time.monotonic() - began)


def draw(sources: Sequence[Source], shuffled: Sequence[Mutant], wanted: int) -> Sample:
    """The first so many that the compiler accepts; equivalent ones count, stillborn ones do not."""
    equivalent: dict[str, str] = json.loads(KNOWN.read_text())
    texts = {str(source.path): source.text for source in sources}
    sample, at = Sample([], []), 0
    accepted = 0
    while accepted < wanted and at < len(shuffled):
        some = shuffled[at : at + 2 * (wanted - accepted)]
        at += len(some)
        changed = {(m.file, place): apply(texts[m.file], m) for place, m in enumerate(some)}
        refused = refusals(changed)
        for place, mutant in enumerate(some):
            if accepted == wanted:
                break
            reason = refused.get((mutant.file, place), "")
            accepted += not reason
            if reason:
                sample.settled.append(Verdict.of(mutant, "stillborn", reason))
            elif mutant.name in equivalent:
                reason = equivalent[mutant.name]
                sample.settled.append(Verdict.of(mutant, "equivalent", reason))
            else:
                sample.tried.append(mutant)
    return sample


def conclude(verdicts: Sequence[Verdict], total: int, seed: int, wall_s: float) -> int:
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
    return 0 if percent >= ENOUGH_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
