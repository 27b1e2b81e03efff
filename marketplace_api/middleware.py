"""What happens to every request: an id, limits of rate and size, headers that browsers obey."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace_api.problems import MarketError, TooLargeError, problem_response
from marketplace_api.ratelimit import RateLimiter

log = structlog.get_logger()
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BLOBS = "/v1/blobs/"
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}


class RequestMiddleware:
    """Request ids, security headers, one log line a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers.setdefault("Cache-Control", "no-store")
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
                log.debug(
                    "request.answered",
                    method=scope["method"],
                    path=scope["path"],
                    status=message["status"],
                    ms=round((time.perf_counter() - began) * 1000, 1),
                )
            await send(message)

        await self._app(scope, receive, send_with_headers)


class LimitMiddleware:
    """Refuses too many requests from one address, and bodies that are too large."""

    def __init__(
        self, app: ASGIApp, limiter: RateLimiter, max_body_bytes: int, max_blob_bytes: int
    ) -> None:
        self._app = app
        self._limiter = limiter
        self._max_body = max_body_bytes
        self._max_blob = max_blob_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it before anything is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._max_blob if scope["path"].startswith(_BLOBS) else self._max_body
        try:
            self._limiter.take(scope["client"][0] if scope["client"] else "")
            _check_declared(Headers(scope=scope).get("content-length"), limit)
        except MarketError as error:
            await problem_response(error, scope["path"])(scope, receive, send)
            return
        await self._serve(scope, receive, send, limit)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        size, started = 0, False

        async def receive_counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:  # a chunked body declares no length
                raise _BodyTooLargeError
            return message

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive_counted, send_noted)
        except _BodyTooLargeError:
            if not started:
                error = TooLargeError(limit, f"over {limit}")
                await problem_response(error, scope["path"])(scope, receive, send)


class _BodyTooLargeError(BaseException):
    """Not an ``Exception``, so that no handler on the way takes it for a parse error."""


def _check_declared(length: str | None, limit: int) -> None:
    if length is not None and length.isdigit() and int(length[:20]) > limit:
        raise TooLargeError(limit, length[:20])
