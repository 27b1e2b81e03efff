"""A job from command-line options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.protocol.errors import ProtocolError
from marketplace_api.client import Bourse
from marketplace_api.client.answers import Job
from marketplace_api.client.jobs import InputFile, JobRequest, Limits, LocalFile


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What to run, with its files still here."""

    name: str
    argv: tuple[str, ...]
    files: tuple[LocalFile, ...]
    limits: Limits


def plan_job(
    script: Path | None,
    argv: Sequence[str],
    inputs: Sequence[Path],
    memory_mib: int,
    wall_s: int,
) -> JobPlan | None:
    """The job that the options describe; None where they describe none."""
    if script is None and not argv:
        if inputs:
            raise ProtocolError("input", "given with --run or --argv", str(inputs[0]))
        return None
    files = [LocalFile.read(path) for path in inputs]
    command = tuple(argv)
    if script is not None:
        files.append(LocalFile.read(script))
        command = ("python3", script.name, *argv)
    limits = Limits(memory_mib=memory_mib, wall_s=wall_s)
    return JobPlan(script.stem if script else command[0], command, tuple(files), limits)


def upload_inputs(bourse: Bourse, plan: JobPlan) -> tuple[InputFile, ...]:
    """Store the files; done before the bid, so that nothing waits for it afterwards."""
    return tuple(bourse.upload(file) for file in plan.files)


def submit(bourse: Bourse, lease_id: str, plan: JobPlan, inputs: tuple[InputFile, ...]) -> Job:
    """Hand the job to a lease."""
    request = JobRequest(plan.name, plan.argv, inputs, limits=plan.limits)
    return bourse.submit_job(lease_id, request)
