"""The command `gpubourse`: one table of commands, each imported only when it is asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Annotated, Any

import typer

from marketplace_api.cli.problems import Failure, print_failure
from marketplace_api.cli.selection import profile_name

ENTRY_POINTS = "gpubourse.commands"
_EXPLAINING = "marketplace_api.cli.explaining"
"""Knows every exception of the client, so it is imported only when there is one."""
_COMPLETION = "_GPUBOURSE_COMPLETE"


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the help, and where the command is."""

    help: str
    module: str
    attribute: str
    is_group: bool = False


_OWN = "marketplace_api.cli.commands."
_STACK = "marketplace_api.cli.stack.commands"
COMMANDS: dict[str, Command] = {
    "login": Command(
        "Log in with a wallet's signature and keep the session.", _OWN + "session", "login"
    ),
    "logout": Command("End the kept session.", _OWN + "session", "logout"),
    "keys": Command("Make and show key files.", _OWN + "session", "keys", is_group=True),
    "market": Command("Show contracts, fee, constants and providers.", _OWN + "market", "market"),
    "book": Command("Show the open asks of a device class, best first.", _OWN + "market", "book"),
    "provider": Command("Show a provider, its bond and its devices.", _OWN + "market", "provider"),
    "bid": Command(
        "Buy GPU time: sign a bid, and run a job in the lease that it gets.",
        _OWN + "orders",
        "bid",
    ),
    "ask": Command(
        "Offer GPU time under registered terms.",
        _OWN + "orders",
        "ask",
    ),
    "cancel": Command(
        "Take an order out of the book; `gpubourse chain cancel` also binds others.",
        _OWN + "orders",
        "cancel",
    ),
    "orders": Command("Show one's own orders.", _OWN + "orders", "orders"),
    "lease": Command(
        "Show leases and what their close would bring.", _OWN + "leases", "app", is_group=True
    ),
    "run": Command("Submit a job to a lease.", _OWN + "leases", "run"),
    "logs": Command("Print the output of a job.", _OWN + "jobs", "logs"),
    "job": Command("Show a job, its exit code and the files that it left.", _OWN + "jobs", "job"),
    "fetch": Command(
        "Download the files that a job left, checked against their digests.",
        _OWN + "jobs",
        "fetch",
    ),
    "receipts": Command(
        "Show the receipts of a lease and whether they are counter-signed.",
        _OWN + "usage",
        "receipts",
    ),
    "countersign": Command(
        "Watch a lease and counter-sign its receipts until the final one.",
        _OWN + "usage",
        "countersign",
    ),
    "statement": Command(
        "Show balances before and after, and every movement between.", _OWN + "usage", "statement"
    ),
    "demo": Command(
        "Play the life of one order with separate processes and check the sums.",
        "marketplace_api.cli.demo.command",
        "demo",
    ),
    "up": Command(
        "Start the chain, database, broker, API and workers; what runs already is left alone.",
        _STACK,
        "up",
    ),
    "status": Command(
        "Show what runs and whether it answers; exits with 1 unless everything does.",
        _STACK,
        "status",
    ),
    "down": Command(
        "End everything that `up` and `agent start` started here; data stay on disk.",
        _STACK,
        "down",
    ),
    "doctor": Command(
        "Check this machine and say what to do about what is missing.", _STACK, "doctor"
    ),
}
FLATTENED = frozenset({"chain"})
"""Entry points whose commands stand at the top level, beside ours."""
_FOREIGN_HELP = {"agent": "Offer this machine's GPUs: enrol, start, stop."}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        build_app(_wanted(given))(args=given, prog_name="gpubourse")
    except Exception as error:
        failure: Failure | None = import_module(_EXPLAINING).explain(error)
        if failure is None:
            raise
        print_failure(failure, as_json="--json" in given)
        sys.exit(failure.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def build_app(wanted: str | None) -> typer.Typer:
    """The root command; only ``wanted`` is real, the others are there for the help."""
    root = typer.Typer(
        help="A bourse for GPU time.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    root.callback()(_root)
    for name, command in COMMANDS.items():
        _add(root, name, command, real=name == wanted)
    for point in entry_points(group=ENTRY_POINTS):
        if point.name in FLATTENED:
            if wanted not in COMMANDS and wanted != "agent":
                root.add_typer(point.load())
        elif wanted == point.name:
            root.add_typer(point.load(), name=point.name)
        else:
            _add_stub(root, point.name, _FOREIGN_HELP.get(point.name, "Installed separately."))
    return root


def _root(
    profile: Annotated[
        str | None, typer.Option(help="Profile file, or its name in the home's `profiles`.")
    ] = None,
) -> None:
    profile_name.set(profile)


def _add(root: typer.Typer, name: str, command: Command, *, real: bool) -> None:
    if not real:
        _add_stub(root, name, command.help)
        return
    found: Any = getattr(import_module(command.module), command.attribute)
    if command.is_group:
        root.add_typer(found, name=name)
    else:
        root.command(name)(found)


def _add_stub(root: typer.Typer, name: str, text: str) -> None:
    """A line of the help; never run, since the command that is asked for is loaded."""

    def stub() -> None:
        raise AssertionError(name)

    root.command(name, help=text)(stub)


def _wanted(arguments: Sequence[str]) -> str | None:
    """The command among the arguments: the first word that belongs to no option before it."""
    if _COMPLETION in os.environ:
        words = os.environ.get("COMP_WORDS", "").split()
        return words[1] if len(words) > 1 else None
    rest = iter(arguments)
    for word in rest:
        if word == "--profile":
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None
