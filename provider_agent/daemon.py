"""The running agent: heartbeat, inventory, work. Leases are served by their own threads."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from provider_agent.answers import Work
from provider_agent.gpu.backend import Device, GpuError
from provider_agent.home import replace_file
from provider_agent.inventory import sign_inventory
from provider_agent.journal import JournalError
from provider_agent.lease_book import replay
from provider_agent.transport import ApiRefusedError, ApiUnreachableError
from provider_agent.worker import LeaseWorker
from provider_agent.workshop import Workshop

log = structlog.get_logger()
WORK_WAIT_S = 20
_NOTHING_NEW_S = 0.5
_AGAIN_S = 2.0
_INVENTORY_EVERY_S = 3600.0
_JOIN_S = 30.0


@dataclass(frozen=True, slots=True)
class _Face:
    """What of a device makes another inventory."""

    uuid: str
    device_class: str
    healthy: bool


class Daemon:
    """``run`` returns after ``stop``; raises where the agent cannot go on."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._stop = threading.Event()
        self._workers: dict[str, LeaseWorker] = {}
        self._lock = threading.Lock()
        self._face: tuple[_Face, ...] = ()
        self._claimed_at: float | None = None
        self._failure: Exception | None = None

    def stop(self) -> None:
        """Take no more work, let running jobs end within the grace time, report, return."""
        self._stop.set()

    def run(self) -> None:
        """Work until stopped."""
        self._shop.pool.refresh()
        self._resume()
        # A long poll cannot be interrupted: nobody waits for its thread.
        for task in (self._beat, self._find_work):
            name = task.__name__.strip("_")
            threading.Thread(target=self._guarded, args=(task,), name=name, daemon=True).start()
        self._stop.wait()
        self._end_workers()
        if self._failure is not None:
            raise self._failure

    def _guarded(self, task: Callable[[], None]) -> None:
        """A loop that died in silence would leave an agent that only looks alive."""
        try:
            task()
        except Exception as error:  # noqa: BLE001 - whatever it is, the agent must not go on
            if not self._stop.is_set():
                self._fail(error)

    # ------------------------------------------------------------------ work

    def _resume(self) -> None:
        for history in replay(self._shop.journal.records).values():
            log.info("lease.resumed", lease=history.lease.id, receipts=len(history.issued))
            self._add(LeaseWorker(self._shop, None, history))

    def _find_work(self) -> None:
        while not self._stop.is_set():
            try:
                work = self._shop.client.work(WORK_WAIT_S)
            except ApiUnreachableError as error:
                log.warning("work.unreachable", error=str(error))
                self._stop.wait(_AGAIN_S)
            except ApiRefusedError as error:
                # Before the chain's news of our enrolment has reached the API, for example.
                log.warning("work.refused", code=error.code, error=str(error))
                self._stop.wait(_AGAIN_S)
            else:
                # The API answers at once while a job waits, even behind another of its lease.
                if not self._take(work):
                    self._stop.wait(_NOTHING_NEW_S)
            self._check_workers()

    def _take(self, work: Sequence[Work]) -> bool:
        is_new = not work
        for item in work:
            with self._lock:
                worker = self._workers.get(item.lease.id)
            if worker is None:
                worker = self._new_worker(item)
            is_new |= worker.hand_over(item)
        return is_new

    def _new_worker(self, item: Work) -> LeaseWorker:
        if item.lease.last_sequence:
            # We never issued these: a journal was lost or somebody else has our key.
            self._fail(
                JournalError(
                    f"the API has receipt {item.lease.last_sequence} of lease {item.lease.id}, "
                    "our journal has none: restore the journal or replace the agent key"
                )
            )
        worker = LeaseWorker(self._shop, item.lease.offer())
        if not self._stop.is_set():
            self._add(worker)
        return worker

    def _add(self, worker: LeaseWorker) -> None:
        with self._lock:
            self._workers[worker.lease_id] = worker
        worker.start()

    def _check_workers(self) -> None:
        for worker in self._all_workers():
            if worker.failure is not None:
                self._fail(worker.failure)

    def _fail(self, error: Exception) -> None:
        log.critical("agent.failed", error=str(error))
        self._failure = error
        self._stop.set()

    def _end_workers(self) -> None:
        grace = self._shop.settings.stop_grace_s
        for worker in self._all_workers():
            worker.stop_within(grace)
        for worker in self._all_workers():
            if worker.is_alive():
                worker.join(2 * grace + _JOIN_S)

    def _all_workers(self) -> list[LeaseWorker]:
        with self._lock:
            return list(self._workers.values())

    # ------------------------------------------------------------------ heartbeat

    def _beat(self) -> None:
        while not self._stop.is_set():
            try:
                devices = self._shop.pool.refresh()
                self._claim(devices)
                leases = [w.lease_id for w in self._all_workers() if w.is_alive()]
                healthy = [(device.uuid, device.healthy) for device in devices]
                self._shop.client.heartbeat(healthy, leases)
                self._write_status(devices)
            except (ApiUnreachableError, ApiRefusedError) as error:
                log.warning("heartbeat.failed", error=str(error))
            except (GpuError, OSError) as error:
                self._fail(error)
            self._stop.wait(self._shop.settings.heartbeat_s)

    def _claim(self, devices: Sequence[Device]) -> None:
        """Post the inventory at the start, when it changes, and now and then."""
        face = tuple(_Face(d.uuid, d.device_class, d.healthy) for d in devices)
        now = self._shop.clock.monotonic()
        is_old = self._claimed_at is None or now - self._claimed_at >= _INVENTORY_EVERY_S
        if not devices or (face == self._face and not is_old):
            return
        shop = self._shop
        signed = sign_inventory(
            devices,
            shop.enrolment,
            shop.agent,
            sequence=_next_sequence(shop.home.root / "inventory", int(shop.clock.wall() * 1000)),
            now=int(shop.clock.wall()),
        )
        shop.client.post_inventory(signed.inventory, signed.signature, signed.report)
        log.info("inventory.posted", devices=len(devices))
        self._face, self._claimed_at = face, now

    def _write_status(self, devices: Sequence[Device]) -> None:
        status = {
            "at": int(self._shop.clock.wall()),
            "provider": self._shop.enrolment.provider,
            "agent": self._shop.agent.address,
            "simulated": self._shop.backend.simulated,
            "devices": [
                {
                    "uuid": device.uuid,
                    "name": device.name,
                    "device_class": device.device_class,
                    "healthy": device.healthy,
                    "fault": device.fault,
                    "denied": list(device.denied),
                }
                for device in devices
            ],
            "leases": [worker.lease_id for worker in self._all_workers() if worker.is_alive()],
        }
        replace_file(self._shop.home.status_file, json.dumps(status))


def _next_sequence(file: Path, at_least: int) -> int:
    """Milliseconds, but always more than the last time: a clock may be set back."""
    last = int(file.read_text()) if file.exists() else 0
    sequence = max(last + 1, at_least)
    replace_file(file, str(sequence))
    return sequence
