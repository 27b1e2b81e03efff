"""What settlement knows of the chain and what it sends there."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from contracts.protocol.lifecycle import TransactionStatus
from marketplace_api.models.base import (
    Base,
    Created,
    Document,
    Documents,
    Hash,
    Instant,
    Number,
    Wallet,
    Wide,
    status_column,
)


class ChainTransaction(Base):
    """A durable intent to send, and what became of it."""

    __tablename__ = "chain_transaction"
    __table_args__ = (
        UniqueConstraint("signer", "nonce"),
        Index(None, "status"),
        Index(None, "block_number"),
        CheckConstraint("nonce IS NULL OR nonce >= 0", name="nonce"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    idempotency_key: Mapped[str] = mapped_column(String(200), unique=True)
    signer: Mapped[Wallet]
    to: Mapped[Wallet]
    data: Mapped[bytes] = mapped_column(LargeBinary())
    value: Mapped[Wide] = mapped_column(server_default=text("0"))
    nonce: Mapped[Number | None]
    """Given when signed; together with the signer it is used once."""
    status: Mapped[TransactionStatus] = mapped_column(
        status_column(TransactionStatus), default=TransactionStatus.QUEUED
    )
    raw: Mapped[bytes | None] = mapped_column(LargeBinary())
    hash: Mapped[Hash | None] = mapped_column(unique=True)
    max_fee: Mapped[Wide | None]
    max_priority_fee: Mapped[Wide | None]
    gas: Mapped[Number | None]
    attempts: Mapped[Documents] = mapped_column(server_default=text("'[]'"))
    """Signed versions, the newest last: [{hash, max_fee, max_priority_fee, at}]; fees as text."""
    block_number: Mapped[Number | None]
    block_hash: Mapped[Hash | None]
    gas_used: Mapped[Number | None]
    gas_price: Mapped[Wide | None]
    error: Mapped[str | None]
    created_at: Mapped[Created]
    sent_at: Mapped[Instant | None]


class ChainBlock(Base):
    """A block that the watcher has applied."""

    __tablename__ = "chain_block"

    number: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[Hash] = mapped_column(unique=True)
    parent_hash: Mapped[Hash]
    timestamp: Mapped[Number]


class ChainEvent(Base):
    """A decoded event of our contracts; goes away with its block."""

    __tablename__ = "chain_event"
    __table_args__ = (Index(None, "block_number"), Index(None, "name"))

    block_hash: Mapped[Hash] = mapped_column(primary_key=True)
    tx_hash: Mapped[Hash] = mapped_column(primary_key=True)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    block_number: Mapped[Number] = mapped_column(
        ForeignKey("chain_block.number", ondelete="CASCADE")
    )
    contract: Mapped[Wallet]
    name: Mapped[str] = mapped_column(String(64))
    args: Mapped[Document]


class ChainCursor(Base):
    """How far a reader of the chain has come."""

    __tablename__ = "chain_cursor"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    block_number: Mapped[Number]
    block_hash: Mapped[Hash]
