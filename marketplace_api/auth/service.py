"""Login of wallets."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import require_signer, text_digest
from contracts.protocol.wire import parse_hex
from marketplace_api.auth import repository, siwe
from marketplace_api.context import Context
from marketplace_api.problems import SessionError


@dataclass(frozen=True, slots=True)
class Login:
    """A session as its owner sees it, once."""

    token: str
    wallet: str
    expires_at: datetime


def issue_nonce(session: Session, context: Context, address: str) -> tuple[str, datetime]:
    """A fresh nonce for one login of ``address``."""
    nonce = secrets.token_hex(16)
    expires_at = _now(context) + timedelta(seconds=context.settings.nonce_ttl_s)
    repository.add_nonce(session, nonce, address, expires_at)
    return nonce, expires_at


def log_in(session: Session, context: Context, text: str, signature: str) -> Login:
    """A session for whoever signed the message."""
    message = siwe.parse(text)
    # Contract wallets (ERC-1271) are not served yet: only a signature by the address itself counts.
    raw = parse_hex(signature, "signature")
    try:
        siwe.check(
            message,
            domain=context.settings.domain,
            uri=context.settings.public_url,
            chain_id=context.deployment.chain_id,
            max_age_s=context.settings.nonce_ttl_s,
            now=_now(context),
        )
        require_signer(text_digest(text), raw, message.address, "signature")
    except ProtocolError as error:
        raise _refused(error) from error
    if not repository.use_nonce(session, message.nonce, message.address):
        raise SessionError(
            f"message.nonce: an unused nonce of {message.address}; given {message.nonce}",
            code="login-refused",
            field="message.nonce",
            limit=f"an unused nonce of {message.address}",
            given=message.nonce,
        )
    return _open(session, context, message.address)


def log_out(session: Session, token: str) -> None:
    """End the session of a token."""
    repository.delete_session(session, hash_token(token))


def wallet_of(session: Session, context: Context, token: str) -> str:
    """Whose session this is; raises ``SessionError`` where it is nobody's or over."""
    found = repository.find_session(session, hash_token(token))
    if found is None:
        raise SessionError("this session is unknown: log in again", code="unknown-session")
    if found.expires_at <= _now(context):
        raise SessionError("this session is over: log in again", code="expired-session")
    return found.wallet


def hash_token(token: str) -> str:
    """What is stored: a stolen database gives nobody a session."""
    return hashlib.sha256(token.encode()).hexdigest()


def _open(session: Session, context: Context, wallet: str) -> Login:
    token = secrets.token_urlsafe(32)
    expires_at = _now(context) + timedelta(seconds=context.settings.session_ttl_s)
    repository.add_session(session, hash_token(token), wallet, expires_at)
    return Login(token, wallet, expires_at)


def _refused(error: ProtocolError) -> SessionError:
    return SessionError(
        str(error), code=error.code, field=error.field, limit=error.limit, given=str(error.given)
    )


def _now(context: Context) -> datetime:
    return datetime.fromtimestamp(context.clock(), UTC)
