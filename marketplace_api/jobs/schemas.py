"""Bodies and answers of the job endpoints."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from contracts.protocol.lifecycle import ExitReason, JobStatus
from marketplace_api.leases.schemas import LeaseView
from marketplace_api.models import Job
from marketplace_api.schemas import Answer, Request, Sha256, Text

LOG_PIECE_MAX = 256 * 1024
_ARGUMENTS_MAX = 64 * 1024


def _relative(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\n" in path:
        raise ValueError("a relative path without '..'")
    return str(PurePosixPath(path))


def _not_too_long(arguments: list[str]) -> list[str]:
    if sum(len(a.encode()) for a in arguments) > _ARGUMENTS_MAX:
        raise ValueError(f"at most {_ARGUMENTS_MAX} bytes of arguments")
    return arguments


RelativePath = Annotated[
    Text, Field(min_length=1, max_length=255, examples=["train.py"]), AfterValidator(_relative)
]
Argument = Annotated[Text, Field(max_length=32 * 1024)]
EnvName = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class Limits(Request):
    """What a job may use; the sandbox ends it where it wants more."""

    memory_mib: Annotated[int, Field(ge=16, le=1 << 20)] = 1024
    cpus: Annotated[int, Field(ge=1, le=256)] = 1
    pids: Annotated[int, Field(ge=1, le=4096)] = 64
    wall_s: Annotated[int, Field(ge=1, le=168 * 3600)] = 3600
    disk_mib: Annotated[int, Field(ge=1, le=1 << 20)] = 256
    output_mib: Annotated[int, Field(ge=1, le=64)] = 16
    """Of everything that it prints."""


class InputFile(Request):
    """A file that the job finds under ``path``; upload it first."""

    path: RelativePath
    sha256: Sha256


class OutputFile(Request):
    """A file that the job left behind; the agent uploads it first."""

    path: RelativePath
    sha256: Sha256
    size: Annotated[int, Field(ge=0, lt=1 << 53)]


class JobRequest(Request):
    """One command to run."""

    name: Annotated[Text, Field(min_length=1, max_length=64, examples=["train"])]
    argv: Annotated[
        list[Argument],
        Field(min_length=1, max_length=256, examples=[["python3", "train.py"]]),
        AfterValidator(_not_too_long),
    ]
    env: Annotated[dict[EnvName, Argument], Field(max_length=64)] = Field(default_factory=dict)
    limits: Limits = Limits()
    inputs: Annotated[list[InputFile], Field(max_length=64)] = Field(default_factory=list)


class StatusRequest(Request):
    """What an agent says of a job."""

    status: Annotated[JobStatus, Field(strict=False, examples=["running"])]
    exit_code: Annotated[int, Field(ge=-255, le=255)] | None = None
    reason: Annotated[ExitReason, Field(strict=False)] | None = None
    peak_memory_bytes: Annotated[int, Field(ge=0, lt=1 << 53)] | None = None
    cpu_seconds: Annotated[float, Field(ge=0, le=1e9, strict=False)] | None = None
    outputs: Annotated[list[OutputFile], Field(max_length=256)] = Field(default_factory=list)


class LogRequest(Request):
    """The next piece of what a job printed."""

    offset: Annotated[int, Field(ge=0, lt=1 << 53)]
    data_base64: Annotated[
        str, Field(max_length=4 * LOG_PIECE_MAX // 3 + 4, examples=["ZXBvY2ggMQo="])
    ]


class LogAnswer(Answer):
    """Where the log ends now."""

    next_offset: int


class OutputView(Answer):
    """A file that a job left behind."""

    path: str
    sha256: str
    size: int


class InputView(Answer):
    """A file that a job is given."""

    path: str
    sha256: str


class JobView(Answer):
    """A job as its parties see it."""

    id: UUID
    lease: UUID
    name: str
    argv: list[str]
    env: dict[str, str]
    limits: Limits
    inputs: list[InputView]
    status: JobStatus
    reason: ExitReason | None
    exit_code: int | None
    peak_memory_bytes: int | None
    cpu_seconds: float | None
    cancel_requested: bool
    outputs: list[OutputView]
    log_size: int
    created_at: int
    started_at: int | None
    ended_at: int | None


class WorkLease(LeaseView):
    """A lease with what its agent needs to meter it."""

    receipt_interval: int = Field(description="Seconds between two receipts")
    unsigned_intervals: int = Field(description="How many unsigned receipts to work on for")
    last_sequence: int = Field(description="Of the last receipt that the API has; 0 for none")


class WorkView(Answer):
    """A lease of yours and its jobs that are not over."""

    lease: WorkLease
    jobs: list[JobView]


class BlobAnswer(Answer):
    """A stored file."""

    sha256: str
    size: int


def job_view(job: Job) -> JobView:
    """A job for its parties."""
    return JobView(
        id=job.id,
        lease=job.lease_id,
        name=job.name,
        argv=job.argv,
        env=job.env,
        limits=Limits(**job.limits),
        inputs=[InputView(**item) for item in job.inputs],
        status=job.status,
        reason=job.reason,
        exit_code=job.exit_code,
        peak_memory_bytes=job.peak_memory_bytes,
        cpu_seconds=None if job.cpu_milliseconds is None else job.cpu_milliseconds / 1000,
        cancel_requested=job.cancel_requested,
        outputs=[OutputView(**item) for item in job.outputs],
        log_size=job.log_size,
        created_at=int(job.created_at.timestamp()),
        started_at=int(job.started_at.timestamp()) if job.started_at else None,
        ended_at=int(job.ended_at.timestamp()) if job.ended_at else None,
    )
