"""Collecting what a job left, from an ordinary folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from provider_agent.runner.outputs import MAX_FILES, collect


def gather(root: Path, target: Path, most: int = 1000, each: int = 1000):  # type: ignore[no-untyped-def]
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        files, refused = collect(descriptor, target, most, each)
    finally:
        os.close(descriptor)
    return {f.path: f for f in files}, {r.path: r.reason for r in refused}


def make(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_collect__plain_files__are_copied_with_their_digests(tmp_path: Path) -> None:
    root = make(tmp_path / "in", {"outputs/a/b": b"xyz", "checkpoint/c": b"", "other": b"no"})
    files, refused = gather(root, tmp_path / "out")
    assert set(files) == {"outputs/a/b", "checkpoint/c"}
    assert files["outputs/a/b"].sha256 == hashlib.sha256(b"xyz").hexdigest()
    assert files["outputs/a/b"].source.read_bytes() == b"xyz"
    assert refused == {}


def test_collect__links__are_listed_and_not_followed(tmp_path: Path) -> None:
    root = make(tmp_path / "in", {"secret/key": b"k", "outputs/x": b"1"})
    (root / "outputs/link").symlink_to(root / "secret/key")
    (root / "outputs/folder").symlink_to(root / "secret")
    (root / "checkpoint").symlink_to(root / "secret")
    files, refused = gather(root, tmp_path / "out")
    assert set(files) == {"outputs/x"}
    assert refused == {
        "outputs/link": "not a plain file: symbolic link",
        "outputs/folder": "not a plain file: symbolic link",
        "checkpoint": "not a folder",
    }


def test_collect__too_much__keeps_what_fits(tmp_path: Path) -> None:
    root = make(tmp_path / "in", {f"outputs/{n}": b"x" * 40 for n in "abc"})
    files, refused = gather(root, tmp_path / "out", most=100, each=50)
    assert set(files) == {"outputs/a", "outputs/b"}
    assert refused == {"outputs/c": "40 bytes, more than the 20 left"}


def test_collect__too_large_or_deep_or_many__is_bounded(tmp_path: Path) -> None:
    root = make(tmp_path / "in", {"outputs/big": b"x" * 51, "outputs/" + "d/" * 30 + "x": b""})
    _, refused = gather(root, tmp_path / "out", each=50)
    assert refused["outputs/big"] == "51 bytes, more than 50 for one file"
    assert list(refused.values())[1] == "deeper than 16 folders"
    many = make(tmp_path / "many", {f"outputs/{n:04}": b"" for n in range(MAX_FILES + 5)})
    files, _ = gather(many, tmp_path / "out2")
    assert len(files) == MAX_FILES


def test_collect__nothing_there__is_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert gather(tmp_path / "in", tmp_path / "out") == ({}, {})
