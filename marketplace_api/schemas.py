"""Bases and words that request and answer models share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.protocol.eip712 import Struct, check_address
from contracts.protocol.errors import ProtocolError
from contracts.protocol.typed_data import Acknowledgement
from contracts.protocol.wire import to_hex, to_wire

Wire = dict[str, Any]
"""A signed struct as JSON; its fields are checked by ``contracts.protocol.wire``."""


class Request(BaseModel):
    """A body; unknown fields are refused and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """An answer; money, prices and other wide integers travel as decimal strings."""

    model_config = ConfigDict(frozen=True)


def _clean(value: str) -> str:
    if any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("a text without NUL and lone surrogates")
    return value


def _address(value: str) -> str:
    try:
        check_address("address", value)
    except ProtocolError as error:
        raise ValueError(error.limit) from error
    return value


Text = Annotated[str, AfterValidator(_clean)]
Address = Annotated[
    str,
    AfterValidator(_address),
    Field(examples=["0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"]),
]
Signature = Annotated[
    str,
    Field(
        max_length=132,
        description="0x-hex of 65 bytes r, s, v (v 27 or 28, low s) or of the 64 bytes of EIP-2098",
        examples=["0x" + "1b" * 65],
    ),
]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["ab" * 32])]
DigestPath = Annotated[
    str, Path(pattern="^0x[0-9a-f]{64}$", description="0x and 64 lower-case hex digits")
]
WideInt = Annotated[str, Field(pattern="^-?[0-9]+$", examples=["2000000"])]
"""A decimal string: JavaScript would round the number."""


class SignedAcknowledgement(Answer):
    """The operator's signed word about one order: keep it, it proves fraud."""

    acknowledgement: Wire = Field(
        examples=[{"order": "0x" + "ab" * 32, "action": 1, "sequence": "7", "at": 1767225600}]
    )
    signature: str
    signer: str


def signed_acknowledgement(acknowledgement: Acknowledgement, signature: bytes, signer: str) -> Wire:
    """Stored and sent form."""
    return {
        "acknowledgement": to_wire(acknowledgement),
        "signature": to_hex(signature),
        "signer": signer,
    }


def wire(struct: Struct) -> Wire:
    """JSON form of a signed struct."""
    return to_wire(struct)
