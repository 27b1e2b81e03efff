"""Which failure a known exception stands for."""

from __future__ import annotations

from contracts.protocol.errors import ProtocolError
from marketplace_api.cli.problems import CommandError, ExitCode, Failure
from marketplace_api.client import errors as api


def explain(error: Exception) -> Failure | None:
    """The failure to print; None for a bug of ours."""
    if isinstance(error, CommandError):
        return error.failure
    if isinstance(error, ProtocolError):
        return Failure(
            ExitCode.REFUSED,
            error.code,
            error.code.replace("-", " "),
            error.field,
            error.limit,
            str(error.given),
        )
    if isinstance(error, api.UnreachableError):
        return Failure(ExitCode.UNREACHABLE, "unreachable", str(error), given=error.url)
    if isinstance(error, api.AnswerError):
        return Failure(
            ExitCode.REFUSED, "bad-answer", str(error), error.field, error.limit, str(error.given)
        )
    if isinstance(error, api.RefusedError):
        return Failure(
            ExitCode.REFUSED, error.code, str(error), error.field, error.limit, error.given
        )
    return None
