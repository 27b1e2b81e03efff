"""Made-up devices for machines without a driver; all that leaves them is marked simulated."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from provider_agent.gpu.backend import Device, Sample
from provider_agent.gpu.device_class import device_class_of

DEFAULT_NAME = "NVIDIA H100 80GB HBM3"
_MEMORY_BYTES = 85_520_809_984
_POWER_LIMIT_MW = 700_000
_IDLE_MW = 120_000
_MW_PER_PERCENT = 5_200
_NAMESPACE = uuid.UUID("6f0f2b9e-6d1c-5a53-9d3e-1b7a5c3b8a10")


class SimulatedBackend:
    """Deterministic H100-like devices: equal seeds and times give equal readings."""

    def __init__(
        self,
        seed: str,
        count: int = 1,
        name: str = DEFAULT_NAME,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._devices = tuple(_device(seed, index, name) for index in range(count))

    @property
    def simulated(self) -> bool:
        """Always."""
        return True

    def devices(self) -> tuple[Device, ...]:
        """The made-up devices."""
        return self._devices

    def sample(self, device: Device) -> Sample:
        """A plausible reading of this second; the energy counter is the integral of the power."""
        second, rest = divmod(int(self._clock() * 1000), 1000)
        percent = _utilization(second)
        power = _IDLE_MW + _MW_PER_PERCENT * percent
        return Sample(
            uuid=device.uuid,
            utilization_percent=percent,
            memory_utilization_percent=percent // 2,
            memory_used_bytes=(4 << 30) + (percent << 28),
            sm_clock_mhz=1980,
            memory_clock_mhz=2619,
            power_mw=power,
            energy_mj=_energy_before(second) + power * rest // 1000,
            temperature_c=38 + percent // 4,
            throttle_reasons=0,
            ecc_uncorrected=0,
            processes=(),
        )

    def close(self) -> None:
        """Nothing to let go of."""


def _device(seed: str, index: int, name: str) -> Device:
    # Not "GPU-": nobody should take it for an identity that a driver gave.
    identity = f"SIM-{uuid.uuid5(_NAMESPACE, f'{seed}/{index}')}"
    return Device(
        uuid=identity,
        name=name,
        device_class=device_class_of(name, _MEMORY_BYTES),
        index=index,
        simulated=True,
        memory_bytes=_MEMORY_BYTES,
        compute_capability="9.0",
        ecc_enabled=True,
        max_sm_clock_mhz=1980,
        max_memory_clock_mhz=2619,
        power_limit_mw=_POWER_LIMIT_MW,
    )


_PERIOD_S = 20


def _utilization(second: int) -> int:
    """A triangle between 70 and 90 %, so that a chart of it moves."""
    phase = second % _PERIOD_S
    return 70 + 2 * min(phase, _PERIOD_S - phase)


def _energy_before(second: int) -> int:
    """Millijoules of all seconds before this one: 1 mW over 1 s is 1 mJ."""
    periods, rest = divmod(second, _PERIOD_S)
    percents = periods * _PERCENT_SECONDS + sum(_utilization(s) for s in range(rest))
    return second * _IDLE_MW + _MW_PER_PERCENT * percents


_PERCENT_SECONDS = sum(_utilization(second) for second in range(_PERIOD_S))
