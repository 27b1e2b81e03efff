"""The buyer's watcher: counter-signs receipts of one lease, and only after checking them.

It never signs on the provider's word. It remembers on disk what it signed, before the signature
leaves, so that after a restart nobody can show it an older chain of receipts.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import JobStatus, LeaseStatus
from contracts.protocol.typed_data import voucher_of
from marketplace_api.client.answers import Lease, Market, StoredReceipt
from marketplace_api.client.client import Bourse
from marketplace_api.client.usage_checks import (
    DEFAULT_SKEW_S,
    Grounds,
    Observation,
    ReceiptRefusedError,
    Signed,
    check_receipt,
)

POLL_S = 0.3
_RAN = frozenset({JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED})


@dataclass(frozen=True, slots=True)
class Countersigned:
    """One counter-signature that was given."""

    sequence: int
    used_gpu_ms: int
    is_final: bool


class JobWatch:
    """What our own clock says of the jobs of a lease; fed by whoever sees something of them."""

    def __init__(
        self, clock: Callable[[], float] = time.time, first_seen: float | None = None
    ) -> None:
        self.clock = clock
        self._first_seen = first_seen
        self._last_seen = first_seen
        self._log_bytes = 0
        self._lock = threading.Lock()

    @property
    def first_seen(self) -> float | None:
        """When a job of the lease was first seen to run."""
        return self._first_seen

    def resume(self, first_seen: float | None) -> None:
        """Go on from what an earlier run of ours saw."""
        with self._lock:
            if first_seen is not None and self._first_seen is None:
                self._first_seen = self._last_seen = first_seen

    def saw_status(self, status: str) -> None:
        """A job has this status now."""
        known = JobStatus(status)
        if known in _RAN:
            self._touch(running=known is JobStatus.RUNNING)

    def saw_output(self, count: int) -> None:
        """So many bytes of output arrived just now."""
        self._touch(running=True, log_bytes=count)

    def observation(self) -> Observation:
        """Everything seen so far."""
        with self._lock:
            now = self.clock()
            if self._first_seen is None or self._last_seen is None:
                return Observation(now)
            seconds = self._last_seen - self._first_seen
            return Observation(now, seconds, self._log_bytes, job_seen=True)

    def _touch(self, *, running: bool, log_bytes: int = 0) -> None:
        with self._lock:
            now = self.clock()
            self._log_bytes += log_bytes
            if self._first_seen is None:
                self._first_seen = now
            if running or self._last_seen is None:
                self._last_seen = now


@dataclass(frozen=True, slots=True)
class Memory:
    """What survives a restart of the delegate."""

    signed: Signed
    first_seen: float | None = None


class Journal:
    """The memory of one lease, on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Memory:
        """What was signed last, and since when a job was seen."""
        try:
            data = json.loads(self._path.read_text())
        except FileNotFoundError:
            return Memory(Signed())
        signed = {**data["signed"], "struct_hash": bytes.fromhex(data["signed"]["struct_hash"])}
        return Memory(Signed(**signed), data["first_seen"])

    def save(self, memory: Memory) -> None:
        """Remember, and be sure of it, before a signature leaves."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        signed = {**asdict(memory.signed), "struct_hash": memory.signed.struct_hash.hex()}
        with draft.open("w") as file:
            file.write(json.dumps({"signed": signed, "first_seen": memory.first_seen}))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)


class Delegate:
    """Counter-signs the receipts of one lease with the delegate's key."""

    def __init__(
        self,
        bourse: Bourse,
        market: Market,
        lease_id: str,
        signer: Signer,
        journal: Journal,
        *,
        watch: JobWatch | None = None,
        skew_s: float = DEFAULT_SKEW_S,
    ) -> None:
        self._bourse = bourse
        self._market = market
        self._lease_id = lease_id
        self._signer = signer
        self._journal = journal
        self._skew_s = skew_s
        memory = journal.load()
        self._signed = memory.signed
        self._grounds: Grounds | None = None
        self.watch = watch or JobWatch()
        self.watch.resume(memory.first_seen)

    @property
    def is_done(self) -> bool:
        """Whether the final receipt is counter-signed."""
        return self._signed.is_final

    def run(
        self,
        stop: threading.Event,
        report: Callable[[Countersigned], None] = lambda _: None,
        poll_s: float = POLL_S,
    ) -> None:
        """Watch and sign until the final receipt, the end of the lease or ``stop``."""
        while not stop.is_set() and not self.is_done:
            for signed in self.step():
                report(signed)
            if self._bourse.lease(self._lease_id).is_over:
                return
            stop.wait(poll_s)

    def step(self) -> tuple[Countersigned, ...]:
        """Look once: at the jobs, then at new receipts; sign those that stand."""
        lease = self._bourse.lease(self._lease_id)
        if lease.status not in (LeaseStatus.ACTIVE, LeaseStatus.CLOSING):
            return ()
        self._observe()
        grounds = self._grounds_of(lease)
        done = []
        for stored in self._bourse.receipts(self._lease_id):
            if stored.sequence == self._signed.sequence and stored.holder_signature is None:
                self._repeat(stored)
            elif stored.sequence > self._signed.sequence:
                done.append(self._sign(stored, grounds))
        return tuple(done)

    def _observe(self) -> None:
        known = self.watch.first_seen
        for job in self._bourse.jobs(self._lease_id):
            self.watch.saw_status(job.status)
        if self.watch.first_seen != known:
            self._remember()

    def _remember(self) -> None:
        self._journal.save(Memory(self._signed, self.watch.first_seen))

    def _grounds_of(self, lease: Lease) -> Grounds:
        """What was bought, as the token id itself says it: the API's word is only compared."""
        if self._grounds is None:
            series = lease.window
            if series is None or lease.series is None:
                raise ProtocolError("lease.series", "the token id of an active lease", None)
            if (series.start, series.end) != (lease.start, lease.end):
                raise ProtocolError(
                    "lease.start, lease.end",
                    f"those of the token id, {series.start} and {series.end}",
                    (lease.start, lease.end),
                )
            self._grounds = Grounds(
                series=lease.series,
                holder=lease.holder,
                agent=self._agent_of(lease.provider),
                milli=lease.milli,
                start=series.start,
                end=series.end,
                simulated=lease.simulated,
                domain=self._market.domain,
            )
        return self._grounds

    def _agent_of(self, provider: str) -> str:
        agent = self._bourse.provider(provider).agent
        if agent is None:
            raise ProtocolError("provider.agent", "a registered agent key", None)
        return agent

    def _sign(self, stored: StoredReceipt, grounds: Grounds) -> Countersigned:
        seen = replace(self.watch.observation(), skew_s=self._skew_s)
        voucher = check_receipt(stored, self._signed, grounds, seen)
        signature = self._signer.sign(voucher, grounds.domain)
        self._signed = Signed.of(stored.receipt)
        self._remember()
        self._bourse.countersign(self._lease_id, stored.sequence, signature)
        return Countersigned(stored.sequence, voucher.used_gpu_ms, voucher.is_final)

    def _repeat(self, stored: StoredReceipt) -> None:
        """Signed by us before, but the signature never arrived: give the very same one again."""
        if stored.receipt.hash_struct() != self._signed.struct_hash:
            raise ReceiptRefusedError(
                "receipt", f"the one signed before, 0x{self._signed.struct_hash.hex()}", "another"
            )
        voucher = voucher_of(stored.receipt)
        signature = self._signer.sign(voucher, self._market.domain)
        self._bourse.countersign(self._lease_id, stored.sequence, signature)
