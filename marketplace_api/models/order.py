"""Signed orders: the append-only log, where each order stands, and what the matcher decided."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from contracts.protocol.lifecycle import OrderStatus
from marketplace_api.models.base import (
    Base,
    Created,
    Document,
    Hash,
    Number,
    Wallet,
    Wide,
    status_column,
)


class LogKind(StrEnum):
    """What an entry of the order log is."""

    ASK = "ask"
    """A signed ask."""
    BID = "bid"
    """A signed bid."""
    CANCEL = "cancel"
    """An off-chain cancel by the maker of the order with this digest."""


class OrderSide(StrEnum):
    """Which side of the book an order is on."""

    ASK = "ask"
    """Offers GPU time."""
    BID = "bid"
    """Wants GPU time."""


class OrderLogEntry(Base):
    """One entry of the log. A trigger refuses every update and delete."""

    __tablename__ = "order_log"
    __table_args__ = (UniqueConstraint("kind", "digest"),)

    sequence: Mapped[int] = mapped_column(BigInteger(), Identity(always=True), primary_key=True)
    kind: Mapped[LogKind] = mapped_column(status_column(LogKind))
    digest: Mapped[Hash]
    maker: Mapped[Wallet]
    payload: Mapped[Document]
    """The signed struct in wire form; empty for a cancel."""
    signature: Mapped[str] = mapped_column(String(132))
    """The maker's; of a cancel, the operator's acknowledgement."""
    accepted_at: Mapped[Number]
    """Unix seconds by the server's clock."""


class Order(Base):
    """Where one order stands."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("maker", "epoch", "nonce"),
        Index(None, "status", "deadline"),
        Index(None, "maker", "sequence"),
        CheckConstraint("price_per_gpu_hour > 0", name="price"),
        CheckConstraint("reserve >= 0", name="reserve"),
    )

    digest: Mapped[Hash] = mapped_column(primary_key=True)
    sequence: Mapped[Number] = mapped_column(ForeignKey("order_log.sequence"), unique=True)
    side: Mapped[OrderSide] = mapped_column(status_column(OrderSide))
    maker: Mapped[Wallet]
    epoch: Mapped[Number]
    nonce: Mapped[Wide]
    status: Mapped[OrderStatus] = mapped_column(
        status_column(OrderStatus), default=OrderStatus.OPEN
    )
    reason: Mapped[str | None]
    device_class: Mapped[Hash]
    terms: Mapped[Number | None]
    """The terms of an ask."""
    price_per_gpu_hour: Mapped[Wide]
    """Of a bid, the highest price."""
    reserve: Mapped[Wide]
    """Money that an open bid may need at most; 0 for an ask."""
    deadline: Mapped[Number]
    acknowledgement: Mapped[Document]
    """The operator's signed word that it stands in the log."""
    cancellation: Mapped[Document | None]
    """The operator's signed word that it was taken out."""
    created_at: Mapped[Created]


class CancelledNonce(Base):
    """A nonce that its owner cancelled on chain; no order with it can be filled."""

    __tablename__ = "cancelled_nonce"

    wallet: Mapped[Wallet] = mapped_column(primary_key=True)
    epoch: Mapped[Number] = mapped_column(primary_key=True)
    nonce: Mapped[Wide] = mapped_column(primary_key=True)
    block_number: Mapped[Number]


class MatchRecord(Base):
    """One decision of the matcher with the facts it saw, so that anybody can repeat it."""

    __tablename__ = "match_record"

    number: Mapped[int] = mapped_column(BigInteger(), Identity(always=True), primary_key=True)
    log_sequence: Mapped[Number]
    """Last entry of the log that stood in the book."""
    bid_digest: Mapped[Hash] = mapped_column(unique=True)
    at: Mapped[Number]
    facts: Mapped[Document]
    """Of each ask that came before or was chosen: what was known of its supply; and the buyer's."""
    fill: Mapped[Document]
    lease_id: Mapped[UUID] = mapped_column(ForeignKey("lease.id"), unique=True)
