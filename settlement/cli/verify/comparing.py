"""Statements held against the chain: whoever wrote them, each figure must be the chain's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from marketplace_api.client.answers import Statement
from settlement.cli.verify.conservation import Check
from settlement.cli.verify.history import History, units_of
from settlement.cli.verify.state import State


def check_statements(
    statements: Sequence[Statement], history: History, state: State
) -> tuple[Check, ...]:
    """Every figure of every statement."""
    return tuple(check for one in statements for check in _statement(one, history, state))


def _statement(one: Statement, history: History, state: State) -> Iterator[Check]:
    name = f"statement of {one.wallet}"
    balances, totals = one.balances, one.totals
    held = [sums for key, sums in history.leases.items() if key.holder == one.wallet]
    yield Check(
        f"{name}: payment token", state.balances.get(one.wallet, 0), balances.payment_token.closing
    )
    yield Check(f"{name}: GPU-ms", units_of(history, one.wallet).gpu_ms, balances.gpu_ms.closing)
    yield Check(f"{name}: paid", sum(sums.paid for sums in held), totals.paid)
    yield Check(f"{name}: refunded", sum(sums.refunded for sums in held), totals.refunded)
    yield Check(f"{name}: earned", history.earned.get(one.wallet, 0), totals.earned)
    yield from _lines(one, name)


def _lines(one: Statement, name: str) -> Iterator[Check]:
    """Opening and movements give the closing balance."""
    moved = {"payment_token": 0, "gpu_ms": 0}
    for line in one.lines:
        moved[line.asset] = moved.get(line.asset, 0) + line.amount
    for asset, balance in (
        ("payment_token", one.balances.payment_token),
        ("gpu_ms", one.balances.gpu_ms),
    ):
        yield Check(
            f"{name}: {asset}: opening + lines = closing",
            balance.opening + moved[asset],
            balance.closing,
        )
