"""What the API answers an agent, checked; unknown members are ignored so that it may add some."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from contracts.protocol.lifecycle import JobStatus
from provider_agent.lease_check import LeaseOffer
from provider_agent.runner.spec import InputFile, JobSpec, Limits


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Nonce(_Answer):
    """What a login message must contain."""

    nonce: str
    domain: str
    uri: str
    chain_id: int


class Market(_Answer):
    """Where the contracts stand."""

    chain_id: int
    rpc_url: str
    market: str
    registry: str
    payment_token: str
    allow_simulated: bool


class LeaseAnswer(_Answer):
    """A lease of this provider; wide integers arrive as strings."""

    id: str
    series: int
    holder: str
    milli: int
    start: int
    end: int
    simulated: bool
    last_sequence: int = 0
    """Of the last receipt that the API has."""

    def offer(self) -> LeaseOffer:
        """For the check against the chain."""
        return LeaseOffer(
            self.id, self.series, self.holder, self.milli, self.start, self.end, self.simulated
        )


class LimitsAnswer(_Answer):
    """What the holder lets the job use."""

    memory_mib: int = 1024
    cpus: float = 1
    pids: int = 64
    wall_s: int = 3600
    disk_mib: int = 256
    output_mib: int = 16


class InputAnswer(_Answer):
    """A file by content."""

    path: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class JobAnswer(_Answer):
    """A job of a lease."""

    id: str = Field(pattern="^[0-9a-zA-Z-]{1,64}$")
    status: JobStatus
    argv: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    limits: LimitsAnswer = LimitsAnswer()
    inputs: tuple[InputAnswer, ...] = ()
    cancel_requested: bool = False

    @property
    def is_cancelled(self) -> bool:
        """Whether its holder wants it ended."""
        return self.cancel_requested or self.status is JobStatus.CANCELLED

    def spec(self) -> JobSpec:
        """For the sandbox, which checks it."""
        limits = self.limits
        return JobSpec(
            job=self.id,
            argv=self.argv,
            env=tuple(self.env.items()),
            limits=Limits(
                memory_mib=limits.memory_mib,
                cpu_milli=int(limits.cpus * 1000),
                pids=limits.pids,
                wall_s=limits.wall_s,
                disk_mib=limits.disk_mib,
                output_mib=limits.output_mib,
            ),
            inputs=tuple(InputFile(item.path, item.sha256) for item in self.inputs),
        )


class Work(_Answer):
    """A lease with the jobs that are not over."""

    lease: LeaseAnswer
    jobs: tuple[JobAnswer, ...] = ()


class StoredReceipt(_Answer):
    """A receipt as the API keeps it."""

    receipt: dict[str, Any]
    holder_signature: str | None = None
