"""Errors that name the field, the limit and what was given."""

from __future__ import annotations


class ProtocolError(ValueError):
    """A value that the protocol refuses.

    ``code`` is a stable kebab-case word that clients may switch on; ``field`` is the dotted path of
    the offending value, ``limit`` says what would have been accepted and ``given`` what was not.
    """

    code = "invalid"

    def __init__(self, field: str, limit: str, given: object, *, code: str | None = None) -> None:
        self.field = field
        self.limit = limit
        self.given = given
        if code is not None:
            self.code = code
        super().__init__(f"{field}: {limit}; given {given!r}")


class SignatureError(ProtocolError):
    """A signature that is malformed, malleable or made by somebody else."""

    code = "bad-signature"


class NotSupportedError(ProtocolError):
    """A field that this version of the protocol carries but does not serve yet."""

    code = "not-supported"

    def __init__(self, field: str, given: object) -> None:
        super().__init__(field, "not supported by this version, leave it empty", given)
