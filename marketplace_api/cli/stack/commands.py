"""`gpubourse up`, `status`, `down` and `doctor`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated, NoReturn

import typer

from marketplace_api.cli.stack import doctor as machine
from marketplace_api.cli.stack.deploy import StepError
from marketplace_api.cli.stack.down import down as take_down
from marketplace_api.cli.stack.home import Home, HomeBusyError
from marketplace_api.cli.stack.progress import Progress
from marketplace_api.cli.stack.settings import StackSettings
from marketplace_api.cli.stack.status import all_up
from marketplace_api.cli.stack.status import status as read_status
from marketplace_api.cli.stack.up import up as bring_up
from marketplace_api.embedded.server import ServerError

app = typer.Typer(help="Run all parts on this machine.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def up(as_json: AsJson = False) -> None:
    """Start the chain, database, broker, API and workers; what runs already is left alone."""
    settings = StackSettings()
    home = Home.at(settings.gpubourse_home)
    try:
        bring_up(home, settings, Progress(quiet=as_json))
    except (StepError, ServerError, HomeBusyError) as error:
        _fail(str(error), as_json)
    status(as_json)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show what runs and whether it answers; exits with 1 unless everything does."""
    rows = read_status(Home.at(StackSettings().gpubourse_home))
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        for row in rows:
            print(f"{row.name:<10} {row.state:<9} {row.pid or '-':<8} {row.url or ''}".rstrip())
    if not all_up(rows):
        raise typer.Exit(1)


@app.command()
def down(as_json: AsJson = False) -> None:
    """End everything that `up` and `agent start` started here; data stay on disk."""
    try:
        ended = take_down(Home.at(StackSettings().gpubourse_home), Progress(quiet=as_json))
    except HomeBusyError as error:
        _fail(str(error), as_json)
    if as_json:
        print(json.dumps({"ended": ended}))
    elif not ended:
        print("nothing was running")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check this machine and say what to do about what is missing."""
    settings = StackSettings()
    findings = machine.examine(Home.at(settings.gpubourse_home), settings)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            mark = "ok" if finding.ok else ("MISSING" if finding.required else "absent")
            print(f"{mark:<8} {finding.name:<12} {finding.found}")
            if finding.advice:
                print(f"{'':<21} -> {finding.advice}")
    if not machine.is_healthy(findings):
        raise typer.Exit(1)


def _fail(message: str, as_json: bool) -> NoReturn:
    if as_json:
        print(json.dumps({"error": message}))
    else:
        print(message, file=sys.stderr)
    raise typer.Exit(1)
