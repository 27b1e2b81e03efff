"""A lease as its parties see it."""

from __future__ import annotations

from pydantic import Field

from contracts.protocol.lifecycle import LeaseStatus
from marketplace_api.models import Lease
from marketplace_api.schemas import Answer, WideInt


class LeaseView(Answer):
    """One holder's position in one series."""

    id: str
    status: LeaseStatus
    reason: str | None
    series: WideInt
    terms: int
    holder: str
    provider: str
    device_class: str = Field(examples=["nvidia/h100/80gb/sxm"])
    isolation: int = Field(description="1 timeslice, 2 mps, 3 mig, 4 device, 5 host")
    milli: int
    units: int = Field(description="Lots of 0.001 GPU-hour (3,600 GPU-ms)")
    start: int
    end: int = Field(description="First second after the window")
    price_per_gpu_hour: WideInt
    cost: WideInt = Field(description="What was escrowed")
    used_gpu_ms: int = Field(description="Cumulative, as paid on chain")
    paid: WideInt = Field(description="For usage, the fee included")
    fee: WideInt
    refunded: WideInt
    missed_intervals: int = Field(description="Not served, as both sides signed or a case found")
    reservation_fee: WideInt = Field(description="Of the unspent cost, to the provider")
    sla_credit: WideInt = Field(description="Of the provider's bond, for missed intervals")
    is_disputed: bool = Field(description="A case is open: it cannot be closed")
    simulated: bool
    ask: str
    bid: str
    fill_transaction: str | None
    redeem_transaction: str | None
    close_transaction: str | None
    created_at: int


def lease_view(lease: Lease, device_class: str) -> LeaseView:
    """A lease for its parties."""
    return LeaseView(
        id=str(lease.id),
        status=lease.status,
        reason=lease.reason,
        series=str(lease.series),
        terms=lease.terms,
        holder=lease.holder,
        provider=lease.provider,
        device_class=device_class,
        isolation=lease.isolation,
        milli=lease.milli,
        units=lease.units,
        start=lease.start,
        end=lease.end,
        price_per_gpu_hour=str(lease.price_per_gpu_hour),
        cost=str(lease.cost),
        used_gpu_ms=lease.used_gpu_ms,
        paid=str(lease.paid),
        fee=str(lease.fee),
        refunded=str(lease.refunded),
        missed_intervals=lease.missed_intervals,
        reservation_fee=str(lease.reservation_fee),
        sla_credit=str(lease.sla_credit),
        is_disputed=lease.is_disputed,
        simulated=lease.simulated,
        ask=lease.ask_digest,
        bid=lease.bid_digest,
        fill_transaction=lease.fill_transaction,
        redeem_transaction=lease.redeem_transaction,
        close_transaction=lease.close_transaction,
        created_at=int(lease.created_at.timestamp()),
    )
