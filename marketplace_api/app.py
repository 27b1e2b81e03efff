"""The API as one application: ``uvicorn marketplace_api.app:create_app --factory``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from sqlalchemy import Engine

from contracts.protocol.deployment import Deployment
from contracts.protocol.keys import Signer
from marketplace_api import db, heartbeat, idempotency, log_setup, problems
from marketplace_api.auth.endpoints import router as auth_router
from marketplace_api.context import Context
from marketplace_api.jobs.agent_endpoints import router as agent_router
from marketplace_api.jobs.blob_endpoints import router as blob_router
from marketplace_api.jobs.endpoints import router as job_router
from marketplace_api.leases.endpoints import router as lease_router
from marketplace_api.market_data.endpoints import router as market_router
from marketplace_api.matching.service import MatcherThread
from marketplace_api.middleware import LimitMiddleware, RequestMiddleware
from marketplace_api.notifications import Notifications
from marketplace_api.orders.endpoints import router as order_router
from marketplace_api.providers.endpoints import router as provider_router
from marketplace_api.ratelimit import RateLimiter
from marketplace_api.settings import Settings
from marketplace_api.statements.endpoints import router as statement_router
from marketplace_api.usage.endpoints import router as usage_router

_DESCRIPTION = """\
Buy and sell GPU time. Orders are EIP-712 structs that you sign; money and units live in the
contracts that `GET /v1/market` names. Structs travel as JSON with snake_case names, wide integers
as decimal strings, bytes as 0x-hex, times as unix seconds, shares in thousandths of a device.
Log in with `POST /v1/auth/nonce` and `POST /v1/auth/login` (EIP-4361), then send
`Authorization: Bearer <token>`. Every POST that could spend needs an `Idempotency-Key`. Errors are
problem details (RFC 9457) that name the field, the limit and what was given: 422 for a payload that
is wrong by itself, 409 for one that the state of the market does not allow."""
_ADDRESS_SHARE = 4
"""Several wallets may share one address: it gets this many times the rate of a wallet."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application of one process; reads the environment unless settings are given."""
    log_setup.configure()
    settings = settings or Settings()
    engine = db.connect(settings.database_url, settings.database_pool)
    return build(create_context(settings), engine)


def create_context(settings: Settings) -> Context:
    """What this process has at hand."""
    return Context(
        settings=settings,
        deployment=Deployment.load(settings.deployment_file),
        operator=Signer.load(settings.operator_key_file),
        notifications=Notifications(settings.database_url),
        limiter=RateLimiter(settings.rate_per_s, settings.rate_burst),
    )


def build(context: Context, engine: Engine) -> FastAPI:
    """Routes, errors and middleware around a context."""
    app = FastAPI(
        title="GPU Bourse",
        description=_DESCRIPTION,
        version="1",
        lifespan=_lifespan(context, engine),
        docs_url=None,
        redoc_url=None,
        responses=problems.responses(422),  # else FastAPI declares an error shape of its own
    )
    app.state.context = context
    problems.install(app)
    for router in (
        market_router, auth_router, provider_router, order_router, lease_router, job_router,
        agent_router, blob_router, usage_router, statement_router,
    ):  # fmt: skip
        app.include_router(router)
    settings = context.settings
    app.add_middleware(
        LimitMiddleware,
        limiter=RateLimiter(
            settings.rate_per_s * _ADDRESS_SHARE, settings.rate_burst * _ADDRESS_SHARE
        ),
        max_body_bytes=settings.max_body_bytes,
        max_blob_bytes=settings.max_blob_bytes,
    )
    app.add_middleware(RequestMiddleware)
    _require_key(app)
    return app


def _require_key(app: FastAPI) -> None:
    """Say in the description what ``get_idempotency`` does.

    The parameter has a default there, so that its absence is our 400 and not a malformed payload.
    """
    for path in app.openapi()["paths"].values():
        for parameter in path.get("post", {}).get("parameters", ()):
            if parameter["name"] == idempotency.HEADER.lower():
                parameter["required"] = True
                parameter["schema"] = {"type": "string", "title": idempotency.HEADER}


def _lifespan(
    context: Context, engine: Engine
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[None]:
        context.settings.blob_folder.mkdir(parents=True, exist_ok=True)
        context.notifications.start()
        pulse = heartbeat.Pulse("api")
        pulse.start()
        matcher = MatcherThread(context, engine) if context.settings.run_matcher else None
        if matcher is not None:
            matcher.start()
        try:
            yield
        finally:
            if matcher is not None:
                matcher.stop()
            pulse.stop()
            context.notifications.stop()
            engine.dispose()

    return run
