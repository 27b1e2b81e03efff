"""How a piece of work can end other than well."""

from __future__ import annotations


class WorkError(Exception):
    """Base of both ends; `code` is stable, the text is for people."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


class Retryable(WorkError):  # noqa: N818 - named after what follows from it
    """Not now: time, a block or a server that answers may change the answer."""


class Failed(WorkError):  # noqa: N818 - named after what follows from it
    """Never: no repetition changes the answer."""
