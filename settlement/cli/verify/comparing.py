"""Statements held against the chain: whoever wrote them, each figure must be the chain's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from marketplace_api.client.answers import Statement
from settlement.cli.verify.conservation import Check
from settlement.cli.verify.state import State
from settlement.cli.verify.sums import History, units_of

_TOKEN = "payment_token"  # noqa: S105 - the name of an asset


def check_statements(
    statements: Sequence[Statement], history: History, state: State
) -> tuple[Check, ...]:
    """Every figure of every statement."""
    return tuple(check for one in statements for check in _statement(one, history, state))


def _statement(one: Statement, history: History, state: State) -> Iterator[Check]:
    name, wallet = f"statement of {one.wallet}", one.wallet
    held = [sums for key, sums in history.leases.items() if key.holder == wallet]
    units = units_of(history, wallet)
    fees = history.treasuries.get(wallet, 0)
    balances, totals = one.balances, one.totals
    expected = (
        ("payment token", state.balances.get(wallet, 0), balances.payment_token.closing),
        ("GPU-ms", units.gpu_ms, balances.gpu_ms.closing),
        ("escrow", units.escrow, balances.escrow.closing),
        ("bond", state.bonds.get(wallet, 0), balances.bond.closing),
        ("paid", sum(sums.paid for sums in held), totals.paid),
        ("refunded", sum(sums.refunded for sums in held), totals.refunded),
        ("earned", history.earned.get(wallet, 0) + fees, totals.earned),
        ("fee", history.fees_of.get(wallet, 0), totals.fee),
    )
    for what, by_chain, stated in expected:
        yield Check(f"{name}: {what}", by_chain, stated)
    yield from _lines(one, name)


def _lines(one: Statement, name: str) -> Iterator[Check]:
    """Opening and movements give the closing balance, account by account."""
    moved: dict[tuple[str, str], int] = defaultdict(int)
    for line in one.lines:
        moved[line.account, line.asset] += line.amount
    balances = one.balances
    for account, asset, balance in (
        ("balance", _TOKEN, balances.payment_token),
        ("units", "gpu_ms", balances.gpu_ms),
        ("escrow", _TOKEN, balances.escrow),
        ("bond", _TOKEN, balances.bond),
    ):
        yield Check(
            f"{name}: {account}: opening + lines = closing",
            balance.opening + moved[account, asset],
            balance.closing,
        )
