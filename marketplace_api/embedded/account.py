"""The account that a server runs under when we are root and it refuses to be."""

from __future__ import annotations

import pwd
import shutil
import stat
import subprocess
from pathlib import Path

_NAME = "gpubourse-db"
_FALLBACK = "nobody"


def unprivileged_account() -> tuple[int, int]:
    """User and group id of an account of its own, else of `nobody` where none can be made."""
    entry = _find(_NAME) or _create(_NAME) or _find(_FALLBACK)
    if entry is None:
        raise LookupError(f"neither {_NAME} nor {_FALLBACK} is a user of this machine")
    return entry.pw_uid, entry.pw_gid


def make_reachable(folder: Path) -> None:
    """Let other accounts pass through (not list) the folders that lead to this one."""
    for step in (folder, *folder.parents):
        mode = step.stat().st_mode
        if not mode & stat.S_IXOTH:
            step.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _create(name: str) -> pwd.struct_passwd | None:
    """None where it can't be made: no useradd, or a read-only /etc."""
    if useradd := shutil.which("useradd"):
        subprocess.run(
            [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name],
            capture_output=True,
            check=False,
        )
    return _find(name)
