"""`make gas`: measure on Ganache, compare with the snapshot, write the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict

from tests.gas import report, rows
from tests.gas.bourse import deploy, open_for_business
from tests.gas.chain import running_chain

REPORTS = report.ROOT / "reports"


def main() -> int:
    """Exit code 1 where a row got more than 1 % dearer."""
    began = time.monotonic()
    figures: dict[str, int] = {}
    with running_chain() as chain:
        print(f"{chain.web3.client_version}, shanghai; opening the bourse")
        bourse = deploy(chain)
        open_for_business(bourse, rows.PROVIDERS, rows.BUYERS)
        bench = rows.Bench(bourse, os.environ.get("PROFILE", ""))
        wanted = [r for r in rows.ROWS if bench.profiled.partition(".")[0] in ("", r.__name__)]
        for row in wanted:
            figures[row.__name__] = row(bench)
            print(f"  {row.__name__}: {figures[row.__name__]:,}", flush=True)
        if bench.profiled:
            return 0
        sizes = rows.contract_bytes(bourse)
    figures["max_contract_bytes"] = max(sizes.values())
    write_report(figures, sizes, bench.observations, time.monotonic() - began)
    return conclude(figures)


def write_report(
    figures: dict[str, int],
    sizes: dict[str, int],
    observations: list[rows.Observation],
    wall_s: float,
) -> None:
    """`reports/gas.json` and the batches from which it can be recomputed."""
    REPORTS.mkdir(exist_ok=True)
    summary = {"commit": commit(), "wall_s": round(wall_s, 1), **figures}
    (REPORTS / "gas.json").write_text(json.dumps(summary, indent=2) + "\n")
    raw = [asdict(observation) for observation in observations]
    raw += [
        {"row": "contract_bytes", "contract": name, "bytes": size} for name, size in sizes.items()
    ]
    (REPORTS / "gas.raw.jsonl").write_text("".join(json.dumps(line) + "\n" for line in raw))


def conclude(figures: dict[str, int]) -> int:
    """Print, and keep the figures where they were asked for or got better."""
    snapshot = report.load_snapshot()
    print(report.terminal(figures, snapshot))
    dearer = report.regressions(figures, snapshot)
    if os.environ.get("UPDATE") == "1" or not snapshot:
        report.save(figures)
        print(f"written: {report.SNAPSHOT.name} and docs/{report.PAGE.name}")
        return 0
    if dearer:
        print(
            "dearer than the snapshot by over 1 % (make gas UPDATE=1 accepts it):",
            *dearer,
            sep="\n  ",
        )
        return 1
    if figures != snapshot:
        print("make gas UPDATE=1 writes the new figures into the snapshot and docs/gas.md")
    return 0


def commit() -> str:
    """The commit that was measured, with a plus where the tree differs from it."""
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=report.ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    changed = subprocess.run(
        ["git", "diff", "--quiet", "HEAD", "--", "contracts"], cwd=report.ROOT, check=False
    ).returncode
    return head + ("+" if changed else "")


if __name__ == "__main__":
    sys.exit(main())
