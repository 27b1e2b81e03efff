"""What closing a lease would bring, computed as the contract does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.protocol.units import payment_down, price_ticks, share_down
from marketplace_api.client.answers import Lease, Market, StoredReceipt


@dataclass(frozen=True, slots=True)
class ClosingInfo:
    """Money at the close, by what is counter-signed so far."""

    lease: str
    status: str
    cost: int
    used_gpu_ms: int
    payment: int
    """floor(used x ticks / 3,600): leaves the escrow."""
    fee: int
    """Part of the payment that goes to the treasury."""
    refund: int
    is_final: bool
    """Both sides said that no more will be used: the lease may close before its end."""
    closes_after: int
    """Unix time from which anyone may close."""


def closing_of(lease: Lease, receipts: Sequence[StoredReceipt], market: Market) -> ClosingInfo:
    """The figures for a lease and its receipts."""
    signed = [stored.receipt for stored in receipts if stored.holder_signature is not None]
    used = signed[-1].used_gpu_ms if signed else 0
    is_final = bool(signed) and signed[-1].is_final
    payment = payment_down(used, price_ticks(lease.price_per_gpu_hour))
    early = lease.start + market.constants.start_grace
    return ClosingInfo(
        lease=lease.id,
        status=lease.status,
        cost=lease.cost,
        used_gpu_ms=used,
        payment=payment,
        fee=share_down(payment, market.fee_bps),
        refund=lease.cost - payment,
        is_final=is_final,
        closes_after=early if is_final else lease.end + market.constants.redeem_grace,
    )
