"""Branches of our contracts that the campaign and the unit tests beside it took.

Source maps of code that was compiled by way of IR do not say which branch ran, and without IR the
contracts do not compile. So the sources themselves are asked: in a copy, every condition (of an
`if`, of `? :`, and every left side of `&&` and `||`) reports each outcome that it ever had.

Outcomes that no caller can bring about stand, each with its reason, in `unreachable.json`. The
percentage leaves them out (that of all outcomes is printed too); one of them seen is an error.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.fuzz.project import REPORTS, ROOT, build, copy_to, forge
from tests.fuzz.solidity import Node, Source, parse, walk

FOLDER = ROOT / ".stamps" / "coverage"
PROBE = Path("contracts") / "Probe.sol"
UNREACHABLE = Path(__file__).absolute().parent / "unreachable.json"
RUNS = 400
STEPS = 400
LEAST = 98
"""Percent of the outcomes that can be brought about."""


@dataclass(frozen=True)
class Branch:
    """One condition; it has two outcomes."""

    path: Path
    line: int
    function: str
    condition: str


def measure() -> float:
    """Percent of reachable outcomes seen; writes `reports/coverage.json` with what was missed."""
    print("compiling the contracts with probes", flush=True)
    branches = instrument(FOLDER)
    build(FOLDER)
    log = FOLDER / "reports" / "coverage.jsonl"
    log.unlink(missing_ok=True)
    runs = int(os.environ.get("COVERAGE_RUNS") or RUNS)
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(partial(_run, len(branches), max(1, runs // workers)), range(workers)))
    seen = {outcome for line in log.read_text().splitlines() for outcome in json.loads(line)}
    return report(branches, seen)


def _run(branches: int, runs: int, seed: int) -> None:
    """The Foundry tests, with so many random lives; what they saw goes into the log."""
    done = forge(
        FOLDER, "test", "--fuzz-runs", str(runs), "--fuzz-seed", str(seed),
        STEPS=STEPS, PROBES=2 * branches, PROBE_LOG="reports/coverage.jsonl",
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(done.stdout[-4000:])


def report(branches: list[Branch], seen: set[int]) -> float:
    """Print what was missed and return the share of what can be reached that was not."""
    never = [
        {"file": str(b.path), "line": b.line, "in": b.function, "if": b.condition, "never": taken}
        for number, b in enumerate(branches)
        for taken in (False, True)
        if 2 * number + taken not in seen
    ]
    known = [_key(entry) for entry in json.loads(UNREACHABLE.read_text())]
    missed = [miss for miss in never if _key(miss) not in known]
    if len(never) - len(missed) != len(known):
        gone = set(known) - {_key(miss) for miss in never}
        raise SystemExit(f"listed as unreachable, but taken or not there: {sorted(gone)}")
    total = 2 * len(branches)
    raw, percent = _percent(len(never), total), _percent(len(missed), total - len(known))
    for miss in missed:
        print(f"{miss['file']}:{miss['line']} {miss['in']}: never {miss['never']}: {miss['if']}")
    print(f"branches: {total}, missed {len(never)}, covered {raw} %")
    print(f"without {len(known)} that cannot be taken: missed {len(missed)}, covered {percent} %")
    REPORTS.mkdir(exist_ok=True)
    answer = {
        "branch_coverage_percent": percent,
        "raw_percent": raw,
        "branches": total,
        "unreachable": len(known),
        "missed": missed,
    }
    (REPORTS / "coverage.json").write_text(json.dumps(answer, indent=2) + "\n")
    return percent


def _key(entry: dict[str, Any]) -> tuple[str, str, str, bool]:
    return entry["file"], entry["in"], entry["if"], entry["never"]


def _percent(missed: int, total: int) -> float:
    return round(100 * (1 - missed / max(1, total)), 2)


def instrument(folder: Path) -> list[Branch]:
    """Copy the tree and put a probe around every condition."""
    copy_to(folder)
    probe = (ROOT / "tests" / "fuzz" / "probe" / "Probe.sol").read_text()
    _write(folder / PROBE, probe)
    branches: list[Branch] = []
    for source in parse(ROOT):
        _write(folder / source.path, _with_probes(source, branches))
    return branches


def _with_probes(source: Source, branches: list[Branch]) -> str:
    inserts: list[tuple[int, int, str]] = []
    for condition in conditions(source.tree):
        start, end = source.span(condition)
        number = len(branches)
        text = " ".join(source.code(condition).split())
        branches.append(Branch(source.path, source.line(start), source.function_at(start), text))
        # At one place the outer bracket opens first and closes last.
        inserts.append((start, -end, f"probed({number}, "))
        inserts.append((end, -start, ")"))
    if not inserts:
        return source.text.decode()
    text = source.text
    for at, _, insert in sorted(inserts, reverse=True):
        text = text[:at] + insert.encode() + text[at:]
    up = "/".join([".."] * (len(source.path.parts) - 2)) or "."
    pragma = b"pragma solidity 0.8.30;\n"
    return text.replace(
        pragma, pragma + f'import {{probed}} from "{up}/Probe.sol";\n'.encode(), 1
    ).decode()


def conditions(tree: Node) -> list[Node]:
    """Conditions in the order of the text, an outer one before those inside it."""
    found = []
    for node in walk(tree):
        kind = node["nodeType"]
        if kind in ("IfStatement", "Conditional"):
            found.append(node["condition"])
        elif kind == "BinaryOperation" and node["operator"] in ("&&", "||"):
            found.append(node["leftExpression"])
    return found


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


if __name__ == "__main__":
    sys.exit(0 if measure() >= LEAST else 1)
