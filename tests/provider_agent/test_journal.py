"""The journal survives being killed at any byte, and says so when it was damaged."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from provider_agent.journal import (
    JobEnded,
    JobStarted,
    Journal,
    JournalError,
    LeaseAccepted,
    LeaseFinished,
    ReceiptIssued,
    ReceiptSigned,
    Record,
    encode_record,
    read_records,
)

LEASE = LeaseAccepted("L1", str(1 << 180), "0xholder", 1000, 10, 82, True, "0xclass", 5, 3, "0")
RECORDS: list[Record] = [
    LEASE,
    JobStarted("L1", "J1"),
    ReceiptIssued("L1", 1, {"sequence": 1}, "0x01", "0x02", ({"at_ms": 1, "u": None},)),
    ReceiptSigned("L1", 1, "0x03"),
    JobEnded("L1", "J1", "succeeded", "exit"),
]


def write(path: Path, records: list[Record]) -> None:
    with Journal(path) as journal:
        for record in records:
            journal.append(record)


class TestSurvival:
    def test_open__after_appends__has_every_record(self, tmp_path: Path) -> None:
        write(tmp_path / "j", RECORDS)
        with Journal(tmp_path / "j") as journal:
            assert journal.records == RECORDS

    def test_open__cut_at_every_byte__keeps_whole_records_and_takes_new_ones(
        self, tmp_path: Path
    ) -> None:
        write(tmp_path / "j", RECORDS)
        content = (tmp_path / "j").read_bytes()
        ends, position = [0], 0
        for record in RECORDS:
            position += len(encode_record(record))
            ends.append(position)
        for cut in range(len(content) + 1):
            path = tmp_path / "cut"
            path.write_bytes(content[:cut])
            whole = sum(end <= cut for end in ends) - 1
            with Journal(path) as journal:
                assert journal.records == RECORDS[:whole]
                journal.append(JobStarted("L1", "J2"))
            assert read_records(path.read_bytes())[0] == [*RECORDS[:whole], JobStarted("L1", "J2")]

    @pytest.mark.parametrize("tail", [b"\0" * 7, b"\0" * 4096])
    def test_open__file_grown_but_not_written__is_cut(self, tmp_path: Path, tail: bytes) -> None:
        write(tmp_path / "j", RECORDS)
        with (tmp_path / "j").open("ab") as file:
            file.write(tail)
        with Journal(tmp_path / "j") as journal:
            assert journal.records == RECORDS

    def test_open__any_byte_before_the_last_record_flipped__is_refused(
        self, tmp_path: Path
    ) -> None:
        write(tmp_path / "j", RECORDS)
        content = (tmp_path / "j").read_bytes()
        last = len(content) - len(encode_record(RECORDS[-1]))
        for position in random.Random(1).sample(range(last), 100):
            damaged = bytearray(content)
            damaged[position] ^= 0x40
            (tmp_path / "j").write_bytes(damaged)
            with pytest.raises(JournalError, match="damaged at byte"):
                Journal(tmp_path / "j")

    def test_append__process_killed_while_writing__loses_only_what_nobody_heard_of(
        self, tmp_path: Path
    ) -> None:
        program = (
            "import sys\nfrom pathlib import Path\n"
            "from provider_agent.journal import Journal, JobStarted\n"
            "with Journal(Path(sys.argv[1])) as journal:\n"
            "    for n in range(10**6):\n"
            "        journal.append(JobStarted('L', str(n)))\n"
            "        print(n, flush=True)\n"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "j")],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout is not None
        for _ in range(25):
            child.stdout.readline()
        child.kill()
        heard = child.stdout.read().split()
        child.wait()
        with Journal(tmp_path / "j") as journal:
            found = [record.job for record in journal.records if isinstance(record, JobStarted)]
        assert found == [str(n) for n in range(len(found))]
        assert len(found) - (25 + len(heard)) in (0, 1)


class TestWriting:
    def test_append__disk_full__changes_nothing_and_goes_on_later(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Journal(tmp_path / "j") as journal:
            journal.append(RECORDS[0])
            real = os.pwrite

            def full(file: int, data: bytes, offset: int) -> int:
                real(file, data[: len(data) // 2], offset)
                raise OSError(errno.ENOSPC, "No space left on device")

            monkeypatch.setattr(os, "pwrite", full)
            with pytest.raises(JournalError, match="No space left"):
                journal.append(RECORDS[1])
            monkeypatch.undo()
            assert read_records((tmp_path / "j").read_bytes())[0] == RECORDS[:1]
            journal.append(RECORDS[2])
        assert read_records((tmp_path / "j").read_bytes())[0] == [RECORDS[0], RECORDS[2]]

    def test_open__twice__is_refused(self, tmp_path: Path) -> None:
        with Journal(tmp_path / "j"), pytest.raises(JournalError, match="another agent"):
            Journal(tmp_path / "j")

    def test_new__file__is_for_its_owner_only(self, tmp_path: Path) -> None:
        with Journal(tmp_path / "j"):
            assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600

    def test_compact__finished_lease__is_dropped_and_the_lock_stays(self, tmp_path: Path) -> None:
        other = [LeaseAccepted(**{**_as_dict(LEASE), "lease": "L2"}), JobStarted("L2", "J9")]
        write(tmp_path / "j", [*RECORDS, *other, LeaseFinished("L1")])
        with Journal(tmp_path / "j") as journal:
            journal.compact()
            assert journal.records == other
            with pytest.raises(JournalError, match="another agent"):
                Journal(tmp_path / "j")
            journal.append(JobEnded("L2", "J9", "lost", None))
        assert read_records((tmp_path / "j").read_bytes())[0] == [
            *other,
            JobEnded("L2", "J9", "lost", None),
        ]


def _as_dict(record: LeaseAccepted) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__slots__}  # type: ignore[attr-defined]
