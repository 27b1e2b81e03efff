"""The sums, to the unit: pure arithmetic on logs and storage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.protocol.units import LOT_GPU_MS, cost, payment_down
from settlement.cli.verify.state import State
from settlement.cli.verify.sums import History, Key, LeaseSums, escrow_of


@dataclass(frozen=True, slots=True)
class Check:
    """Two numbers that must be the same."""

    name: str
    expected: int
    found: int

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return self.expected == self.found

    @property
    def difference(self) -> int:
        """By how many units they differ."""
        return self.found - self.expected


def check_chain(history: History, state: State) -> tuple[Check, ...]:
    """Every rule of conservation; all are computed, also after one that fails."""
    return (
        *_money(history, state),
        *_accounts(history, state),
        *_gpu_time(history, state),
        *(check for key, sums in history.leases.items() for check in _lease(key, sums, state)),
    )


def _money(history: History, state: State) -> Iterator[Check]:
    """The market holds what its accounts, positions and bonds say, and what was given to it."""
    escrow = sum(escrow_of(key, sums) for key, sums in history.leases.items())
    parts = sum(state.balances.values()) + escrow + sum(state.bonds.values())
    donated = history.transfers_in - sum(history.deposited.values())
    yield Check("tokens of the market = balances + escrow + bonds", parts, state.total_held)
    yield Check(
        "token contract's balance of the market = its books + donations",
        state.total_held + donated,
        state.market_tokens,
    )
    yield Check(
        "tokens that came in - tokens that went out = the market's tokens",
        history.transfers_in - history.transfers_out,
        state.market_tokens,
    )
    yield Check(
        "withdrawals by the market's logs = transfers by the token's logs",
        history.transfers_out,
        sum(history.withdrawn.values()),
    )


def _accounts(history: History, state: State) -> Iterator[Check]:
    """Each account is the sum of its movements."""
    for wallet, balance in state.balances.items():
        expected = (
            history.deposited.get(wallet, 0)
            - history.withdrawn.get(wallet, 0)
            - history.bonded.get(wallet, 0)
            + history.released.get(wallet, 0)
            - history.spent.get(wallet, 0)
            + history.refunded.get(wallet, 0)
            + history.earned.get(wallet, 0)
            + history.moved.get(wallet, 0)
            + history.treasuries.get(wallet, 0)
        )
        yield Check(f"balance of {wallet}", expected, balance)
    for wallet, bond in state.bonds.items():
        paid_in = history.bonded.get(wallet, 0) - history.released.get(wallet, 0)
        yield Check(f"bond of {wallet}", paid_in - history.bonds_lost.get(wallet, 0), bond)


def _gpu_time(history: History, state: State) -> Iterator[Check]:
    """GPU time is minted by fills and burned by closings; a cut burns and mints the same."""
    minted = sum(sums.minted for sums in history.leases.values())
    burned = sum(sums.burned for sums in history.leases.values())
    outstanding = sum(position.units for position in state.positions.values())
    yield Check(
        "GPU-ms minted = burned + outstanding",
        minted * LOT_GPU_MS,
        (burned + outstanding) * LOT_GPU_MS,
    )


def _lease(key: Key, sums: LeaseSums, state: State) -> Iterator[Check]:
    """Cost = paid + kept for the provider + refund + escrow; the fee is a part of what is paid."""
    name = f"lease {key.series} of {key.holder}"
    bought = sums.minted + sums.moved_in - sums.moved_out - sums.recut
    yield Check(
        f"{name}: cost = paid + refund + escrow",
        cost(bought, key.ticks),
        sums.paid + sums.reservation_fee + sums.refunded + escrow_of(key, sums),
    )
    paid = 0
    for used, payment, _ in sums.payments:
        paid += payment
        yield Check(
            f"{name}: paid = floor(used x ticks / 3600)", payment_down(used, key.ticks), paid
        )
    position = state.positions[key]
    yield Check(f"{name}: units", sums.units, position.units)
    yield Check(f"{name}: used GPU-ms", sums.used_gpu_ms if sums.units else 0, position.used)
