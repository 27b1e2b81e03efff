"""Money and GPU time: balances mirrored from the chain, and double-entry books."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from marketplace_api.models.base import Base, Created, Hash, Number, Wallet, Wide


class Account(Base):
    """A wallet's account in ``GpuMarket``, mirrored by the watcher."""

    __tablename__ = "account"
    __table_args__ = (CheckConstraint("balance >= 0", name="balance"),)

    wallet: Mapped[Wallet] = mapped_column(primary_key=True)
    balance: Mapped[Wide] = mapped_column(server_default=text("0"))
    epoch: Mapped[Number] = mapped_column(server_default=text("0"))
    delegate: Mapped[Wallet | None]
    """May countersign usage for the wallet."""


class LedgerAccount(Base):
    """One side of the books: an owner, what the account is for, and its asset."""

    __tablename__ = "ledger_account"
    __table_args__ = (UniqueConstraint("owner", "kind", "asset", "series"),)

    id: Mapped[int] = mapped_column(BigInteger(), Identity(), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    """A wallet, a contract, or a word for the outside."""
    kind: Mapped[str] = mapped_column(String(32))
    asset: Mapped[str] = mapped_column(String(80))
    """``payment_token`` or ``gpu_ms``."""
    series: Mapped[Wide] = mapped_column(server_default=text("0"))
    """Whose escrow or GPU time this is; 0 for money that no series holds."""


class LedgerPosting(Base):
    """One movement; its entries sum to zero in every asset. Never changed, only reversed."""

    __tablename__ = "ledger_posting"
    __table_args__ = (Index(None, "at"), Index(None, "lease_id"))

    id: Mapped[int] = mapped_column(BigInteger(), Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    """Of the event it was made from: the same event is posted once."""
    kind: Mapped[str] = mapped_column(String(32))
    at: Mapped[Number]
    """Unix seconds of the block."""
    transaction: Mapped[Hash | None]
    block_number: Mapped[Number | None]
    lease_id: Mapped[UUID | None] = mapped_column(ForeignKey("lease.id"))
    reverses: Mapped[Number | None] = mapped_column(ForeignKey("ledger_posting.id"), unique=True)
    created_at: Mapped[Created]


class LedgerEntry(Base):
    """One leg of a posting: positive amounts come into the account."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        Index(None, "posting_id"),
        Index(None, "account_id"),
        CheckConstraint("amount <> 0", name="amount"),
    )

    id: Mapped[int] = mapped_column(BigInteger(), Identity(), primary_key=True)
    posting_id: Mapped[Number] = mapped_column(ForeignKey("ledger_posting.id"))
    account_id: Mapped[Number] = mapped_column(ForeignKey("ledger_account.id"))
    amount: Mapped[Wide]
