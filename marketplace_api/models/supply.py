"""Providers and what they have: filled from the chain by settlement, named by inventories."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace_api.models.base import (
    Base,
    Created,
    Document,
    Hash,
    Instant,
    Number,
    Wallet,
    Wide,
    status_column,
)


class Provider(Base):
    """A provider that the registry knows."""

    __tablename__ = "provider"
    __table_args__ = (CheckConstraint("bond >= 0", name="bond"),)

    wallet: Mapped[Wallet] = mapped_column(primary_key=True)
    agent: Mapped[Wallet | None] = mapped_column(unique=True)
    """The key that signs receipts and may log in for the provider."""
    name: Mapped[str] = mapped_column(String(64), server_default="")
    region: Mapped[str] = mapped_column(String(32), server_default="")
    bond: Mapped[Wide] = mapped_column(server_default=text("0"))
    last_seen: Mapped[Instant | None]
    """Last heartbeat of its agent."""


REVOKED = 0
"""``attested_until`` of a device whose attestation auditors revoked: enrolled, but not for sale."""


class DeviceClass(Base):
    """The name behind a class hash of the chain; learnt from inventories."""

    __tablename__ = "device_class"

    hash: Mapped[Hash] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(96), unique=True)


class Device(Base):
    """One device or slice. Without ``attested_until`` it is only a claim."""

    __tablename__ = "device"
    __table_args__ = (
        Index(None, "provider"),
        CheckConstraint("milli >= 0 AND lane_milli >= 0", name="milli"),
    )

    hash: Mapped[Hash] = mapped_column(primary_key=True)
    """keccak256 of the NVML UUID."""
    uuid: Mapped[str | None] = mapped_column(String(96))
    provider: Mapped[Wallet] = mapped_column(ForeignKey("provider.wallet"))
    device_class: Mapped[Hash]
    milli: Mapped[int] = mapped_column(server_default=text("1000"))
    lane_milli: Mapped[int] = mapped_column(server_default=text("1000"))
    simulated: Mapped[bool]
    attested_until: Mapped[Number | None]
    """Unix seconds; null until the chain says so, ``REVOKED`` where auditors ended it early."""
    evidence: Mapped[Hash | None]
    healthy: Mapped[bool] = mapped_column(server_default=text("true"))
    """By the last heartbeat."""


class Terms(Base):
    """Conditions that a provider registered on chain; immutable there."""

    __tablename__ = "terms"
    __table_args__ = (
        Index(None, "provider"),
        CheckConstraint("isolation BETWEEN 1 AND 5", name="isolation"),
        CheckConstraint("step BETWEEN 1 AND 1000", name="step"),
    )

    number: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    provider: Mapped[Wallet]
    device_class: Mapped[Hash]
    isolation: Mapped[int]
    step: Mapped[int]
    """Smallest milli that moves."""
    reservation_fee_bps: Mapped[int] = mapped_column(server_default=text("0"))
    sla_credit_bps: Mapped[int] = mapped_column(server_default=text("0"))
    notice: Mapped[int] = mapped_column(server_default=text("0"))
    interruptible: Mapped[bool] = mapped_column(server_default=text("false"))
    receipt_interval: Mapped[int] = mapped_column(server_default=text("10"))
    unsigned_intervals: Mapped[int] = mapped_column(server_default=text("3"))
    """How many intervals the agent works on without a countersignature."""
    fee_bps: Mapped[int] = mapped_column(server_default=text("0"))
    arbiter_set: Mapped[int] = mapped_column(server_default=text("0"))


class InventoryStatus(StrEnum):
    """Where an agent's claim stands."""

    RECEIVED = "received"
    """Stored; an attestation is asked for."""
    ATTESTED = "attested"
    """The chain carries its devices."""
    REFUSED = "refused"
    """The auditors or the chain refused it; the reason is kept."""


class Inventory(Base):
    """What an agent claims to own, as it signed it."""

    __tablename__ = "inventory"
    __table_args__ = (UniqueConstraint("provider", "sequence"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    provider: Mapped[Wallet] = mapped_column(ForeignKey("provider.wallet"))
    agent: Mapped[Wallet]
    sequence: Mapped[Number]
    inventory: Mapped[Document]
    """The signed struct in wire form."""
    report: Mapped[Document]
    """What ``inventory.report`` is the hash of."""
    signature: Mapped[str] = mapped_column(String(132))
    status: Mapped[InventoryStatus] = mapped_column(
        status_column(InventoryStatus), default=InventoryStatus.RECEIVED
    )
    reason: Mapped[str | None]
    created_at: Mapped[Created]
