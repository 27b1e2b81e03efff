"""What a transaction may cost: pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

BUMP_NUMERATOR, BUMP_DENOMINATOR = 9, 8
"""Nodes take a replacement from 10 % above both fees; some refuse exactly 10 %."""


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees in wei per gas."""

    max_fee: int
    max_priority_fee: int


def fees_for(base_fee: int, tip: int) -> Fees:
    """Six full blocks in a row double the base fee: twice of it outlasts them."""
    return Fees(2 * base_fee + tip, tip)


def bumped(fees: Fees) -> Fees:
    """The least fees that replace a pending transaction of the same nonce, rounded up."""
    return Fees(_bump(fees.max_fee), _bump(fees.max_priority_fee))


def replacement(old: Fees, now: Fees) -> Fees:
    """Enough to replace a pending transaction and to be mined at today's fees."""
    least = bumped(old)
    return Fees(max(least.max_fee, now.max_fee), max(least.max_priority_fee, now.max_priority_fee))


def gas_limit(estimate: int, margin_percent: int, floor: int) -> int:
    """The estimate with a margin, since state may change before the transaction is mined.

    An element of a batch that the newest block would skip as too early is estimated cheap, and runs
    out of gas when the next block takes it: so no less than what all elements together may need.
    """
    return max(-(-estimate * margin_percent // 100), floor)


def next_nonce(stored: int | None, on_chain: int) -> int:
    """One after our last, unless the chain is further: the key was used without us."""
    return on_chain if stored is None else max(stored + 1, on_chain)


def _bump(fee: int) -> int:
    return -(-fee * BUMP_NUMERATOR // BUMP_DENOMINATOR)
