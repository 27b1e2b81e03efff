"""Everything that the agent takes from its environment, read once."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from provider_agent.gpu.select import BackendChoice
from provider_agent.gpu.simulated import DEFAULT_NAME
from provider_agent.runner.spec import MIB, Limits


def _memory_mib() -> int:
    return int(psutil.virtual_memory().total * 8 // 10 // MIB)


def _cpu_milli() -> int:
    return 1000 * (os.cpu_count() or 1)


class AgentSettings(BaseSettings):
    """Environment variables have the names of the fields in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    api_url: str = "http://127.0.0.1:8700"
    rpc_url: str | None = None
    """A node that the agent trusts; without one it asks the API which to use."""
    deployment_file: Path | None = None
    """Where the contracts stand; without one they are taken from the API at enrolment and kept."""
    confirmations: int = Field(default=1, ge=1)
    """Blocks that must hold a lease before work begins; 1 is the block of the fill itself."""
    gpubourse_home: Path | None = None
    """Folder of the stack on this machine, whose `status` and `down` then know the agent."""
    gpu_backend: BackendChoice = BackendChoice.AUTO
    simulated_devices: int = Field(default=1, ge=1, le=64)
    simulated_name: str = DEFAULT_NAME
    heartbeat_s: float = Field(default=2.0, gt=0)
    idle_before_final_s: float = Field(default=1.0, ge=0)
    """How long a lease waits for another job before its usage is declared final."""
    stop_grace_s: float = Field(default=10.0, ge=0)
    """How long running jobs may go on after the agent was told to stop."""
    job_max_memory_mib: int = Field(default_factory=_memory_mib)
    job_max_cpu_milli: int = Field(default_factory=_cpu_milli)
    job_max_pids: int = 4096
    job_max_wall_s: int = 168 * 3600
    job_max_disk_mib: int = 8192
    job_max_output_mib: int = 1024

    @property
    def most(self) -> Limits:
        """The most that any job may ask for on this machine."""
        return Limits(
            memory_mib=self.job_max_memory_mib,
            cpu_milli=self.job_max_cpu_milli,
            pids=self.job_max_pids,
            wall_s=self.job_max_wall_s,
            disk_mib=self.job_max_disk_mib,
            output_mib=self.job_max_output_mib,
        )
