"""Work for another process, written in the transaction that makes it necessary."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace_api.models.base import Base, Created, Document, Instant, status_column


class OutboxKind(StrEnum):
    """What is to be done."""

    DEVICE_ATTEST = "device.attest"
    """Check an inventory and attest its devices: {inventory_id}."""
    LEASE_FILL = "lease.fill"
    """Fill a matched lease on chain: {lease_id}."""
    VOUCHER_REDEEM = "voucher.redeem"
    """Redeem a countersigned voucher: {lease_id, sequence}."""
    LEASE_CLOSE = "lease.close"
    """Close a lease on chain: {lease_id}."""
    CASE_RESOLVE = "case.resolve"
    """End a case whose time is over: {series, holder, number}."""
    LEASE_END = "lease.end"
    """The window is over: redeem what is counter-signed, then ask to close: {lease_id}."""


class OutboxMessage(Base):
    """One piece of work; whoever holds the lease on the row does it."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_open",
            "available_at",
            "id",
            postgresql_where=text("done_at IS NULL AND failed_at IS NULL"),
        ),
        Index(None, "transaction_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger(), Identity(), primary_key=True)
    kind: Mapped[OutboxKind] = mapped_column(status_column(OutboxKind))
    key: Mapped[str] = mapped_column(String(200), unique=True)
    """The same key is never enqueued twice."""
    payload: Mapped[Document]
    """Ids only; the worker reads the rest anew."""
    available_at: Mapped[Instant] = mapped_column(server_default=func.now())
    leased_until: Mapped[Instant | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    done_at: Mapped[Instant | None]
    failed_at: Mapped[Instant | None]
    error: Mapped[str | None]
    transaction_id: Mapped[UUID | None] = mapped_column(ForeignKey("chain_transaction.id"))
    """What settlement sends for it; several rows may share one. Set once for each attempt."""
    created_at: Mapped[Created]
