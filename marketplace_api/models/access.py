"""Who is logged in, and which requests were answered already."""

from __future__ import annotations

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from marketplace_api.models.base import Base, Created, Digest, Instant, Json, Wallet


class LoginNonce(Base):
    """A nonce handed out for one login of one address."""

    __tablename__ = "login_nonce"
    __table_args__ = (Index(None, "expires_at"),)

    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    address: Mapped[Wallet]
    expires_at: Mapped[Instant]
    used_at: Mapped[Instant | None]


class WalletSession(Base):
    """A login; only the hash of its token is kept."""

    __tablename__ = "wallet_session"
    __table_args__ = (Index(None, "expires_at"),)

    token_hash: Mapped[Digest] = mapped_column(primary_key=True)
    wallet: Mapped[Wallet]
    created_at: Mapped[Created]
    expires_at: Mapped[Instant]


class IdempotencyKey(Base):
    """The answer to a request that must not be carried out twice."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index(None, "created_at"),)

    wallet: Mapped[Wallet] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    request_hash: Mapped[Digest]
    """Over method, path and body."""
    status_code: Mapped[int]
    response: Mapped[Json] = mapped_column(JSON())
    """Not JSONB, which reorders keys: the stored answer is the first answer byte for byte."""
    created_at: Mapped[Created]
