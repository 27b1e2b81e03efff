"""Login and logout."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from marketplace_api.auth import service
from marketplace_api.auth.dependencies import TokenDep, WalletDep
from marketplace_api.auth.siwe import MAX_LENGTH
from marketplace_api.context import ContextDep
from marketplace_api.db import SessionDep
from marketplace_api.problems import responses
from marketplace_api.schemas import Address, Answer, Request, Signature, Text

router = APIRouter(prefix="/v1/auth", tags=["auth"])


class NonceRequest(Request):
    """Who wants to log in."""

    address: Address


class NonceAnswer(Answer):
    """What the login message must contain."""

    nonce: str
    domain: str
    uri: str
    chain_id: int
    expires_at: int


class LoginRequest(Request):
    """A signed EIP-4361 message."""

    message: Annotated[
        Text,
        Field(
            max_length=MAX_LENGTH,
            examples=[
                (
                    "127.0.0.1:8700 wants you to sign in with your Ethereum account:\n"
                    "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc\n\nLog in to GPU Bourse.\n\n"
                    "URI: http://127.0.0.1:8700\nVersion: 1\nChain ID: 1337\n"
                    "Nonce: 0011223344556677\nIssued At: 2026-01-01T00:00:00Z"
                )
            ],
        ),
    ]
    signature: Signature


class LoginAnswer(Answer):
    """A session; the token is shown once."""

    token: str
    wallet: str
    expires_at: int


@router.post("/nonce", summary="Ask for a login nonce", responses=responses(422, 429))
def post_nonce(body: NonceRequest, session: SessionDep, context: ContextDep) -> NonceAnswer:
    """A nonce is good for one login of this address within a few minutes."""
    nonce, expires_at = service.issue_nonce(session, context, body.address)
    return NonceAnswer(
        nonce=nonce,
        domain=context.settings.domain,
        uri=context.settings.public_url,
        chain_id=context.deployment.chain_id,
        expires_at=int(expires_at.timestamp()),
    )


@router.post("/login", summary="Log in with a signed message", responses=responses(401, 422, 429))
def post_login(body: LoginRequest, session: SessionDep, context: ContextDep) -> LoginAnswer:
    """Wallets log in for themselves, agent keys for their provider. Signatures are EIP-191."""
    login = service.log_in(session, context, body.message, body.signature)
    return LoginAnswer(
        token=login.token, wallet=login.wallet, expires_at=int(login.expires_at.timestamp())
    )


@router.post("/logout", summary="End this session", responses=responses(401))
def post_logout(token: TokenDep, _wallet: WalletDep, session: SessionDep) -> dict[str, bool]:
    """The token is worthless afterwards."""
    service.log_out(session, token)
    return {"ok": True}
