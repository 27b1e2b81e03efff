"""`gpubourse logs`, `job` and `fetch`."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from marketplace_api.cli.output import AsJson, emit_json, print_fields
from marketplace_api.cli.problems import refuse
from marketplace_api.cli.story import Story
from marketplace_api.cli.wallet import open_desk
from marketplace_api.client.events import LogText

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]


def logs(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until the job is over.")] = False,
    offset: Annotated[int, typer.Option(help="From this byte on.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print the output of a job."""
    story = Story(as_json=as_json)
    with open_desk() as desk:
        if not follow:
            raw = desk.bourse.log(job_id, offset)
            if as_json:
                emit_json({"offset": offset, "text": raw.decode(errors="replace")})
            else:
                sys.stdout.write(raw.decode(errors="replace"))
            return
        for event in desk.bourse.follow_log(job_id, offset):
            if isinstance(event, LogText):
                story.output(event)
            else:
                story.status(event)


def job(
    job_id: JobId,
    cancel: Annotated[bool, typer.Option(help="End the job first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a job, its exit code and the files that it left."""
    with open_desk() as desk:
        found = desk.bourse.cancel_job(job_id) if cancel else desk.bourse.job(job_id)
    emit_json(asdict(found)) if as_json else print_fields(asdict(found))


def fetch(
    job_id: JobId,
    into: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Download the files that a job left, checked against their digests."""
    written = []
    with open_desk() as desk:
        for output in desk.bourse.job(job_id).outputs:
            target = (into / output.path).resolve()
            if not target.is_relative_to(into.resolve()):
                refuse("bad-path", "a path outside the folder", field="path", given=output.path)
            raw = desk.bourse.download(output.sha256)
            digest = hashlib.sha256(raw).hexdigest()
            if digest != output.sha256:
                refuse(
                    "bad-digest",
                    f"{output.path} is not what the job left",
                    field="sha256",
                    limit=output.sha256,
                    given=digest,
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(raw)
            written.append({"path": str(target), "sha256": digest, "size": len(raw)})
    if as_json:
        emit_json(written)
        return
    for item in written:
        print(f"{item['size']:>10}  {item['path']}")
