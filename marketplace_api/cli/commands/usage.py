"""`gpubourse receipts`, `countersign` and `statement`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from contracts.protocol.amounts import format_tokens
from contracts.protocol.wire import to_hex, to_wire
from marketplace_api.cli.commands.leases import LeaseId
from marketplace_api.cli.following import Follower, sign_until_done
from marketplace_api.cli.output import AsJson, emit_json, print_fields
from marketplace_api.cli.story import Story
from marketplace_api.cli.tables import print_table, shown_time
from marketplace_api.cli.wallet import open_desk
from marketplace_api.client import JobWatch
from marketplace_api.client.answers import Statement, gpu_hours_text


def receipts(lease_id: LeaseId, as_json: AsJson = False) -> None:
    """Show the receipts of a lease and whether they are counter-signed."""
    with open_desk() as desk:
        found = desk.bourse.receipts(lease_id)
    if as_json:
        emit_json(
            [
                {
                    "receipt": to_wire(stored.receipt),
                    "signature": to_hex(stored.signature),
                    "voucher_signature": to_hex(stored.voucher_signature),
                    "holder_signature": to_hex(stored.holder_signature)
                    if stored.holder_signature
                    else None,
                }
                for stored in found
            ]
        )
        return
    print_table(
        "",
        ("sequence", "until", "used GPU-ms", "final", "counter-signed"),
        [
            (
                stored.sequence,
                stored.receipt.interval_end,
                stored.receipt.used_gpu_ms,
                "yes" if stored.receipt.is_final else "",
                "yes" if stored.holder_signature else "no",
            )
            for stored in found
        ],
    )


def countersign(
    lease_id: LeaseId,
    sign_key: Annotated[
        Path | None, typer.Option(help="Delegate's key; default the wallet's.")
    ] = None,
    trust_window: Annotated[
        bool,
        typer.Option(help="Nobody watched: take the time since the lease's start as the limit."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Watch a lease and counter-sign its receipts until the final one."""
    with open_desk() as desk:
        signer = desk.profile.signer(sign_key) if sign_key else desk.signer
        watch = JobWatch()
        if trust_window:
            watch = JobWatch(first_seen=desk.bourse.lease(lease_id).start)
        follower = Follower(
            desk, desk.bourse.market(), lease_id, signer, Story(as_json=as_json), watch
        )
        sign_until_done(follower)


def statement(
    start: Annotated[int | None, typer.Option("--from", help="Unix time.")] = None,
    end: Annotated[int | None, typer.Option("--to", help="Unix time.")] = None,
    csv: Annotated[bool, typer.Option(help="For a spreadsheet.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show balances before and after, and every movement between."""
    with open_desk() as desk:
        if csv:
            sys.stdout.buffer.write(desk.bourse.statement_csv(start, end))
            return
        found = desk.bourse.statement(start, end)
    if as_json:
        emit_json(asdict(found))
    else:
        _print_statement(found)


def _print_statement(found: Statement) -> None:
    print_table(
        f"Statement of {found.wallet}",
        ("asset", "opening", "closing"),
        [
            (name, form(balance.opening), form(balance.closing))
            for name, balance, form in (
                ("payment token", found.balances.payment_token, format_tokens),
                ("in escrow", found.balances.escrow, format_tokens),
                ("in bond", found.balances.bond, format_tokens),
                ("GPU-hours", found.balances.gpu_ms, gpu_hours_text),
            )
        ],
    )
    print_fields({name: format_tokens(amount) for name, amount in asdict(found.totals).items()})
    print_table(
        "",
        ("at", "kind", "account", "amount", "lease", "transaction"),
        [
            (
                shown_time(line.at),
                line.kind,
                line.account,
                f"{line.amount} GPU-ms" if line.asset == "gpu_ms" else format_tokens(line.amount),
                line.lease or "-",
                line.transaction or "-",
            )
            for line in found.lines
        ],
    )
