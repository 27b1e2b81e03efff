"""`GpuMarket`: data of its calls and answers of its views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from web3 import Web3
from web3.contract import Contract

from contracts.bindings.contract import bind, encode, view
from contracts.bindings.tuples import as_tuple
from contracts.protocol.keys import compact
from contracts.protocol.typed_data import Ask, Bid, UsageGroup, Voucher

FINAL, CUT, CASE, AGENT_CLAIMED, FAULT = 1, 2, 4, 8, 16
"""Flags of a position, as `libraries/Position.sol` has them."""


@dataclass(frozen=True, slots=True)
class BidFill:
    """One bid and what it gets."""

    bid: Bid
    signature: bytes
    milli: int
    start: int
    duration: int
    price_per_gpu_hour: int
    class_proof: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class AskGroup:
    """One ask with the bids that fill it."""

    ask: Ask
    signature: bytes
    fills: tuple[BidFill, ...]


@dataclass(frozen=True, slots=True)
class SignedVoucher:
    """A voucher with its signatures; the agent's counts where it is final or reports an outage."""

    voucher: Voucher
    holder_signature: bytes
    agent_signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Closing:
    """A position to close."""

    series: int
    holder: str


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account, unpacked."""

    balance: int
    epoch: int
    first_nonce: int
    window: int


@dataclass(frozen=True, slots=True)
class PositionState:
    """One holder's part of one series."""

    units: int
    milli: int
    used: int
    end: int
    flags: int
    missed_intervals: int = 0

    @property
    def is_final(self) -> bool:
        """Both sides said that no more will be used, or a case ended the lease."""
        return bool(self.flags & FINAL)

    @property
    def is_disputed(self) -> bool:
        """A case is open: closing waits for it."""
        return bool(self.flags & CASE)


class GpuMarket:
    """Calls encode to data; views read at a block."""

    def __init__(self, web3: Web3, address: str) -> None:
        self.address = address
        self.contract: Contract = bind(web3, address, "GpuMarket")

    def deposit(self, amount: int) -> bytes:
        """Pay in; reverts without allowance, on zero and where all balances no longer fit."""
        return self._encode("deposit", amount)

    def deposit_for(self, account: str, amount: int) -> bytes:
        """Pay in for somebody."""
        return self._encode("depositFor", account, amount)

    def withdraw(self, to: str, amount: int) -> bytes:
        """Take out; reverts above the balance."""
        return self._encode("withdraw", to, amount)

    def set_delegate(self, delegate: str) -> bytes:
        """Name the key that counter-signs usage."""
        return self._encode("setDelegate", delegate)

    def cancel(self, nonces: tuple[int, ...]) -> bytes:
        """Void the orders with these nonces."""
        return self._encode("cancel", list(nonces))

    def cancel_all(self) -> bytes:
        """Void every order signed before."""
        return self._encode("cancelAll")

    def bond(self, amount: int) -> bytes:
        """Move money from the balance into the bond."""
        return self._encode("bond", amount)

    def release_bond(self, account: str) -> bytes:
        """Credit a bond whose unbonding is over."""
        return self._encode("releaseBond", account)

    def fill(self, groups: tuple[AskGroup, ...]) -> bytes:
        """Pair asks with bids; a bad one is skipped with its reason."""
        return self._encode("fill", [as_group(group) for group in groups])

    def redeem(self, vouchers: tuple[SignedVoucher, ...]) -> bytes:
        """Pay for usage; a bad voucher is skipped with its reason."""
        return self._encode(
            "redeem",
            [
                (as_tuple(v.voucher), _halves(v.holder_signature), _halves(v.agent_signature))
                for v in vouchers
            ],
        )

    def redeem_group(self, group: UsageGroup, signature: bytes) -> bytes:
        """Pay for many leases of one holder; a bad item is skipped with its reason."""
        return self._encode("redeemGroup", as_tuple(group), signature)

    def split(self, series: int, at: int, milli: int) -> bytes:
        """Cut the caller's position at a whole hour."""
        return self._encode("split", series, at, milli)

    def merge(self, first: int, second: int, milli: int) -> bytes:
        """Join two adjacent parts of the caller."""
        return self._encode("merge", first, second, milli)

    def transfer(self, source: str, target: str, series: int, units: int) -> bytes:
        """Send units, as ERC-1155 does."""
        return self._encode("safeTransferFrom", source, target, series, units, b"")

    def close(self, closings: tuple[Closing, ...]) -> bytes:
        """Refund and burn; one that is too early is skipped with its reason."""
        return self._encode("close", [(c.series, c.holder) for c in closings])

    def account(self, account: str, block: int) -> AccountState:
        """Balance, epoch and nonces."""
        return AccountState(*view(self.contract, block, "accountOf", account))

    def is_nonce_open(self, account: str, nonce: int, block: int) -> bool:
        """Whether an order with this nonce could still be filled."""
        return bool(view(self.contract, block, "isNonceOpen", account, nonce))

    def delegate_of(self, account: str, block: int) -> str:
        """The key that counter-signs: the delegate or the account itself."""
        return str(view(self.contract, block, "delegateOf", account))

    def position(self, series: int, holder: str, block: int) -> PositionState:
        """What a holder has of a series."""
        return PositionState(*view(self.contract, block, "positionOf", series, holder))

    def total_held(self, block: int) -> int:
        """Tokens that the contract's books account for."""
        return int(view(self.contract, block, "totalHeld"))

    def _encode(self, function: str, *args: Any) -> bytes:
        return encode(self.contract, function, *args)


def as_group(group: AskGroup) -> tuple[Any, ...]:
    """The tuple that the ABI takes; `Resale` takes the same."""
    return as_tuple(group.ask), group.signature, [_fill(fill) for fill in group.fills]


def _fill(fill: BidFill) -> tuple[Any, ...]:
    return (
        as_tuple(fill.bid),
        fill.signature,
        list(fill.class_proof),
        fill.milli,
        fill.start,
        fill.duration,
        fill.price_per_gpu_hour,
    )


def _halves(signature: bytes) -> tuple[bytes, bytes]:
    short = compact(signature)
    return short[:32], short[32:]
