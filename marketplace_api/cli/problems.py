"""From exceptions to exit codes and to what is printed: field, limit and what was given.

====  =====================================================
0     done
1     refused: by the market, the chain, a check, or oneself
2     used wrongly
3     nobody answers
4     the job did not succeed
====  =====================================================
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn


class ExitCode(IntEnum):
    """Exit codes by class."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    JOB_FAILED = 4


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, for people and for programs."""

    exit_code: ExitCode
    code: str
    message: str
    field: str | None = None
    limit: str | None = None
    given: str | None = None

    def as_json(self) -> str:
        """One line."""
        members = {
            "code": self.code,
            "message": self.message,
            "field": self.field,
            "limit": self.limit,
            "given": self.given,
        }
        return json.dumps({"error": members})

    def as_text(self) -> str:
        """Several lines; those that say nothing are left out."""
        lines = [f"error: {self.message}"]
        for name in ("field", "limit", "given"):
            value = getattr(self, name)
            if value is not None:
                lines.append(f"  {name + ':':<7} {value}")
        return "\n".join(lines)


class CommandError(Exception):
    """A command cannot go on; carries all that is printed."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


def refuse(
    code: str,
    message: str,
    *,
    field: str | None = None,
    limit: str | None = None,
    given: object = None,
    exit_code: ExitCode = ExitCode.REFUSED,
) -> NoReturn:
    """End the command with a reason."""
    shown = None if given is None else str(given)
    raise CommandError(Failure(exit_code, code, message, field, limit, shown))


def print_failure(failure: Failure, *, as_json: bool) -> None:
    """Programs read standard output, people standard error."""
    if as_json:
        print(failure.as_json(), flush=True)
    else:
        print(failure.as_text(), file=sys.stderr)
