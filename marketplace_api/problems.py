"""Errors as problem details (RFC 9457): every refusal names field, limit and what was given.

::

    MarketError               409 unless it says otherwise
    ├── SessionError          401
    ├── ForbiddenError        403
    ├── NotFoundError         404
    ├── ConflictError         409
    ├── TooLargeError         413
    └── RateLimitError        429
    ProtocolError             422: the payload itself is wrong
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException

from contracts.protocol.errors import ProtocolError

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
GIVEN_MAX = 200


class MarketError(Exception):
    """A request that the market refuses; nothing was changed."""

    status = 409
    code = "conflict"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        field: str | None = None,
        limit: str | None = None,
        given: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.detail = detail
        self.field = field
        self.limit = limit
        self.given = given
        self.headers = headers
        if code is not None:
            self.code = code
        super().__init__(detail)


class SessionError(MarketError):
    """No session, or none that is good."""

    status = 401
    code = "no-session"

    def __init__(self, detail: str, **members: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"}, **members)


class ForbiddenError(MarketError):
    """It belongs to somebody else."""

    status = 403
    code = "not-yours"


class NotFoundError(MarketError):
    """There is no such thing."""

    status = 404
    code = "not-found"

    def __init__(self, what: str, given: object) -> None:
        super().__init__(
            f"no {what} {clip(given)}", field=what, limit=f"an existing {what}", given=given
        )


class ConflictError(MarketError):
    """The state does not allow it."""

    def __init__(self, code: str, field: str, limit: str, given: object) -> None:
        super().__init__(
            f"{field}: {limit}; given {clip(given)}",
            code=code,
            field=field,
            limit=limit,
            given=given,
        )


class TooLargeError(MarketError):
    """More bytes than we take."""

    status = 413
    code = "too-large"

    def __init__(self, limit: int, given: int | str) -> None:
        super().__init__(
            f"body: at most {limit} bytes; given {given}",
            field="body",
            limit=f"at most {limit} bytes",
            given=given,
        )


class RateLimitError(MarketError):
    """Too many requests."""

    status = 429
    code = "rate-limited"

    def __init__(self, per_s: float, retry_after_s: float) -> None:
        super().__init__(
            f"at most {per_s:g} requests a second; try again in {retry_after_s:.1f} s",
            field="requests",
            limit=f"{per_s:g} a second",
            given="more",
            headers={"Retry-After": str(max(1, round(retry_after_s)))},
        )


class Problem(BaseModel):
    """What every error answer looks like."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:gpubourse:problem:below-tick",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "max_price_per_gpu_hour: at least the tick, 1000; given 999",
                "code": "below-tick",
                "field": "max_price_per_gpu_hour",
                "limit": "at least the tick, 1000",
                "given": "999",
                "instance": "/v1/orders/bids",
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    """Stable word that a program may switch on."""
    field: str | None = None
    """Dotted path of the offending value."""
    limit: str | None = None
    """What would have been accepted."""
    given: str | None = None
    instance: str | None = None


def responses(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Declared error answers of an endpoint."""
    return {
        status: {
            "model": Problem,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def problem_of(error: Exception, instance: str) -> tuple[Problem, Mapping[str, str] | None]:
    """The problem details of an error and its extra headers."""
    if isinstance(error, ProtocolError):
        return _problem(
            422, error.code, str(error), instance, error.field, error.limit, error.given
        ), None
    if isinstance(error, MarketError):
        problem = _problem(
            error.status,
            error.code,
            error.detail,
            instance,
            error.field,
            error.limit,
            error.given,
        )
        return problem, error.headers
    return _problem(500, "internal", "something failed here; it is logged", instance), None


def problem_response(error: Exception, instance: str) -> JSONResponse:
    """The answer to an error."""
    problem, headers = problem_of(error, instance)
    return JSONResponse(
        problem.model_dump(exclude_none=True), problem.status, headers, media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    app.add_exception_handler(MarketError, _handle)
    app.add_exception_handler(ProtocolError, _handle)
    app.add_exception_handler(RequestValidationError, _handle_validation)
    app.add_exception_handler(HTTPException, _handle_http)
    app.add_exception_handler(DataError, _handle_data)
    app.add_exception_handler(OperationalError, _handle_database)
    app.add_exception_handler(RecursionError, _handle_nesting)
    app.add_exception_handler(Exception, _handle_unknown)


def clip(given: object) -> str:
    """What was given, short enough to send back."""
    try:
        text = "0x" + given.hex() if isinstance(given, bytes) else str(given)
    except RecursionError:
        text = f"a {type(given).__name__} nested too deep"
    return _sendable(text, GIVEN_MAX)


def _sendable(text: str, longest: int) -> str:
    """Lone surrogates, which JSON may bring in, cannot be sent back as they are."""
    text = text.encode(errors="replace").decode()
    return text if len(text) <= longest else text[:longest] + "…"


def _problem(
    status: int,
    code: str,
    detail: str,
    instance: str,
    field: str | None = None,
    limit: str | None = None,
    given: object = None,
) -> Problem:
    return Problem(
        type=f"urn:gpubourse:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=_sendable(detail, 4 * GIVEN_MAX),
        field=_sendable(field, GIVEN_MAX) if field else None,
        limit=_sendable(limit, 2 * GIVEN_MAX) if limit else None,
        given="null" if field and given is None else (clip(given) if field else None),
        instance=instance,
    )


def _handle(request: Request, error: Exception) -> JSONResponse:
    return problem_response(error, request.url.path)


def _handle_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first: Mapping[str, object] = error.errors()[0]
    place = first["loc"]
    assert isinstance(place, Sequence)
    path = ".".join(str(part) for part in place[1:]) or str(place[0])
    if first["type"] == "json_invalid":
        path = "body"
    given = None if first["type"] == "missing" else first.get("input")
    code = "unknown-field" if first["type"] == "extra_forbidden" else "invalid"
    return problem_response(
        ProtocolError(path, str(first["msg"]), given, code=code), request.url.path
    )


def _handle_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http-error")
    problem = _problem(error.status_code, code, str(error.detail), request.url.path)
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        error.status_code,
        error.headers,
        media_type=MEDIA_TYPE,
    )


def _handle_data(request: Request, error: Exception) -> JSONResponse:
    """A value that no check of ours caught and the database cannot hold, such as NUL in a text."""
    log.warning("request.unstorable", error=str(getattr(error, "orig", error)))
    return problem_response(
        ProtocolError("body", "values that can be stored (no NUL in texts)", "something else"),
        request.url.path,
    )


def _handle_nesting(request: Request, _error: Exception) -> JSONResponse:
    """JSON that is nested so deep that reading it used up the stack."""
    return problem_response(
        ProtocolError("body", "values nested less deep", "a deeper one"), request.url.path
    )


def _handle_database(request: Request, error: Exception) -> JSONResponse:
    log.error("database.unavailable", error=str(getattr(error, "orig", error)))
    problem = _problem(503, "unavailable", "the database does not answer", request.url.path)
    return JSONResponse(
        problem.model_dump(exclude_none=True), 503, {"Retry-After": "1"}, media_type=MEDIA_TYPE
    )


def _handle_unknown(request: Request, error: Exception) -> JSONResponse:
    log.error("request.failed", exc_info=error)
    return problem_response(error, request.url.path)
