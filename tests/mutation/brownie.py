"""Brownie's tests on a copy of the tree: they judge what the campaign did not find."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.fuzz.project import ROOT, run

PORT = 18_600
"""Of the first copy's chain; the others count up."""
PARTS = (
    (("Parameters", "Timelock"), ("parameters",)),
    (("Arbitration", "CaseRules", "Equivocation", "RoleProofs"), ("arbitration", "attacks")),
    (("Resale",), ("resale",)),
    (("SeriesMetadata", "SeriesPicture", "SeriesText", "Calendar"), ("metadata",)),
    (
        ("ProviderRegistry", "Fleet", "AttestationRules", "TermsRules", "Lanes", "Bonds"),
        ("registry", "market"),
    ),
)
"""Files of the contracts and the folders of tests that are about them."""
ANYTHING_ELSE = ("market", "attacks")
ALWAYS = ("test_types.py", "test_construction.py", "test_limits.py", "test_conservation.py")
_LIMIT_S = 1_800


def prepare(folder: Path, number: int) -> None:
    """Add to a copy of the contracts what Brownie needs."""
    for name in ("contracts", "tests/contracts", "tests/protocol", "tests/vectors"):
        if (ROOT / name).exists():
            ignored = shutil.ignore_patterns("build", "__pycache__", "*.sol")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored, dirs_exist_ok=True)
    config = (ROOT / "brownie-config.yaml").read_text()
    (folder / "brownie-config.yaml").write_text(config.replace("18545", str(PORT + number)))
    for name in (".venv", ".venv-chain"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(ROOT / name)


def failed_test(folder: Path, contract: str) -> str:
    """What the first failing test says of a change in this file, or nothing."""
    stem = Path(contract).stem
    chosen = next((tests for files, tests in PARTS if stem in files), ANYTHING_ELSE)
    brownie = folder / "contracts" / "toolchain" / "brownie"
    environment = {**os.environ, "GPUBOURSE_HOME": str(folder / ".gpubourse")}
    for tests in (*ALWAYS, *chosen):  # the quick ones first
        path = Path("tests") / "contracts" / tests
        if not (folder / path).exists():
            continue
        done = run([brownie, "test", path, "-x", "-q"], environment, folder, _LIMIT_S)
        if done.returncode != 0:
            marks = ("FAILED", "ERROR")
            lines = [line for line in done.stdout.splitlines() if line.startswith(marks)]
            return lines[0] if lines else f"{tests}: {done.stdout[-200:]}{done.stderr[-200:]}"
    return ""
