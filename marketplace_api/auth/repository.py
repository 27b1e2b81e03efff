"""Login nonces and sessions in the database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from marketplace_api.models import LoginNonce, Provider, WalletSession


def add_nonce(session: Session, nonce: str, address: str, expires_at: datetime) -> None:
    """Store a nonce and forget the expired ones."""
    session.execute(delete(LoginNonce).where(LoginNonce.expires_at < func.now()))
    session.add(LoginNonce(nonce=nonce, address=address, expires_at=expires_at))


def use_nonce(session: Session, nonce: str, address: str) -> bool:
    """Use a nonce up; False if it is not this address's, expired or used. Two logins race here."""
    used = session.scalar(
        update(LoginNonce)
        .where(
            LoginNonce.nonce == nonce,
            LoginNonce.address == address,
            LoginNonce.used_at.is_(None),
            LoginNonce.expires_at > func.now(),
        )
        .values(used_at=func.now())
        .returning(LoginNonce.nonce)
    )
    return used is not None


def add_session(session: Session, token_hash: str, wallet: str, expires_at: datetime) -> None:
    """Store a session and forget the expired ones."""
    session.execute(delete(WalletSession).where(WalletSession.expires_at < func.now()))
    session.add(WalletSession(token_hash=token_hash, wallet=wallet, expires_at=expires_at))


def find_session(session: Session, token_hash: str) -> WalletSession | None:
    """The session of a token, expired or not."""
    return session.get(WalletSession, token_hash)


def delete_session(session: Session, token_hash: str) -> None:
    """End a session."""
    session.execute(delete(WalletSession).where(WalletSession.token_hash == token_hash))


def provider_of_agent(session: Session, agent: str) -> str | None:
    """The provider whose agent key this is."""
    return session.scalar(select(Provider.wallet).where(Provider.agent == agent))
