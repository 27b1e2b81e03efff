"""Files by content: written once under their SHA-256, never changed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from sqlalchemy.orm import Session

from contracts.protocol.errors import ProtocolError
from marketplace_api.jobs import repository
from marketplace_api.problems import ForbiddenError, NotFoundError


def check_digest(sha256: str, content: bytes) -> None:
    """The name says what is inside."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ProtocolError("sha256", f"the digest of the body, {found}", sha256)


def write(folder: Path, sha256: str, content: bytes) -> str:
    """Write a file if it is not there; its path below the folder."""
    path = f"{sha256[:2]}/{sha256}"
    target = folder / path
    if target.exists() and target.stat().st_size == len(content):
        return path
    target.parent.mkdir(parents=True, exist_ok=True)
    # Renamed into place when complete and on disk: a crash leaves no half file under this name.
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as draft:
        draft.write(content)
        draft.flush()
        os.fsync(draft.fileno())
    Path(draft.name).replace(target)
    return path


def store(session: Session, wallet: str, sha256: str, size: int, path: str) -> None:
    """Note a written file."""
    repository.add_blob(session, sha256, size, path, wallet)


def open_for(session: Session, wallet: str, sha256: str, folder: Path) -> Path:
    """Where the file lies, for somebody who may read it."""
    blob = repository.find_blob(session, sha256)
    if blob is None:
        raise NotFoundError("blob", sha256)
    if not repository.may_read_blob(session, wallet, sha256):
        limit = "a file of yours or of a job of yours"
        raise ForbiddenError(
            f"blob: {limit}; given {sha256}", field="blob", limit=limit, given=sha256
        )
    return folder / blob.path


def require_owned(session: Session, wallet: str, field: str, digests: list[str]) -> None:
    """Naming a file gives others access to it, so only its owner may."""
    missing = sorted(set(digests) - repository.owned_blobs(session, wallet, digests))
    if missing:
        error = NotFoundError("blob", missing[0])
        error.field, error.limit = field, "a file that you uploaded"
        raise error
