"""Copies what a finished job left, trusting nothing about it.

The job's processes are gone by then, so nothing changes underfoot; still no link is followed and
only plain files are read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from provider_agent.runner.driver import OutputFile, RefusedOutput

FOLDERS = ("outputs", "checkpoint")
MAX_FILES = 256
MAX_PATH = 255
MAX_DEPTH = 16
_CHUNK = 1 << 20
_NO_FOLLOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass
class _Copy:
    target: Path
    max_file_bytes: int
    left_bytes: int
    files: list[OutputFile] = field(default_factory=list)
    refused: list[RefusedOutput] = field(default_factory=list)


def collect(
    root: int, target: Path, max_bytes: int, max_file_bytes: int
) -> tuple[tuple[OutputFile, ...], tuple[RefusedOutput, ...]]:
    """Copy plain files below ``outputs`` and ``checkpoint`` of the folder open as ``root``.

    ``max_bytes`` bounds all copies together, ``max_file_bytes`` each. What is no plain file, is
    hidden behind a link or exceeds a bound is listed with its reason instead.
    """
    copy = _Copy(target, max_file_bytes, max_bytes)
    for folder in FOLDERS:
        with suppress(FileNotFoundError):
            _folder(copy, root, folder, folder, 1)
    return tuple(copy.files), tuple(copy.refused)


def _folder(copy: _Copy, parent: int, name: str, path: str, depth: int) -> None:
    try:
        descriptor = os.open(name, _NO_FOLLOW | os.O_DIRECTORY, dir_fd=parent)
    except NotADirectoryError:
        copy.refused.append(RefusedOutput(path, "not a folder"))
        return
    try:
        for entry in sorted(os.listdir(descriptor)):  # noqa: PTH208 - listed through a descriptor
            _entry(copy, descriptor, entry, f"{path}/{entry}", depth)
    finally:
        os.close(descriptor)


def _entry(copy: _Copy, parent: int, name: str, path: str, depth: int) -> None:
    if len(copy.files) + len(copy.refused) >= MAX_FILES:
        return
    mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode) and depth < MAX_DEPTH:
        _folder(copy, parent, name, path, depth + 1)
    elif stat.S_ISDIR(mode):
        copy.refused.append(RefusedOutput(path, f"deeper than {MAX_DEPTH} folders"))
    elif not stat.S_ISREG(mode):
        copy.refused.append(RefusedOutput(path, f"not a plain file: {_kind(mode)}"))
    elif not _is_plain(path):
        copy.refused.append(RefusedOutput(ascii(path), "a name that is too long or no plain text"))
    else:
        _file(copy, parent, name, path)


def _file(copy: _Copy, parent: int, name: str, path: str) -> None:
    descriptor = os.open(name, _NO_FOLLOW, dir_fd=parent)
    try:
        # Sparse files: the size counts, since that is what a copy would take.
        size = os.fstat(descriptor).st_size
        if size > copy.max_file_bytes:
            reason = f"{size} bytes, more than {copy.max_file_bytes} for one file"
            copy.refused.append(RefusedOutput(path, reason))
        elif size > copy.left_bytes:
            reason = f"{size} bytes, more than the {copy.left_bytes} left"
            copy.refused.append(RefusedOutput(path, reason))
        else:
            copy.files.append(_write(copy.target / path, path, descriptor, size))
            copy.left_bytes -= size
    finally:
        os.close(descriptor)


def _write(target: Path, path: str, descriptor: int, size: int) -> OutputFile:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as file:
        for chunk in _chunks(descriptor, size):
            digest.update(chunk)
            file.write(chunk)
    return OutputFile(path, size, digest.hexdigest(), target)


def _chunks(descriptor: int, size: int) -> Iterator[bytes]:
    while size > 0:
        chunk = os.read(descriptor, min(size, _CHUNK))
        if not chunk:
            return
        size -= len(chunk)
        yield chunk


def _is_plain(path: str) -> bool:
    # Undecodable bytes of a name arrive as surrogates, which are not printable either.
    return path.isprintable() and len(path) <= MAX_PATH


def _kind(mode: int) -> str:
    return {
        stat.S_IFLNK: "symbolic link",
        stat.S_IFIFO: "pipe",
        stat.S_IFSOCK: "socket",
        stat.S_IFCHR: "device",
        stat.S_IFBLK: "device",
    }.get(stat.S_IFMT(mode), "unknown")
