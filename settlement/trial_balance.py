"""The trial balance against the contracts' storage: reading it, and the pure comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from web3.exceptions import Web3Exception

from contracts.bindings.market import PositionState
from contracts.protocol.series import Series
from contracts.protocol.units import LOT_GPU_MS, cost, payment_down
from settlement.context import Context
from settlement.ledger import GPU_MS, PAYMENT_TOKEN, AccountKey, Kind
from settlement.outcome import Retryable

HELD = frozenset({Kind.BALANCE, Kind.BOND, Kind.ESCROW})


class Difference(StrEnum):
    """Every way in which books, chain and work can disagree."""

    MARKET_SHORT = "market-short"
    """The market has fewer tokens than the books say that it holds. More is a donation."""
    HELD_MISMATCH = "held-mismatch"
    """The contract's own sum of what it holds is another."""
    BALANCE_MISMATCH = "balance-mismatch"
    """An account's balance."""
    BOND_MISMATCH = "bond-mismatch"
    """A provider's collateral."""
    ESCROW_MISMATCH = "escrow-mismatch"
    """What a position may still cost."""
    UNITS_MISMATCH = "units-mismatch"
    """GPU time that a holder has."""
    MIRROR_MISMATCH = "mirror-mismatch"
    """The balance that the API reads is not that of the books."""
    STORAGE_UNREADABLE = "storage-unreadable"
    """The contracts could not be asked."""
    TRANSACTION_STUCK = "transaction-stuck"
    """Signed long ago and not mined."""
    WORK_FAILED = "work-failed"
    """An outbox row was given up lately."""
    LEASE_OVERDUE = "lease-overdue"
    """Should have been closed long ago."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference."""

    difference: Difference
    subject: str
    books: int
    chain: int


@dataclass(frozen=True, slots=True)
class Books:
    """The trial balance, and the balances as the API sees them."""

    accounts: Mapping[AccountKey, int]
    mirror: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Storage:
    """What the contracts say at one block."""

    market_tokens: int
    total_held: int
    balances: Mapping[str, int]
    bonds: Mapping[str, int]
    positions: Mapping[tuple[str, int], PositionState]


def read_storage(context: Context, books: Books, block: int) -> Storage:
    """Ask the contracts for everything that the books name."""
    market, registry = context.market, context.registry
    owners = {key.owner for key in books.accounts if key.kind is Kind.BALANCE} | set(books.mirror)
    providers = {key.owner for key in books.accounts if key.kind is Kind.BOND}
    held = {
        (key.owner, key.series) for key in books.accounts if key.kind in (Kind.ESCROW, Kind.UNITS)
    }
    try:
        return Storage(
            market_tokens=context.token.balance_of(market.address, block),
            total_held=market.total_held(block),
            balances={owner: market.account(owner, block).balance for owner in sorted(owners)},
            bonds={
                wallet: (bond := registry.bond_of(wallet, block)).bonded + bond.unbonding
                for wallet in sorted(providers)
            },
            positions={
                (holder, series): market.position(series, holder, block)
                for holder, series in sorted(held)
            },
        )
    except (Web3Exception, OSError) as error:
        raise Retryable("node-error", str(error)[:300]) from error


def compare(books: Books, storage: Storage) -> list[Finding]:
    """Every difference, to the unit."""
    return [*_totals(books, storage), *_accounts(books, storage), *_positions(books, storage)]


def _totals(books: Books, storage: Storage) -> Iterator[Finding]:
    held = sum(
        amount
        for key, amount in books.accounts.items()
        if key.asset == PAYMENT_TOKEN and key.kind in HELD
    )
    if storage.market_tokens < held:
        yield Finding(Difference.MARKET_SHORT, "market", held, storage.market_tokens)
    if storage.total_held != held:
        yield Finding(Difference.HELD_MISMATCH, "market", held, storage.total_held)


def _accounts(books: Books, storage: Storage) -> Iterator[Finding]:
    for owner, on_chain in storage.balances.items():
        booked = books.accounts.get(AccountKey(owner, Kind.BALANCE, PAYMENT_TOKEN), 0)
        if booked != on_chain:
            yield Finding(Difference.BALANCE_MISMATCH, owner, booked, on_chain)
        if books.mirror.get(owner, 0) != booked:
            yield Finding(Difference.MIRROR_MISMATCH, owner, books.mirror.get(owner, 0), booked)
    for provider, on_chain in storage.bonds.items():
        booked = books.accounts.get(AccountKey(provider, Kind.BOND, PAYMENT_TOKEN), 0)
        if booked != on_chain:
            yield Finding(Difference.BOND_MISMATCH, provider, booked, on_chain)


def _positions(books: Books, storage: Storage) -> Iterator[Finding]:
    for (holder, series_id), position in storage.positions.items():
        ticks = Series.from_id(series_id).ticks
        subject = f"{holder}/{series_id}"
        owed = cost(position.units, ticks) - payment_down(position.used, ticks)
        booked = books.accounts.get(AccountKey(holder, Kind.ESCROW, PAYMENT_TOKEN, series_id), 0)
        if booked != owed:
            yield Finding(Difference.ESCROW_MISMATCH, subject, booked, owed)
        units = books.accounts.get(AccountKey(holder, Kind.UNITS, GPU_MS, series_id), 0)
        if units != position.units * LOT_GPU_MS:
            found = position.units * LOT_GPU_MS
            yield Finding(Difference.UNITS_MISMATCH, subject, units, found)
