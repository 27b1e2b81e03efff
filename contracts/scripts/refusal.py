"""The one error of the deploy script: it ends it and says why."""

from __future__ import annotations


class Refusal(SystemExit):
    """What was refused, and a line for each reason, with the field and its values."""

    def __init__(self, what: str, reasons: list[str]) -> None:
        super().__init__("\n  ".join([what, *reasons]))
