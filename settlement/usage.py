"""What a voucher must satisfy before it is redeemed: small rules, pure, in a fixed order.

The contract enforces the same; here a voucher that it would refuse costs no gas and gets a name.
Each rule returns nothing, or raises `Failed` (never right) or `Retryable` (not right yet).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contracts.protocol.eip712 import Domain, digest
from contracts.protocol.errors import SignatureError
from contracts.protocol.keys import recover
from contracts.protocol.typed_data import Receipt, Voucher, voucher_of
from contracts.protocol.units import LOT_GPU_MS
from settlement.outcome import Failed, Retryable


@dataclass(frozen=True, slots=True)
class Claim:
    """One counter-signed receipt and what is known of its lease at this moment."""

    receipt: Receipt
    holder_signature: bytes
    agent_signature: bytes
    series: int
    holder: str
    delegates: frozenset[str]
    """Who may counter-sign beside the holder."""
    agents: frozenset[str]
    """The provider's agent key, and a replaced one while it still counts."""
    milli: int
    units: int
    start: int
    end: int
    redeemed_gpu_ms: int
    """What the books say is paid for."""
    missed_intervals: int
    """Not served, as the chain has it."""
    interval_s: int
    """Seconds of a missed interval."""
    is_running: bool
    now: int
    domain: Domain

    @property
    def voucher(self) -> Voucher:
        """The form that the chain takes."""
        return voucher_of(self.receipt)


Rule = Callable[[Claim], None]


def names_the_lease(claim: Claim) -> None:
    """Series and holder are those of the lease."""
    if (claim.receipt.series, claim.receipt.holder) != (claim.series, claim.holder):
        given = f"series {claim.receipt.series} of {claim.receipt.holder}"
        raise Failed("foreign-voucher", f"series {claim.series} of {claim.holder}; given {given}")


def is_signed_by_agent(claim: Claim) -> None:
    """The provider's agent signed the voucher."""
    found = _recover(claim, claim.agent_signature, "agent_signature")
    if found not in claim.agents:
        wanted = " or ".join(sorted(claim.agents)) or "an agent, but the provider has none"
        raise Failed("bad-agent-signature", f"a signature by {wanted}; given one by {found}")


def is_signed_by_holder(claim: Claim) -> None:
    """The holder or its delegate signed: the payee never sets the number alone."""
    found = _recover(claim, claim.holder_signature, "holder_signature")
    if found != claim.holder and found not in claim.delegates:
        limit = f"a signature by {claim.holder} or its delegate"
        raise Failed("bad-holder-signature", f"{limit}; given one by {found}")


def is_running(claim: Claim) -> None:
    """The units exist on chain and were not closed."""
    if not claim.is_running:
        raise Retryable("not-active", "the fill of this lease is not confirmed")


def adds_something(claim: Claim) -> None:
    """Cumulative and growing: an older voucher pays nothing, the same one again neither."""
    used, paid = claim.receipt.used_gpu_ms, claim.redeemed_gpu_ms
    if used < paid:
        raise Failed("voucher-shrinks", f"used_gpu_ms at least {paid}; given {used}")
    missed, known = claim.receipt.missed_intervals, claim.missed_intervals
    if missed < known:
        raise Failed("voucher-shrinks", f"missed_intervals at least {known}; given {missed}")
    if used == paid and missed == known and not claim.receipt.is_final:
        raise Failed("voucher-repeats", f"used_gpu_ms above {paid}; given {used}")


def fits_the_units(claim: Claim) -> None:
    """No more than what was bought."""
    most = claim.units * LOT_GPU_MS
    if claim.receipt.used_gpu_ms > most:
        raise Failed(
            "exceeds-units", f"used_gpu_ms at most {most}; given {claim.receipt.used_gpu_ms}"
        )


def fits_the_clock(claim: Claim) -> None:
    """No more than milli x elapsed less what was missed; time may still catch up."""
    elapsed = max(0, min(claim.now, claim.end) - claim.start)
    most = claim.milli * (elapsed - claim.interval_s * claim.receipt.missed_intervals)
    if claim.receipt.used_gpu_ms > most:
        raise Retryable(
            "exceeds-elapsed",
            f"used_gpu_ms at most milli x served time, {most}; given {claim.receipt.used_gpu_ms}",
        )


RULES: tuple[Rule, ...] = (
    names_the_lease,
    is_signed_by_agent,
    is_signed_by_holder,
    adds_something,
    fits_the_units,
    is_running,
    fits_the_clock,
)


def check(claim: Claim) -> None:
    """Apply every rule; the first that objects names the reason."""
    for rule in RULES:
        rule(claim)


def _recover(claim: Claim, signature: bytes, field: str) -> str:
    try:
        return recover(digest(claim.voucher, claim.domain), signature)
    except SignatureError as error:
        raise Failed("bad-signature", f"{field}: {error.limit}; given {error.given}") from error
