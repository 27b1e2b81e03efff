"""Leases: one holder's position in one series."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from contracts.protocol.lifecycle import LeaseStatus
from contracts.protocol.units import TICK, Amount, cost
from marketplace_api.models.base import (
    Base,
    Created,
    Hash,
    Instant,
    Number,
    Wallet,
    Wide,
    status_column,
)


class Lease(Base):
    """One position, from the match to the closed books. Money fields are filled by settlement."""

    __tablename__ = "lease"
    __table_args__ = (
        # A bid may be filled several times, and what is cut off or passed on keeps its name.
        Index(None, "bid_digest"),
        # A second fill of the same series would grow the first position instead of making one.
        Index(
            "uq_lease_series_holder",
            "series",
            "holder",
            unique=True,
            postgresql_where=text("status <> 'failed'"),
        ),
        Index(None, "holder", "created_at"),
        Index(None, "provider", "status"),
        # Equal where an interruption ended it at its start.
        CheckConstraint('"end" >= start', name="window"),
        CheckConstraint("milli > 0 AND units > 0 AND ticks > 0", name="size"),
        CheckConstraint(
            "used_gpu_ms >= 0 AND paid >= 0 AND fee >= 0 AND refunded >= 0", name="amounts"
        ),
        CheckConstraint(
            "missed_intervals >= 0 AND reservation_fee >= 0 AND sla_credit >= 0", name="endings"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    bid_digest: Mapped[Hash]
    """The bid that bought the units first. No foreign key: anybody may fill orders on chain that
    were never posted here."""
    ask_digest: Mapped[Hash]
    series: Mapped[Wide]
    terms: Mapped[Number]
    holder: Mapped[Wallet]
    provider: Mapped[Wallet]
    device_class: Mapped[Hash]
    isolation: Mapped[int]
    milli: Mapped[int]
    units: Mapped[Number]
    """Lots of 0.001 GPU-hour."""
    start: Mapped[Number]
    end: Mapped[Number]
    """First second after the window; earlier than the series says where the lease was cut."""
    ticks: Mapped[Number]
    simulated: Mapped[bool]
    status: Mapped[LeaseStatus] = mapped_column(
        status_column(LeaseStatus), default=LeaseStatus.PENDING
    )
    reason: Mapped[str | None]
    used_gpu_ms: Mapped[Number] = mapped_column(server_default=text("0"))
    """Cumulative, as redeemed on chain."""
    paid: Mapped[Wide] = mapped_column(server_default=text("0"))
    """To the provider, fee included."""
    fee: Mapped[Wide] = mapped_column(server_default=text("0"))
    refunded: Mapped[Wide] = mapped_column(server_default=text("0"))
    missed_intervals: Mapped[Number] = mapped_column(server_default=text("0"))
    """Receipt intervals that were not served, as both sides signed or a case found."""
    reservation_fee: Mapped[Wide] = mapped_column(server_default=text("0"))
    """Out of the escrow to the provider for having stood ready."""
    sla_credit: Mapped[Wide] = mapped_column(server_default=text("0"))
    """Out of the provider's bond to the holder for missed intervals."""
    is_disputed: Mapped[bool] = mapped_column(server_default=text("false"))
    """A case is open: it cannot be closed."""
    fill_transaction: Mapped[Hash | None]
    redeem_transaction: Mapped[Hash | None]
    close_transaction: Mapped[Hash | None]
    created_at: Mapped[Created]
    activated_at: Mapped[Instant | None]

    @property
    def duration(self) -> int:
        """Seconds of the window."""
        return self.end - self.start

    @property
    def price_per_gpu_hour(self) -> int:
        """Money per GPU-hour."""
        return self.ticks * TICK

    @property
    def cost(self) -> Amount:
        """What was escrowed."""
        return cost(self.units, self.ticks)
