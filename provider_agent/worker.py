"""Serves one lease: confirms it on chain, runs its jobs in turn, meters, issues receipts."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from contracts.protocol.lifecycle import ExitReason, JobStatus
from provider_agent.answers import JobAnswer, Work
from provider_agent.chain import ChainUnreachableError
from provider_agent.courier import Courier
from provider_agent.gpu.backend import Device
from provider_agent.job_run import JobRun, JobTools
from provider_agent.journal import JobEnded, JournalError, LeaseFinished
from provider_agent.lease_book import LeaseHistory, accepted
from provider_agent.lease_check import (
    CheckedLease,
    LeaseNotYetError,
    LeaseOffer,
    LeaseRefusedError,
    check_lease,
)
from provider_agent.metering import SAMPLE_S, Meter
from provider_agent.receipt_desk import ReceiptDesk
from provider_agent.workshop import Workshop

log = structlog.get_logger()
_POLL_S = 0.1
_SIGNING_S = 3.0
"""How long a counter-signature may take before the receipt counts as unsigned."""
_SETTLE_S = 120.0
"""How long after the window the agent still waits for the last counter-signature."""


class LeaseWorker(threading.Thread):
    """One thread for each lease. The sandbox dies with this thread, so it outlives every job."""

    def __init__(
        self, shop: Workshop, offer: LeaseOffer | None, history: LeaseHistory | None = None
    ) -> None:
        self.lease_id = history.lease.id if history else offer.id if offer else ""
        super().__init__(name=f"lease-{self.lease_id}", daemon=True)
        self._shop = shop
        self._offer = offer
        self._history = history
        self._log = log.bind(lease=self.lease_id)
        self._lock = threading.Lock()
        self._jobs: deque[JobAnswer] = deque()
        self._seen: set[str] = set()
        self._cancelled: set[str] = set()
        self._running: JobRun | None = None
        self._stop_at: float | None = None
        self._issued_at = 0.0
        self._is_broken = False
        self.failure: JournalError | None = None

    # ------------------------------------------------------------------ from other threads

    def hand_over(self, work: Work) -> bool:
        """New jobs and cancellations of this lease; whether there was anything new."""
        is_new = False
        with self._lock:
            for job in work.jobs:
                if job.id not in self._seen:
                    self._seen.add(job.id)
                    self._jobs.append(job)
                    is_new = True
                if job.is_cancelled and job.id not in self._cancelled:
                    self._cancelled.add(job.id)
                    is_new = True
                    if self._running is not None and self._running.id == job.id:
                        self._running.cancel()
        return is_new

    def stop_within(self, grace_s: float) -> None:
        """Take no more jobs and end the running one by then."""
        self._stop_at = self._shop.clock.monotonic() + grace_s

    # ------------------------------------------------------------------ the thread

    def run(self) -> None:
        """Serve until the lease is settled, over or the agent stops."""
        try:
            with self._guarded():
                history = self._history or self._confirm()
                if history is not None:
                    self._serve(history)
            self._abandon()
        except JournalError as error:
            self._log.critical("lease.abandoned", error=str(error))
            self.failure = error

    def _confirm(self) -> LeaseHistory | None:
        assert self._offer is not None
        while not self._is_over(self._offer.end):
            try:
                lease = self._check(self._offer)
            except (LeaseNotYetError, ChainUnreachableError) as error:
                self._log.info("lease.not_confirmed", reason=str(error))
                self._pause()
            except LeaseRefusedError as error:
                self._log.warning("lease.refused", error=str(error))
                return None
            else:
                self._shop.journal.append(accepted(lease))
                self._log.info("lease.accepted", holder=lease.holder, milli=lease.milli)
                return LeaseHistory(lease)
        return None

    def _check(self, offer: LeaseOffer) -> CheckedLease:
        shop = self._shop
        if offer.simulated != shop.backend.simulated:
            raise LeaseRefusedError(
                "simulated", f"as our devices are, {shop.backend.simulated}", offer.simulated
            )
        return check_lease(
            offer,
            shop.chain,
            shop.enrolment.place,
            shop.agent.address,
            shop.settings.confirmations,
        )

    def _serve(self, history: LeaseHistory) -> None:
        shop, lease = self._shop, history.lease
        desk = ReceiptDesk(
            history, shop.enrolment.place, shop.agent, shop.journal, shop.client, shop.chain
        )
        desk.courier.start()
        devices: tuple[Device, ...] = ()
        try:
            with self._guarded():
                self._bury(history, desk)
                devices = self._take_devices(lease)
                if devices:
                    self._work(history, desk, devices)
            self._settle(desk)
        finally:
            shop.pool.give_back(devices, lease.milli)
            desk.courier.close()

    def _take_devices(self, lease: CheckedLease) -> tuple[Device, ...]:
        while not self._is_over(lease.end):
            devices = self._shop.pool.take(lease.device_class, lease.milli)
            if devices:
                return devices
            self._log.warning("lease.no_device", device_class=lease.device_class)
            time.sleep(1)
        return ()

    def _bury(self, history: LeaseHistory, desk: ReceiptDesk) -> None:
        """Jobs that were running when the agent died died with it; say so."""
        client = self._shop.client
        for job in history.interrupted:
            ended = JobEnded(history.lease.id, job, JobStatus.LOST, None)
            self._shop.journal.append(ended)
            history.ended[job] = ended
        for job, ended in history.ended.items():
            status = JobStatus(ended.status)
            # Said before the crash or not: saying it twice is saying it once.
            desk.courier.put(f"{status} again", _telling(client.post_status, job, status))

    # ------------------------------------------------------------------ while the lease lasts

    def _work(self, history: LeaseHistory, desk: ReceiptDesk, devices: tuple[Device, ...]) -> None:
        lease, last = history.lease, desk.last
        meter = Meter(
            lease.id,
            lease.milli,
            devices,
            self._shop.backend,
            self._shop.clock,
            base_gpu_ms=lease.redeemed_gpu_ms if last is None else last.used_gpu_ms,
            base_energy_mj=0 if last is None else last.energy_millijoules,
        )
        tools = JobTools(
            self._shop,
            lease.id,
            desk.courier,
            meter,
            devices,
            lambda: self._every_second(desk, meter, devices),
        )
        self._seen |= history.ended.keys()
        self._run_jobs(lease, desk, tools)
        self._close(desk, meter, devices)

    def _run_jobs(self, lease: CheckedLease, desk: ReceiptDesk, tools: JobTools) -> None:
        clock = self._shop.clock
        while clock.wall() < lease.start and not self._is_stopping:
            self._pause()
        self._issued_at = idle_since = clock.monotonic()
        while not (self._is_over(lease.end) or self._is_broken or desk.is_final or desk.refused):
            job = self._next_job(desk)
            if job is not None:
                self._run_one(JobRun(job, tools))
                idle_since = clock.monotonic()
                continue
            idle_s = clock.monotonic() - idle_since
            if desk.last is not None or tools.meter.has_unreported:
                if idle_s >= self._shop.settings.idle_before_final_s:
                    return
                tools.every_second()
            self._pause()

    def _run_one(self, run: JobRun) -> None:
        with self._lock:
            self._running = run
            if run.id in self._cancelled:
                run.cancel()
        try:
            run.run()
        finally:
            with self._lock:
                self._running = None

    def _next_job(self, desk: ReceiptDesk) -> JobAnswer | None:
        with self._lock:
            job = self._jobs.popleft() if self._jobs and not self._is_stopping else None
            is_cancelled = job is not None and job.id in self._cancelled
        if job is not None and (is_cancelled or job.status is JobStatus.RUNNING):
            # Running, but not by this process: nobody runs it any more.
            status = JobStatus.CANCELLED if is_cancelled else JobStatus.LOST
            post = self._shop.client.post_status
            desk.courier.put(status.value, _telling(post, job.id, status))
            return None
        return job

    def _every_second(
        self, desk: ReceiptDesk, meter: Meter, devices: tuple[Device, ...]
    ) -> ExitReason | None:
        lease, clock = desk.lease, self._shop.clock
        since = clock.monotonic() - self._issued_at
        # This is called once a second or so: what is due within half of it is due now.
        if since >= lease.receipt_interval - SAMPLE_S / 2 and meter.has_unreported:
            with self._guarded():
                self._issue(desk, meter, devices, is_final=False)
        if self._is_broken:
            # Without receipts nothing is paid: the job ends and is told as lost, not forgotten.
            return ExitReason.KILLED
        grace = min(_SIGNING_S, lease.receipt_interval)
        unsigned = desk.unsigned_before(clock.monotonic() - grace)
        is_unsigned = unsigned >= lease.unsigned_intervals
        if desk.refused or is_unsigned or clock.wall() >= lease.end:
            return ExitReason.LEASE_END
        if self._stop_at is not None and clock.monotonic() >= self._stop_at:
            return ExitReason.KILLED
        return None

    def _issue(
        self, desk: ReceiptDesk, meter: Meter, devices: tuple[Device, ...], *, is_final: bool
    ) -> None:
        clock = self._shop.clock
        uuids = tuple(device.uuid for device in devices)
        desk.issue(meter.drain(), clock, uuids, is_final=is_final)
        self._issued_at = clock.monotonic()

    # ------------------------------------------------------------------ the end

    def _close(self, desk: ReceiptDesk, meter: Meter, devices: tuple[Device, ...]) -> None:
        """The final receipt; none where nothing was ever used, or the agent only pauses."""
        used = desk.last is not None or meter.has_unreported
        if not used or self._is_broken or desk.is_final or desk.refused:
            return
        is_final = not self._is_stopping or self._shop.clock.wall() >= desk.lease.end
        if is_final or meter.has_unreported:
            self._issue(desk, meter, devices, is_final=is_final)

    def _settle(self, desk: ReceiptDesk) -> None:
        """Wait for the last counter-signature; then nothing is left to do for this lease."""
        lease, clock = desk.lease, self._shop.clock
        unpaid_until = lease.end + (_SETTLE_S if desk.last is not None else 0)
        while self._is_broken or (desk.last is not None and not desk.is_settled):
            if self._is_stopping:
                # What is not delivered is in the journal: the next start goes on from there.
                desk.courier.drain(self._shop.settings.stop_grace_s)
                return
            if clock.wall() >= unpaid_until:
                self._log.warning("lease.unsigned", unsigned=desk.unsigned)
                break
            self._turn_away(desk.courier)
            self._pause()
        if not self._is_stopping:
            self._turn_away(desk.courier)
        desk.courier.drain(self._shop.settings.stop_grace_s)
        if desk.last is not None or clock.wall() >= lease.end:
            self._shop.journal.append(LeaseFinished(lease.id))
            self._log.info("lease.finished")

    def _abandon(self) -> None:
        """Where the lease cannot be served for a bug of ours, none of its jobs waits for ever."""
        found = self._history.lease if self._history else self._offer
        if not self._is_broken or found is None:
            return
        courier = Courier(self.lease_id, lambda: None)
        courier.start()
        while not self._is_over(found.end):
            self._turn_away(courier)
            self._pause()
        courier.drain(self._shop.settings.stop_grace_s)
        courier.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """An error that nobody foresaw ends the work on this lease, never its thread."""
        try:
            yield
        except JournalError:
            raise
        except Exception as error:  # noqa: BLE001 - jobs must still be told as lost
            self._is_broken = True
            self._log.exception("lease.crashed", kind=type(error).__name__)

    def _turn_away(self, courier: Courier) -> None:
        """Jobs that come after the final receipt cannot be paid for."""
        post = self._shop.client.post_status
        with self._lock:
            late, self._jobs = list(self._jobs), deque()
        for job in late:
            courier.put("late", _telling(post, job.id, JobStatus.LOST))

    @property
    def _is_stopping(self) -> bool:
        return self._stop_at is not None

    def _is_over(self, end: int) -> bool:
        return self._is_stopping or self._shop.clock.wall() >= end

    def _pause(self) -> None:
        time.sleep(_POLL_S)


def _telling(
    post: Callable[[str, JobStatus], None], job: str, status: JobStatus
) -> Callable[[], None]:
    return lambda: post(job, status)
