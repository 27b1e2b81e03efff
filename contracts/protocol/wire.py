"""Signed structs as JSON: snake_case names, wide integers as decimal strings, bytes as 0x-hex."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import rfc8785

from contracts.protocol.eip712 import Domain, Member, Struct, members, type_definitions
from contracts.protocol.errors import ProtocolError
from contracts.protocol.hashing import keccak

S = TypeVar("S", bound=Struct)

JSON_SAFE_BITS = 53
"""Integers of wider Solidity types travel as strings: JavaScript would round them."""


def to_wire(struct: Struct) -> dict[str, Any]:
    """JSON-ready form of a struct."""
    return {
        m.python_name: _value_to_wire(m, getattr(struct, m.python_name))
        for m in members(type(struct))
    }


def from_wire(cls: type[S], data: object, path: str = "") -> S:
    """A struct from JSON; names the dotted path of whatever is missing, unknown or out of range."""
    where = path or cls.type_name.lower()
    if not isinstance(data, Mapping):
        raise ProtocolError(where, "an object", data)
    known = {m.python_name: m for m in members(cls)}
    for name in data:
        if name not in known:
            raise ProtocolError(f"{where}.{name}", "no such field", data[name])
    optional = {f.name for f in fields(cls) if f.default is not MISSING}
    values: dict[str, Any] = {}
    for name, member in known.items():
        if name in data:
            values[name] = _value_from_wire(member, data[name], f"{where}.{name}")
        elif name not in optional:
            raise ProtocolError(f"{where}.{name}", "required", None)
    return _construct(cls, values, where)


def typed_data_json(struct: Struct, domain: Domain) -> dict[str, Any]:
    """What a wallet takes for ``eth_signTypedData_v4``."""
    own = [("name", "string"), ("version", "string"), ("chainId", "uint256")]
    own.append(("verifyingContract", "address"))
    return {
        "types": {"EIP712Domain": [{"name": n, "type": t} for n, t in own]}
        | type_definitions(type(struct)),
        "primaryType": type(struct).type_name,
        "domain": {
            "name": Domain.NAME,
            "version": Domain.VERSION,
            "chainId": domain.chain_id,
            "verifyingContract": domain.verifying_contract,
        },
        "message": _message(struct),
    }


def canonical_json(value: object) -> bytes:
    """RFC 8785 bytes: the same value gives the same bytes everywhere."""
    encoded: bytes = rfc8785.dumps(value)  # type: ignore[arg-type]
    return encoded


def canonical_hash(value: object) -> bytes:
    """keccak256 of the canonical JSON."""
    return keccak(canonical_json(value))


def parse_hex(value: object, field: str, length: int | None = None) -> bytes:
    """Bytes from 0x-hex; ``length`` in bytes when it is fixed."""
    limit = f"0x and {2 * length} hex digits" if length else "0x and hex digits"
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ProtocolError(field, limit, value)
    try:
        raw = bytes.fromhex(value[2:])
    except ValueError as error:
        raise ProtocolError(field, limit, value) from error
    # ``fromhex`` skips blanks: the same bytes would have several spellings.
    if len(value) != 2 + 2 * len(raw) or (length is not None and len(raw) != length):
        raise ProtocolError(field, limit, value)
    return raw


def to_hex(raw: bytes) -> str:
    """0x-hex of bytes."""
    return "0x" + raw.hex()


def _construct(cls: type[S], values: dict[str, Any], where: str) -> S:
    try:
        return cls(**values)
    except ProtocolError as error:
        raise ProtocolError(
            f"{where}.{error.field}", error.limit, error.given, code=error.code
        ) from error


def _value_to_wire(member: Member, value: Any) -> Any:
    if isinstance(value, tuple):
        return [_value_to_wire(member, item) for item in value]
    if isinstance(value, Struct):
        return to_wire(value)
    if isinstance(value, bytes):
        return to_hex(value)
    if _is_wide(member):
        return str(value)
    return value


def _value_from_wire(member: Member, value: Any, path: str) -> Any:
    if member.sol_type.endswith("[]"):
        if not isinstance(value, list):
            raise ProtocolError(path, "a list", value)
        return tuple(_item_from_wire(member, item, f"{path}[{i}]") for i, item in enumerate(value))
    return _item_from_wire(member, value, path)


def _item_from_wire(member: Member, value: Any, path: str) -> Any:
    if member.struct is not None:
        return from_wire(member.struct, value, path)
    if member.sol_type.startswith("bytes32"):
        return parse_hex(value, path, 32)
    if member.sol_type.startswith("uint") and isinstance(value, str):
        return _integer(value, path)
    return value


def _integer(text: str, path: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 78 or (text[0] == "0" < text[1:]):
        raise ProtocolError(path, "a decimal integer", text)
    return int(text)


def _is_wide(member: Member) -> bool:
    base = member.sol_type.removesuffix("[]")
    return base.startswith("uint") and int(base[4:]) > JSON_SAFE_BITS


def _message(struct: Struct) -> dict[str, Any]:
    wire = to_wire(struct)
    return {
        m.name: _message(getattr(struct, m.python_name)) if m.struct else wire[m.python_name]
        for m in members(type(struct))
    }


def pretty(struct: Struct) -> str:
    """Indented JSON for people."""
    return json.dumps(to_wire(struct), indent=2)
