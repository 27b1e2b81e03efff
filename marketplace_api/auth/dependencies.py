"""What endpoints ask for: the wallet of the session, or the provider that its agent key serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from marketplace_api.auth import repository, service
from marketplace_api.context import ContextDep
from marketplace_api.db import session_scope
from marketplace_api.problems import ForbiddenError, SessionError

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="session",
    description="Token of POST /v1/auth/login, sent as `Authorization: Bearer <token>`",
)


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent key and the provider that it serves."""

    key: str
    provider: str


def get_token(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    """The bearer token."""
    if credentials is None:
        raise SessionError("a session is needed: Authorization: Bearer <token>")
    return credentials.credentials


TokenDep = Annotated[str, Depends(get_token)]


def get_wallet(token: TokenDep, context: ContextDep) -> str:
    """The wallet (or agent key) that logged in; counts against its rate."""
    # A session of its own: a slow upload or a long poll must not hold a connection meanwhile.
    with session_scope() as session:
        wallet = service.wallet_of(session, context, token)
    context.limiter.take(wallet)
    return wallet


WalletDep = Annotated[str, Depends(get_wallet)]


def get_agent(wallet: WalletDep) -> Agent:
    """The provider behind an agent's session."""
    with session_scope() as session:
        provider = repository.provider_of_agent(session, wallet)
    if provider is None:
        raise ForbiddenError(
            f"session: the agent key of a registered provider; given {wallet}",
            code="not-an-agent",
            field="session",
            limit="the agent key of a registered provider",
            given=wallet,
        )
    return Agent(wallet, provider)


AgentDep = Annotated[Agent, Depends(get_agent)]
