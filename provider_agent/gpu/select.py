"""Which backend this machine gets."""

from __future__ import annotations

from enum import StrEnum

from provider_agent.gpu.backend import GpuBackend, NoDriverError
from provider_agent.gpu.nvml import NvmlBackend
from provider_agent.gpu.simulated import DEFAULT_NAME, SimulatedBackend


class BackendChoice(StrEnum):
    """What the operator of the agent asked for."""

    AUTO = "auto"
    """The driver where there is one, else a simulated device."""
    NVML = "nvml"
    SIMULATED = "simulated"


def open_backend(
    choice: BackendChoice, seed: str, count: int = 1, name: str = DEFAULT_NAME
) -> GpuBackend:
    """Open the chosen backend; ``seed`` tells the simulated devices of two agents apart."""
    if choice is BackendChoice.SIMULATED:
        return SimulatedBackend(seed, count, name)
    try:
        return NvmlBackend()
    except NoDriverError:
        if choice is BackendChoice.NVML:
            raise
        return SimulatedBackend(seed, count, name)
