"""Evidence bundles: canonical JSON in a file that is named by its hash."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from contracts.protocol.hashing import keccak
from contracts.protocol.wire import canonical_json


def store(folder: Path, bundle: object) -> bytes:
    """Keep a bundle; returns the hash that an attestation names. Storing twice is one file."""
    content = canonical_json(bundle)
    hash_ = keccak(content)
    path = path_of(folder, hash_)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{uuid4().hex}")
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            # The hash goes on chain: the file must be there after a power cut.
            os.fsync(file.fileno())
        draft.replace(path)
    return hash_


def path_of(folder: Path, hash_: bytes) -> Path:
    """Where the bundle with this hash lies."""
    name = hash_.hex()
    return folder / name[:2] / f"{name}.json"
