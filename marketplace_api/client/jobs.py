"""What a buyer hands in to be run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.protocol.errors import ProtocolError

MAX_BLOB_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job may use; the sandbox ends it where it wants more."""

    memory_mib: int = 1024
    cpus: int = 1
    pids: int = 64
    wall_s: int = 3600
    disk_mib: int = 256
    output_mib: int = 16


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that the job finds under ``path``, named by its content."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to upload."""

    path: str
    """Where the job finds it, relative to its working folder."""
    content: bytes

    @property
    def sha256(self) -> str:
        """Its name in the store."""
        return hashlib.sha256(self.content).hexdigest()

    @classmethod
    def read(cls, source: Path, path: str | None = None) -> LocalFile:
        """Read a file; refuses what the store would refuse."""
        try:
            content = source.read_bytes()
        except OSError as error:
            raise ProtocolError("input", "a file that can be read", str(source)) from error
        if len(content) > MAX_BLOB_BYTES:
            raise ProtocolError(str(source), f"at most {MAX_BLOB_BYTES} bytes", len(content))
        return cls(path or source.name, content)


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One job of a lease."""

    name: str
    argv: tuple[str, ...]
    inputs: tuple[InputFile, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()

    def to_wire(self) -> dict[str, object]:
        """JSON-ready form."""
        return {
            "name": self.name,
            "argv": list(self.argv),
            "env": dict(self.env),
            "limits": {name: getattr(self.limits, name) for name in Limits.__dataclass_fields__},
            "inputs": [{"path": item.path, "sha256": item.sha256} for item in self.inputs],
        }
