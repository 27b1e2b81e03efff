"""`gpubourse lease` and `run`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from contracts.protocol.amounts import format_tokens, parse_duration
from marketplace_api.cli.buying import end_with, wait_for_status
from marketplace_api.cli.closing import closing_of
from marketplace_api.cli.following import Follower, follow_job
from marketplace_api.cli.jobs import plan_job, submit, upload_inputs
from marketplace_api.cli.output import AsJson, emit_json, print_fields
from marketplace_api.cli.problems import ExitCode, refuse
from marketplace_api.cli.story import Story
from marketplace_api.cli.tables import print_table, shown_time
from marketplace_api.cli.wallet import open_desk

app = typer.Typer(help="Show leases and what their close would bring.", no_args_is_help=True)
LeaseId = Annotated[str, typer.Argument(metavar="LEASE", help="Id of the lease.")]


@app.command("list")
def list_leases(as_json: AsJson = False) -> None:
    """List the leases that one holds or serves."""
    with open_desk() as desk:
        found = desk.bourse.leases()
    if as_json:
        emit_json([asdict(lease) for lease in found])
        return
    print_table(
        "",
        ("lease", "status", "milli", "start", "end", "cost", "used GPU-ms"),
        [
            (
                lease.id,
                lease.status,
                lease.milli,
                shown_time(lease.start),
                shown_time(lease.end),
                format_tokens(lease.cost),
                lease.used_gpu_ms,
            )
            for lease in found
        ],
    )


@app.command()
def show(
    lease_id: LeaseId,
    wait_for: Annotated[str | None, typer.Option(help="Wait for this status first.")] = None,
    timeout: Annotated[str, typer.Option(help="How long to wait.")] = "60s",
    as_json: AsJson = False,
) -> None:
    """Show a lease: window, price, usage, payments and transactions."""
    with open_desk() as desk:
        wait_s = parse_duration(timeout, "timeout") if wait_for else 0
        found = wait_for_status(
            lambda: desk.bourse.lease(lease_id),
            lambda lease: wait_for is None or lease.status == wait_for or lease.is_over,
            wait_s,
        )
    if wait_for is not None and found.status != wait_for:
        refuse(
            "not-reached",
            f"the lease is {found.status}" + (f": {found.reason}" if found.reason else ""),
            field="status",
            limit=f"{wait_for} within {timeout}",
            given=found.status,
        )
    emit_json(asdict(found)) if as_json else print_fields(asdict(found))


@app.command("close-info")
def close_info(lease_id: LeaseId, as_json: AsJson = False) -> None:
    """Show what would be paid and refunded, and from when anyone may close the lease."""
    with open_desk() as desk:
        lease = desk.bourse.lease(lease_id)
        market = desk.bourse.market()
        receipts = desk.bourse.receipts(lease_id)
    found = closing_of(lease, receipts, market)
    emit_json(asdict(found)) if as_json else print_fields(asdict(found))


def run(
    lease_id: LeaseId,
    script: Annotated[Path | None, typer.Option("--run", help="Python script to run.")] = None,
    argv: Annotated[list[str] | None, typer.Option(help="Command to run, word by word.")] = None,
    input_file: Annotated[
        list[Path] | None, typer.Option("--input", help="File that the job finds beside it.")
    ] = None,
    memory_mib: Annotated[int, typer.Option(help="Memory limit of the job.")] = 1024,
    follow: Annotated[bool, typer.Option(help="Stay: show the log and sign usage.")] = False,
    sign_key: Annotated[Path | None, typer.Option(help="Delegate's key.")] = None,
    as_json: AsJson = False,
) -> None:
    """Submit a job to a lease."""
    story = Story(as_json=as_json)
    with open_desk() as desk:
        lease = desk.bourse.lease(lease_id)
        plan = plan_job(script, argv or [], input_file or [], memory_mib, lease.end - lease.start)
        if plan is None:
            refuse(
                "nothing-to-run",
                "a job needs a command",
                field="--run",
                limit="--run or --argv",
                given="neither",
                exit_code=ExitCode.USAGE,
            )
        job = submit(desk.bourse, lease_id, plan, upload_inputs(desk.bourse, plan))
        story.submitted(job)
        if follow:
            signer = desk.profile.signer(sign_key) if sign_key else desk.signer
            follower = Follower(desk, desk.bourse.market(), lease_id, signer, story)
            end_with(follow_job(follower, job.id))
