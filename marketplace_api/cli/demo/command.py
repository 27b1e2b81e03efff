"""`gpubourse demo`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from marketplace_api.cli.demo.flow import Outcome, play, stage
from marketplace_api.cli.demo.processes import DemoError, Journal
from marketplace_api.cli.demo.report import (
    DEMO_TARGET_S,
    FIRST_LOG_TARGET_S,
    REPORTS,
    draw,
    write,
)
from marketplace_api.cli.output import AsJson, emit_json
from marketplace_api.cli.problems import ExitCode, refuse
from marketplace_api.cli.profile import Profile


def demo(
    keep: Annotated[bool, typer.Option(help="Leave everything up and print the URLs.")] = False,
    statement_offset: Annotated[
        int,
        typer.Option(
            help="Self-test: add this many units to the buyer's statement before it is checked; "
            "the demo must then fail."
        ),
    ] = 0,
    reports: Annotated[Path, typer.Option(help="Folder for the figures.")] = REPORTS,
    as_json: AsJson = False,
) -> None:
    """Play the life of one order with separate processes and check the sums."""
    began, journal = time.monotonic(), Journal()
    say = _teller(began, quiet=as_json)
    home = Profile.load().home
    try:
        with stage(home, journal, keep=keep) as (cast, urls):
            say(f"stack is up: API {urls.api}, chain {urls.rpc}")
            outcome = play(cast, urls, say, statement_offset)
            demo_s = time.monotonic() - began
    except DemoError as error:
        refuse("demo-failed", str(error))
    wall_s = time.monotonic() - began
    write(reports, outcome, wall_s, demo_s, journal)
    _show(outcome, demo_s, wall_s, keep=keep, as_json=as_json)
    if not outcome.sums_agree:
        _fail(outcome)


def _teller(began: float, *, quiet: bool) -> Callable[[str], None]:
    """Each line with the seconds since the start."""

    def say(line: str) -> None:
        if not quiet:
            print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    return say


def _show(outcome: Outcome, demo_s: float, wall_s: float, *, keep: bool, as_json: bool) -> None:
    first_s = outcome.watched.order_to_first_log_s
    if as_json:
        emit_json(
            {
                "sums_agree": outcome.sums_agree,
                "order_to_first_log_s": round(first_s, 3),
                "demo_s": round(demo_s, 3),
                "wall_s": round(wall_s, 3),
                "lease": outcome.watched.lease,
                "statements": str(outcome.statements),
            }
        )
        return
    draw(outcome)
    print(f"bid accepted -> first line of the job at the buyer: {first_s:.2f} s "
          f"(target {FIRST_LOG_TARGET_S:g} s)")  # fmt: skip
    print(f"whole demo: {wall_s:.1f} s (target {DEMO_TARGET_S:g} s)")
    if outcome.sums_agree:
        print(f"all sums agree: {outcome.verified['checks']} on chain, {len(outcome.checks)} here")
    if keep:
        print(f"still running: status page {outcome.urls.api}/  API {outcome.urls.api}/docs  "
              f"chain {outcome.urls.rpc}; end it with `gpubourse down`")  # fmt: skip


def _fail(outcome: Outcome) -> None:
    """Name the first difference, to the unit."""
    differences = outcome.verified["differences"]
    assert isinstance(differences, list)
    named = [f"{d['name']}: expected {d['expected']}, found {d['found']}" for d in differences]
    named += [
        f"{check.name}: expected {check.expected}, found {check.found}"
        for check in outcome.checks
        if not check.holds
    ]
    refuse(
        "sums-differ",
        f"{len(named)} sum(s) do not agree: {'; '.join(named)}",
        exit_code=ExitCode.REFUSED,
    )
