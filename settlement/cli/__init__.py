"""The commands of `gpubourse` that touch the chain; web3 is imported when one of them runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketplace_api.cli.output import AsJson, Yes
from settlement.cli import protocol

# Importing web3 takes a second; `gpubourse --help` must not wait for it.
# ruff: noqa: PLC0415

app = typer.Typer(no_args_is_help=True)
delegate = typer.Typer(help="Name the key that counter-signs usage.", no_args_is_help=True)
chain = typer.Typer(
    help="Calls that anyone may make, and the proof that the sums agree.", no_args_is_help=True
)
app.add_typer(delegate, name="delegate")
app.add_typer(chain, name="chain")
protocol.register(chain)

Tokens = Annotated[str, typer.Argument(metavar="TOKENS", help="For example 25.00.")]
LeaseId = Annotated[str, typer.Argument(metavar="LEASE", help="Id of the lease.")]


@app.command()
def faucet(
    tokens: Tokens = "100.00",
    to: Annotated[str | None, typer.Option(help="Wallet; default one's own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make test money, and money for gas, on a local chain."""
    from settlement.cli import money

    money.faucet(tokens, to, as_json=as_json)


@app.command()
def deposit(tokens: Tokens, yes: Yes = False, as_json: AsJson = False) -> None:
    """Pay into one's account in the market."""
    from settlement.cli import money

    money.deposit(tokens, yes=yes, as_json=as_json)


@app.command()
def withdraw(
    tokens: Annotated[str, typer.Argument(metavar="TOKENS", help="For example 25.00, or all.")],
    to: Annotated[str | None, typer.Option(help="Wallet; default one's own.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take money out of the market."""
    from settlement.cli import money

    money.withdraw(tokens, to, yes=yes, as_json=as_json)


@app.command()
def balance(
    wallets: Annotated[list[str] | None, typer.Argument(help="Default one's own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what wallets have at one block: in the token, the market, bond and GPU time."""
    from settlement.cli import money

    money.balance(wallets or [], as_json=as_json)


@delegate.command("set")
def set_delegate(
    address: Annotated[str, typer.Argument(help="Address of the key; one's own for none.")],
    as_json: AsJson = False,
) -> None:
    """Name the key that counter-signs usage for this wallet."""
    from settlement.cli import positions

    positions.set_delegate(address, as_json=as_json)


@chain.command()
def cancel(
    nonces: Annotated[list[int] | None, typer.Argument(help="Nonces of one's own orders.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Void every order so far.")] = False,
    as_json: AsJson = False,
) -> None:
    """Void orders on chain: binds everybody, the operator too."""
    from settlement.cli import positions

    positions.cancel(nonces or [], every=every, as_json=as_json)


@chain.command()
def redeem(lease_id: LeaseId, as_json: AsJson = False) -> None:
    """Redeem the last counter-signed voucher of a lease; anyone who has it may."""
    from settlement.cli import positions

    positions.redeem(lease_id, as_json=as_json)


@chain.command()
def close(lease_id: LeaseId, as_json: AsJson = False) -> None:
    """Close a lease and refund its holder; anyone may, when its time has come."""
    from settlement.cli import positions

    positions.close(lease_id, as_json=as_json)


@chain.command("verify")
def verify_sums(
    statements: Annotated[
        list[Path] | None, typer.Option(help="Statements as JSON; may be repeated.")
    ] = None,
    block: Annotated[int | None, typer.Option(help="Height; default the newest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add up the chain's own logs and storage, compare them with statements, to the unit."""
    from settlement.cli.verify import command

    command.verify(statements or [], block, as_json=as_json)
