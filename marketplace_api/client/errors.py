"""What can go wrong between a client and the API.

::

    BourseError
    ├── UnreachableError      nobody answers
    ├── AnswerError           an answer that this client cannot read
    └── RefusedError          the API said no; names field, limit and what was given
        ├── SessionError      401
        ├── NotYoursError     403
        ├── NotFoundError     404
        ├── ConflictError     409
        ├── TooLargeError     413
        ├── PayloadError      400, 422
        ├── RateLimitedError  429
        └── ServerFaultError  5xx
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


class BourseError(Exception):
    """Base of everything that the client raises on purpose."""


class UnreachableError(BourseError):
    """Nobody answers at the URL."""

    def __init__(self, url: str, cause: str) -> None:
        self.url = url
        self.cause = cause
        super().__init__(f"{url} does not answer: {cause}")


class AnswerError(BourseError):
    """An answer that does not have the form that this client knows."""

    def __init__(self, field: str, limit: str, given: object) -> None:
        self.field = field
        self.limit = limit
        self.given = given
        super().__init__(f"unreadable answer: {field}: expected {limit}, got {given!r}")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem-details body (RFC 9457) with the members that this API adds."""

    status: int
    code: str
    detail: str
    field: str | None = None
    limit: str | None = None
    given: str | None = None
    instance: str | None = None
    retry_after_s: float | None = None


class RefusedError(BourseError):
    """The API refused the request and changed nothing."""

    statuses: ClassVar[tuple[int, ...]] = ()

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.status = problem.status
        self.code = problem.code
        self.field = problem.field
        self.limit = problem.limit
        self.given = problem.given
        super().__init__(f"{problem.detail} ({problem.code}, HTTP {problem.status})")


class SessionError(RefusedError):
    """No session, or one that is over."""

    statuses = (401,)


class NotYoursError(RefusedError):
    """It belongs to somebody else."""

    statuses = (403,)


class NotFoundError(RefusedError):
    """There is no such thing."""

    statuses = (404,)


class ConflictError(RefusedError):
    """The state of the market does not allow it: replayed, cancelled, unfunded, shrinking."""

    statuses = (409,)


class TooLargeError(RefusedError):
    """More bytes than the API takes."""

    statuses = (413,)


class PayloadError(RefusedError):
    """The request itself is malformed."""

    statuses = (400, 422)


class RateLimitedError(RefusedError):
    """Too many requests; ``retry_after_s`` says when to come back."""

    statuses = (429,)

    @property
    def retry_after_s(self) -> float:
        """Seconds to wait."""
        return self.problem.retry_after_s or 1.0


class ServerFaultError(RefusedError):
    """The API failed; asking again later may help."""


def refusal(status: int, body: bytes, headers: Mapping[str, str]) -> RefusedError:
    """The exception for an answer with an error status."""
    problem = read_problem(status, body, headers)
    if status >= 500:
        return ServerFaultError(problem)
    for kind in RefusedError.__subclasses__():
        if status in kind.statuses:
            return kind(problem)
    return RefusedError(problem)


def read_problem(status: int, body: bytes, headers: Mapping[str, str]) -> Problem:
    """Problem details from a body; any other body becomes the detail."""
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    if not isinstance(data, Mapping):
        text = body[:200].decode(errors="replace").strip() or "no explanation"
        data = {"detail": text, "code": f"http-{status}"}
    return Problem(
        status=status,
        code=str(data.get("code") or f"http-{status}"),
        detail=str(data.get("detail") or data.get("title") or "refused"),
        field=_text(data.get("field")),
        limit=_text(data.get("limit")),
        given=_text(data.get("given")),
        instance=_text(data.get("instance")),
        retry_after_s=_seconds(headers.get("retry-after")),
    )


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _seconds(value: str | None) -> float | None:
    try:
        return float(value) if value is not None else None
    except ValueError:
        return None  # an HTTP date: rare, and a second is a fair guess
