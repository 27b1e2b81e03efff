"""The read-only software that every job finds: the machine's /usr and the agent's own Python."""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = "/opt/python"
_USR = Path("/usr")


@dataclass(frozen=True, slots=True)
class Runtime:
    """What is mounted where, and the variables that make it found."""

    mounts: tuple[tuple[Path, str], ...]
    path: str
    python_path: str
    library_path: str


def own_runtime() -> Runtime:
    """This interpreter and the packages of its virtual environment.

    Just these two folders: an interpreter may well be installed below a private home folder.
    """
    base = Path(sys.base_prefix).resolve()
    packages = Path(sysconfig.get_path("purelib")).resolve()
    mounts = [(packages, f"{ROOT}/packages")]
    path, library_path = "/usr/local/bin:/usr/bin:/bin", ""
    if not base.is_relative_to(_USR):
        mounts.append((base, f"{ROOT}/base"))
        path = f"{ROOT}/base/bin:{path}"
        # An interpreter built as a shared library remembers where it was installed.
        library_path = f"{ROOT}/base/lib"
    elif base != _USR:
        path = f"{base}/bin:{path}"
    return Runtime(tuple(mounts), path, f"{ROOT}/packages", library_path)
