"""What must survive a crash, appended to one file and on disk before anybody hears of it.

A record is a head (length, CRC-32 of the body, CRC-32 of these two; four bytes each, big endian)
and canonical JSON. The last record may be torn by a crash: nobody has heard of it, it is cut off.
Damage anywhere else stops the agent.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import threading
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from contracts.protocol.wire import canonical_json

_HEAD = struct.Struct(">III")
_SUMMED = struct.Struct(">II")
MAX_RECORD_BYTES = 16 << 20


class JournalError(Exception):
    """The journal cannot be read or written; without it the agent does not work."""


@dataclass(frozen=True, slots=True)
class LeaseAccepted:
    """A confirmed lease that the agent began to serve; what it needs to go on after a restart."""

    lease: str
    series: str
    holder: str
    milli: int
    start: int
    end: int
    simulated: bool
    device_class: str
    receipt_interval: int
    unsigned_intervals: int
    redeemed_gpu_ms: str


@dataclass(frozen=True, slots=True)
class JobStarted:
    """Written before the job's first instruction: a job that stands here is never started again."""

    lease: str
    job: str


@dataclass(frozen=True, slots=True)
class ReceiptIssued:
    """A receipt with both signatures and the samples under it; its sequence is used up."""

    lease: str
    sequence: int
    receipt: dict[str, Any]
    signature: str
    voucher_signature: str
    samples: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ReceiptSigned:
    """The holder counter-signed the voucher of a receipt."""

    lease: str
    sequence: int
    holder_signature: str


@dataclass(frozen=True, slots=True)
class JobEnded:
    """How a job ended."""

    lease: str
    job: str
    status: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class LeaseFinished:
    """Nothing is left to do for a lease."""

    lease: str


Record: TypeAlias = (
    LeaseAccepted | JobStarted | ReceiptIssued | ReceiptSigned | JobEnded | LeaseFinished
)
_KINDS: dict[str, type[Record]] = {
    "lease-accepted": LeaseAccepted,
    "job-started": JobStarted,
    "receipt-issued": ReceiptIssued,
    "receipt-signed": ReceiptSigned,
    "job-ended": JobEnded,
    "lease-finished": LeaseFinished,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class Journal:
    """The open file; one agent at a time, many threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._claim()
            content = path.read_bytes()
            self.records, self._size = read_records(content)
            if self._size < len(content):
                os.ftruncate(self._file, self._size)
            os.fsync(self._file)
            _sync_folder(path.parent)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def append(self, record: Record) -> None:
        """Put a record on disk; when this returns it is there. On failure the file is as before."""
        data = encode_record(record)
        with self._lock:
            try:
                _write_all(self._file, data, self._size)
                os.fsync(self._file)
            except OSError as error:
                self._undo()
                raise JournalError(f"cannot write {self._path}: {error}") from error
            self._size += len(data)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            os.close(self._file)

    def compact(self) -> None:
        """Drop the records of finished leases; the file is replaced as a whole."""
        finished = {r.lease for r in self.records if isinstance(r, LeaseFinished)}
        if not finished:
            return
        kept = [record for record in self.records if record.lease not in finished]
        temporary = self._path.with_name(self._path.name + ".new")
        with self._lock, temporary.open("w+b") as file:
            file.write(b"".join(encode_record(record) for record in kept))
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o600)
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            os.replace(temporary, self._path)  # noqa: PTH105 - the atomic one
            _sync_folder(self._path.parent)
            # The duplicate shares the lock; the old descriptor keeps its number.
            os.dup2(file.fileno(), self._file, inheritable=False)
            self._size = os.fstat(self._file).st_size
            self.records = kept

    def _claim(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(f"another agent works on {self._path}") from error

    def _undo(self) -> None:
        try:
            os.ftruncate(self._file, self._size)
        except OSError as error:
            raise JournalError(f"cannot undo a write to {self._path}: {error}") from error


def encode_record(record: Record) -> bytes:
    """Bytes of one record."""
    value = {"kind": _NAMES[type(record)], **asdict(record)}
    # Canonical JSON has lists only.
    body = canonical_json({k: list(v) if isinstance(v, tuple) else v for k, v in value.items()})
    if len(body) > MAX_RECORD_BYTES:
        raise JournalError(f"a record of at most {MAX_RECORD_BYTES} bytes; given {len(body)}")
    summed = _SUMMED.pack(len(body), zlib.crc32(body))
    return summed + zlib.crc32(summed).to_bytes(4, "big") + body


def read_records(content: bytes) -> tuple[list[Record], int]:
    """All whole records and the size that they take; raises ``JournalError`` on damage."""
    records: list[Record] = []
    position = 0
    while position < len(content):
        body = _body_at(content, position)
        if body is None:
            break
        records.append(_decode(body, position))
        position += _HEAD.size + len(body)
    return records, position


def _body_at(content: bytes, position: int) -> bytes | None:
    """The record's JSON; None where the file ends inside of it or it is the torn last one."""
    start = position + _HEAD.size
    head = content[position:start]
    if len(head) < _HEAD.size or not any(head):
        return None
    length, crc, head_crc = _HEAD.unpack(head)
    if zlib.crc32(head[: _SUMMED.size]) != head_crc:
        raise JournalError(f"damaged at byte {position}: the head's checksum does not fit")
    end = start + length
    if end > len(content):
        return None
    body = content[start:end]
    if zlib.crc32(body) == crc:
        return body
    if any(content[end:]):
        raise JournalError(f"damaged at byte {position}: the checksum does not fit")
    return None


def _decode(body: bytes, position: int) -> Record:
    try:
        data = json.loads(body)
        kind = _KINDS[data.pop("kind")]
        known = {field.name for field in fields(kind)}
        if "samples" in data:
            data["samples"] = tuple(data["samples"])
        return kind(**{name: value for name, value in data.items() if name in known})
    except (ValueError, KeyError, TypeError) as error:
        raise JournalError(f"damaged at byte {position}: {error!r}") from error


def _write_all(file: int, data: bytes, position: int) -> None:
    while data:
        written = os.pwrite(file, data, position)
        data, position = data[written:], position + written


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
