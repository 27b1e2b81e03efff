"""`gpubourse up`, `status`, `down` and `doctor`.

What each command needs is imported when it runs, so that every other command starts fast.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from marketplace_api.cli.stack.errors import StackError
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.progress import Progress
from marketplace_api.embedded.server import ServerError

if TYPE_CHECKING:
    from marketplace_api.cli.stack.settings import StackSettings

app = typer.Typer(help="Run all parts on this machine.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def up(as_json: AsJson = False) -> None:
    """Start the chain, database, broker, API and workers; what runs already is left alone."""
    from marketplace_api.cli.stack import up as starting

    home, settings = _opened()
    try:
        starting.up(home, settings, Progress(quiet=as_json))
    except (StackError, ServerError) as error:
        _fail(str(error), as_json)
    status(as_json)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show what runs and whether it answers; exits with 1 unless everything does."""
    from marketplace_api.cli.stack import status as reading

    rows = reading.status(_opened()[0])
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        width = max(10, *(len(row.name) for row in rows))
        for row in rows:
            print(
                f"{row.name:<{width}} {row.state:<9} {row.pid or '-':<8} {row.url or ''}".rstrip()
            )
    if not reading.all_up(rows):
        raise typer.Exit(1)


@app.command()
def down(as_json: AsJson = False) -> None:
    """End everything that `up` and `agent start` started here; data stay on disk."""
    from marketplace_api.cli.stack import down as ending

    try:
        ended = ending.down(_opened()[0], Progress(quiet=as_json))
    except StackError as error:
        _fail(str(error), as_json)
    if as_json:
        print(json.dumps({"ended": ended}))
    elif not ended:
        print("nothing was running")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check this machine and say what to do about what is missing."""
    from marketplace_api.cli.stack import doctor as machine

    findings = machine.examine(*_opened())
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


def _opened() -> tuple[Home, StackSettings]:
    from marketplace_api.cli.stack.settings import StackSettings

    settings = StackSettings()
    return Home.at(settings.gpubourse_home), settings


def _fail(message: str, as_json: bool) -> NoReturn:
    if as_json:
        print(json.dumps({"error": message}))
    else:
        print(message, file=sys.stderr)
    raise typer.Exit(1)
