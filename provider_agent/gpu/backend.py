"""The interface to GPUs. What a device cannot tell is ``None``, never 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class GpuError(Exception):
    """Something about GPUs that the agent cannot work around."""


class NoDriverError(GpuError):
    """There is no NVIDIA driver to ask."""


class DriverReplacedError(GpuError):
    """The driver was exchanged under the running agent: only a restart helps."""


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process with GPU memory, by its number on the host."""

    pid: int
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Device:
    """One whole GPU or one MIG slice, as the driver describes it: a claim, never evidence."""

    uuid: str
    name: str
    device_class: str
    index: int
    simulated: bool
    healthy: bool = True
    fault: str | None = None
    """Why it is unhealthy."""
    denied: tuple[str, ...] = ()
    """What the driver knows but refused to tell this user."""
    parent: str | None = None
    """UUID of the whole card that a slice is cut from."""
    mig_profile: str | None = None
    memory_bytes: int | None = None
    serial: str | None = None
    vbios: str | None = None
    board_part: str | None = None
    pci_bus_id: str | None = None
    pci_device_id: int | None = None
    pci_subsystem_id: int | None = None
    compute_capability: str | None = None
    architecture: int | None = None
    multiprocessors: int | None = None
    driver_version: str | None = None
    cuda_version: int | None = None
    ecc_enabled: bool | None = None
    max_sm_clock_mhz: int | None = None
    max_memory_clock_mhz: int | None = None
    power_limit_mw: int | None = None
    minor: int | None = None
    """Number of the device node, ``/dev/nvidia<minor>``."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a device does right now."""

    uuid: str
    healthy: bool = True
    fault: str | None = None
    denied: tuple[str, ...] = ()
    utilization_percent: int | None = None
    memory_utilization_percent: int | None = None
    memory_used_bytes: int | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    power_mw: int | None = None
    energy_mj: int | None = None
    """Millijoules since the driver was loaded; falls back when it is loaded again."""
    temperature_c: int | None = None
    throttle_reasons: int | None = None
    ecc_uncorrected: int | None = None
    processes: tuple[GpuProcess, ...] | None = None


class GpuBackend(Protocol):
    """Where devices come from."""

    @property
    def simulated(self) -> bool:
        """Whether the devices are made up; everything that leaves them says so."""
        ...

    def devices(self) -> tuple[Device, ...]:
        """What could be sold now; a device that was lost stays in the list as unhealthy."""
        ...

    def sample(self, device: Device) -> Sample:
        """Read one device; a lost one gives an unhealthy sample, not an error."""
        ...

    def close(self) -> None:
        """Let go of the driver."""
        ...
