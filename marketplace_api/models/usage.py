"""Receipts: the signed, cumulative usage of a lease."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from marketplace_api.models.base import Base, Created, Digest, Document, Hash, Instant, Number


class UsageReceipt(Base):
    """One receipt as its agent signed it; the holder may countersign its voucher."""

    __tablename__ = "receipt"
    __table_args__ = (
        CheckConstraint("sequence >= 1", name="sequence"),
        CheckConstraint("used_gpu_ms >= 0", name="used"),
        CheckConstraint("interval_end >= interval_start", name="interval"),
    )

    lease_id: Mapped[UUID] = mapped_column(ForeignKey("lease.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    receipt: Mapped[Document]
    """The signed struct in wire form."""
    struct_hash: Mapped[Hash] = mapped_column(unique=True)
    used_gpu_ms: Mapped[Number]
    interval_start: Mapped[Number]
    interval_end: Mapped[Number]
    is_final: Mapped[bool]
    signature: Mapped[str] = mapped_column(String(132))
    voucher_signature: Mapped[str] = mapped_column(String(132))
    """The agent's under the voucher made from this receipt."""
    holder_signature: Mapped[str | None] = mapped_column(String(132))
    """The holder's or its delegate's under the same voucher."""
    samples: Mapped[Digest | None] = mapped_column(ForeignKey("blob.sha256"))
    """The metering samples under ``samples_root``."""
    created_at: Mapped[Created]
    countersigned_at: Mapped[Instant | None]
