"""The documents hold: links lead somewhere, commands and tests that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if "node_modules" not in page.parts
)
LINK = re.compile(r"\]\(([^)#]+?)(?:#[^)]*)?\)")
TEST = re.compile(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`")
TARGET = re.compile(r"(?:`|^)make ([a-z][a-z0-9-]*)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links__of_every_page__lead_to_files(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if not link.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests__named_by_a_page__exist(page: Path) -> None:
    for path, name in TEST.findall(page.read_text()):
        file = ROOT / path
        assert file.exists(), f"{page.name}: {path}"
        assert not name or f"def {name}(" in file.read_text(), f"{page.name}: {path}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets__named_by_a_page__exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in TARGET.findall(page.read_text()):
        assert name in targets, f"{page.name}: make {name}"


def test_invariants__each_number__names_a_test() -> None:
    rows = re.findall(r"^\| (\d+) \|(.*)$", (ROOT / "docs/INVARIANTS.md").read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 11))
    for number, row in rows:
        assert TEST.search(row) or "not yet" in row, f"rule {number} names no test"
