"""Printing: JSON for programs, lines for people."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Annotated

import typer

from marketplace_api.cli.problems import ExitCode, refuse

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before spending.")]


def emit_json(value: object) -> None:
    """One JSON value on a line of its own."""
    print(json.dumps(value), flush=True)


def emit_event(event: str, **members: object) -> None:
    """One line of a stream of events, stamped with our own clock."""
    emit_json({"event": event, "at": time.time(), **members})


def print_fields(fields: Mapping[str, object]) -> None:
    """Names and values below each other."""
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        print(f"{name:<{width}}  {'-' if value is None else value}")


def confirm_spending(question: str, *, yes: bool) -> None:
    """Ask before money moves; where nobody can answer, ``--yes`` is required."""
    if yes:
        return
    if not sys.stdin.isatty():
        refuse(
            "confirmation-required",
            f"{question} Nobody is here to confirm it.",
            field="--yes",
            limit="given where there is no terminal",
            given="not given",
            exit_code=ExitCode.USAGE,
        )
    typer.confirm(question, abort=True)
