"""What the contracts' storage says at one block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.bindings.market import PositionState
from settlement.cli.desk import ChainDesk
from settlement.cli.verify.sums import History, Key


@dataclass(frozen=True, slots=True)
class State:
    """Storage of token, market and registry."""

    block: int
    treasury: str
    market_tokens: int
    """Payment tokens that the token contract says the market has."""
    total_held: int
    """Payment tokens that the market's own books account for."""
    balances: Mapping[str, int]
    bonds: Mapping[str, int]
    positions: Mapping[Key, PositionState]


def read_state(desk: ChainDesk, history: History) -> State:
    """Read everything that the logs mention, at their block."""
    block = history.block
    wallets = sorted({*history.wallets(), desk.place.treasury})
    bonds = {}
    for wallet in history.bonded:
        bond = desk.registry.bond_of(wallet, block)
        bonds[wallet] = bond.bonded + bond.unbonding
    return State(
        block=block,
        treasury=desk.place.treasury,
        market_tokens=desk.token.balance_of(desk.place.market, block),
        total_held=desk.market.total_held(block),
        balances={wallet: desk.market.account(wallet, block).balance for wallet in wallets},
        bonds=bonds,
        positions={
            key: desk.market.position(key.series, key.holder, block) for key in history.leases
        },
    )
