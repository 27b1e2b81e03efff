"""The commands of `gpubourse chain` for whatever else the protocol lets people do.

All of them work with nothing but a key and the chain (DEPLOYMENT_FILE and RPC_URL): leases are
named by series and holder, not by an id of the API.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketplace_api.cli.output import AsJson, Yes

# Importing web3 takes a second; `gpubourse --help` must not wait for it.
# ruff: noqa: PLC0415

SeriesId = Annotated[str, typer.Argument(metavar="SERIES", help="Token id of the lease.")]
Whose = Annotated[str, typer.Argument(metavar="HOLDER", help="Wallet that holds the lease.")]
OwnOr = Annotated[str | None, typer.Option("--holder", help="Whose lease; default one's own.")]
Evidence = Annotated[str, typer.Option(help="Hash of the evidence, or a file to hash.")]
Used = Annotated[int, typer.Option(min=0, help="GPU-ms since the lease began.")]
Missed = Annotated[int, typer.Option(min=0, help="Receipt intervals not served.")]
ReceiptHash = Annotated[str, typer.Option(help="Struct hash of the receipt.")]
AgentKey = Annotated[Path | None, typer.Option(help="Key that signs; default one's own.")]
Milli = Annotated[int, typer.Option(min=1, help="Thousandths of a device.")]
NO_RECEIPT = "0x" + "00" * 32


def resolve(series: SeriesId, holder: OwnOr = None, as_json: AsJson = False) -> None:
    """End a case whose time is over; anyone may."""
    from settlement.cli import cases

    cases.resolve(series, holder, as_json=as_json)


def claim_usage(
    series: SeriesId,
    holder: Whose,
    used: Used,
    missed: Missed = 0,
    receipt: ReceiptHash = NO_RECEIPT,
    agent_key: AgentKey = None,
    as_json: AsJson = False,
) -> None:
    """Claim usage that the holder's side did not sign; the provider's or its agent's call."""
    from settlement.cli import cases

    claimed = cases.Claimed(used, missed, receipt, agent_key)
    cases.claim_usage(series, holder, claimed, as_json=as_json)


def claim_no_show(
    series: SeriesId, evidence: Evidence, holder: OwnOr = None, as_json: AsJson = False
) -> None:
    """Say that a lease is not served; the holder's or its delegate's call, with a bond."""
    from settlement.cli import cases

    cases.claim_no_show(series, holder, evidence, as_json=as_json)


def challenge(
    series: SeriesId, evidence: Evidence, holder: OwnOr = None, as_json: AsJson = False
) -> None:
    """Dispute claimed usage; the holder's or its delegate's call, with a bond."""
    from settlement.cli import cases

    cases.challenge(series, holder, evidence, as_json=as_json)


def answer(
    series: SeriesId,
    holder: Whose,
    evidence: Evidence,
    used: Annotated[int | None, typer.Option(help="Claim this usage too, in GPU-ms.")] = None,
    missed: Missed = 0,
    receipt: ReceiptHash = NO_RECEIPT,
    agent_key: AgentKey = None,
    as_json: AsJson = False,
) -> None:
    """Dispute a no-show claim; the provider's or its agent's call."""
    from settlement.cli import cases

    claimed = None if used is None else cases.Claimed(used, missed, receipt, agent_key)
    cases.answer(series, holder, evidence, claimed, as_json=as_json)


def release(series: SeriesId, holder: Whose, evidence: Evidence, as_json: AsJson = False) -> None:
    """End a lease whose holder no longer signs; the provider's or its agent's call."""
    from settlement.cli import cases

    cases.release(series, holder, evidence, as_json=as_json)


def interrupt(series: SeriesId, holder: Whose, as_json: AsJson = False) -> None:
    """End an interruptible lease after its notice; the provider's or its agent's call."""
    from settlement.cli import cases

    cases.interrupt(series, holder, as_json=as_json)


def revoke(
    device: Annotated[str, typer.Argument(help="NVML UUID of the device, or its hash.")],
    evidence: Evidence,
    auditor_key: Annotated[
        list[Path] | None, typer.Option(help="Key of an auditor, repeated; default one's own.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """End a device's attestation as its auditors: its class is not sold until it is renewed."""
    from settlement.cli import cases

    cases.revoke(device, evidence, tuple(auditor_key or ()), as_json=as_json)


def split(
    series: SeriesId,
    at: Annotated[int, typer.Option(help="Unix time of a whole hour inside the window.")],
    milli: Milli,
    as_json: AsJson = False,
) -> None:
    """Cut one's own units into two windows."""
    from settlement.cli import units

    units.split(series, at, milli, as_json=as_json)


def merge(
    first: SeriesId,
    second: Annotated[str, typer.Argument(metavar="SECOND", help="The part that follows.")],
    milli: Milli,
    as_json: AsJson = False,
) -> None:
    """Join one's own units of two windows that touch."""
    from settlement.cli import units

    units.merge(first, second, milli, as_json=as_json)


def resell(
    series: SeriesId,
    milli: Milli,
    price: Annotated[str, typer.Option(help="Tokens per GPU-hour, e.g. 2.00.")],
    as_json: AsJson = False,
) -> None:
    """Sign an offer of one's own units as JSON, good for five minutes; `buy-units` takes it."""
    from settlement.cli import units

    units.resell(series, milli, price, as_json=as_json)


def buy_units(
    file: Annotated[Path, typer.Argument(help="What `gpubourse chain resell` printed.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Buy the units of an offer from their holder."""
    from settlement.cli import units

    units.buy_units(file, yes=yes, as_json=as_json)


def redeem_group(
    usages: Annotated[list[str], typer.Argument(metavar="SERIES:GPU_MS...")],
    holder: OwnOr = None,
    as_json: AsJson = False,
) -> None:
    """Sign usage of many leases as their holder or its delegate, and pay for it."""
    from settlement.cli import units

    units.redeem_group(usages, holder, as_json=as_json)


def register(chain: typer.Typer) -> None:
    """Add all of them to the group."""
    for command in (
        resolve,
        claim_usage,
        claim_no_show,
        challenge,
        answer,
        release,
        interrupt,
        revoke,
        split,
        merge,
        resell,
        buy_units,
        redeem_group,
    ):
        chain.command(command.__name__.replace("_", "-"))(command)
