"""Measures a lease: a sample a second of devices and job, and GPU-ms from the monotonic clock.

GPU-ms are ``milli x running time``. The wall clock only labels: when it jumps no amount changes.
Samples are tamper-evident, not true; truth comes from the counter-signature.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.protocol.hashing import merkle_leaf, merkle_root
from contracts.protocol.units import GpuMs, Milli
from contracts.protocol.wire import canonical_json
from provider_agent.gpu.backend import Device, GpuBackend, Sample
from provider_agent.runner.driver import Usage

SAMPLE_S = 1.0


class Clock(Protocol):
    """Both clocks; a test has its own."""

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    def wall(self) -> float:
        """Unix time."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    def wall(self) -> float:
        """Unix time."""
        return time.time()


@dataclass(frozen=True, slots=True)
class Leaf:
    """One sample as it goes into the tree."""

    lease: str
    job: str
    at_ms: int
    monotonic_ms: int
    running_ms: int
    """Cumulative over the jobs of the lease, since the agent started."""
    gpu_ms: int
    cpu_us: int
    memory_bytes: int
    memory_peak_bytes: int
    pids: int
    simulated: bool
    devices: tuple[Sample, ...]

    def to_json(self) -> dict[str, object]:
        """What is hashed: the canonical JSON of this. ``null`` where a device does not tell."""
        return {
            "lease": self.lease,
            "job": self.job,
            "at_ms": self.at_ms,
            "monotonic_ms": self.monotonic_ms,
            "running_ms": self.running_ms,
            "gpu_ms": self.gpu_ms,
            "cpu_us": self.cpu_us,
            "memory_bytes": self.memory_bytes,
            "memory_peak_bytes": self.memory_peak_bytes,
            "pids": self.pids,
            "simulated": self.simulated,
            "devices": [_device_json(sample) for sample in self.devices],
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured since the last receipt; totals are cumulative."""

    leaves: tuple[Leaf, ...]
    gpu_ms: GpuMs
    energy_mj: int
    energy_measured: bool
    began_at: float | None
    """Wall time at which a job first ran in this interval; None where none did."""

    @property
    def root(self) -> bytes:
        """Merkle root of the samples."""
        return samples_root([leaf.to_json() for leaf in self.leaves])


class Meter:
    """Measures one lease; ``base`` totals come from the journal. Used by one thread."""

    def __init__(
        self,
        lease: str,
        milli: int,
        devices: Sequence[Device],
        backend: GpuBackend,
        clock: Clock,
        *,
        base_gpu_ms: int = 0,
        base_energy_mj: int = 0,
    ) -> None:
        self._lease = lease
        self._milli = Milli(milli)
        self._devices = tuple(devices)
        self._backend = backend
        self._clock = clock
        self._base_gpu_ms = base_gpu_ms
        self._running_s = 0.0
        self._last_tick: float | None = None
        self._began_at: float | None = None
        self._leaves: list[Leaf] = []
        self._energy_mj = base_energy_mj
        # A share of a device has no counter of its own: its energy is not known.
        self._energy_measured = milli % 1000 == 0
        self._counters: dict[str, int] = {}

    @property
    def gpu_ms(self) -> GpuMs:
        """Cumulative since the start of the lease."""
        return GpuMs(self._base_gpu_ms + int(self._milli * self._running_s))

    @property
    def has_unreported(self) -> bool:
        """Whether there are samples that no receipt covers."""
        return bool(self._leaves)

    def begin(self) -> None:
        """A job starts to run now."""
        self._last_tick = self._clock.monotonic()
        if self._began_at is None:
            self._began_at = self._clock.wall()
        # What the devices took between jobs is nobody's.
        self._counters = {}
        self._add_energy([self._backend.sample(device) for device in self._devices])

    def sample(self, job: str, usage: Usage) -> tuple[Sample, ...]:
        """Read everything once; the devices' readings, so that the caller sees a lost one."""
        self._tick()
        readings = tuple(self._backend.sample(device) for device in self._devices)
        self._add_energy(readings)
        self._leaves.append(
            Leaf(
                lease=self._lease,
                job=job,
                at_ms=int(self._clock.wall() * 1000),
                monotonic_ms=int(self._clock.monotonic() * 1000),
                running_ms=int(self._running_s * 1000),
                gpu_ms=self.gpu_ms,
                cpu_us=usage.cpu_us,
                memory_bytes=usage.memory_bytes,
                memory_peak_bytes=usage.memory_peak_bytes,
                pids=usage.pids,
                simulated=any(device.simulated for device in self._devices),
                devices=readings,
            )
        )
        return readings

    def end(self, job: str, usage: Usage) -> None:
        """The job has ended: one last sample, and time stands still."""
        try:
            self.sample(job, usage)
        finally:
            self.pause()

    def pause(self) -> None:
        """No job runs: time stands still."""
        self._last_tick = None

    def drain(self) -> Measured:
        """What belongs into the next receipt; begins a new interval."""
        measured = Measured(
            tuple(self._leaves),
            self.gpu_ms,
            self._energy_mj,
            self._energy_measured and bool(self._devices),
            self._began_at,
        )
        self._leaves = []
        self._began_at = self._clock.wall() if self._last_tick is not None else None
        return measured

    def _tick(self) -> None:
        now = self._clock.monotonic()
        if self._last_tick is not None:
            self._running_s += now - self._last_tick
            self._last_tick = now

    def _add_energy(self, readings: Sequence[Sample]) -> None:
        for reading in readings:
            if reading.energy_mj is None:
                self._energy_measured = False
                continue
            before = self._counters.get(reading.uuid)
            # A counter that fell back was reset with the driver: what it lost is not known.
            if before is not None:
                self._energy_mj += max(0, reading.energy_mj - before)
            self._counters[reading.uuid] = reading.energy_mj


def samples_root(samples: Sequence[dict[str, object]]) -> bytes:
    """Merkle root over the canonical JSON of samples; anybody who has them computes the same."""
    return merkle_root([merkle_leaf(canonical_json(sample)) for sample in samples])


def _device_json(sample: Sample) -> dict[str, object]:
    return {
        "uuid": sample.uuid,
        "healthy": sample.healthy,
        "utilization_percent": sample.utilization_percent,
        "memory_used_bytes": sample.memory_used_bytes,
        "sm_clock_mhz": sample.sm_clock_mhz,
        "power_mw": sample.power_mw,
        "energy_mj": sample.energy_mj,
        "temperature_c": sample.temperature_c,
        "throttle_reasons": sample.throttle_reasons,
    }
