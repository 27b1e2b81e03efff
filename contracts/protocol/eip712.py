"""EIP-712 for frozen dataclasses, without a framework.

A struct subclasses ``Struct`` and annotates its fields with the aliases below; the Solidity name
of a field is its Python name in camelCase, the order is the same. Encoders are built once a class.
Source of the encoding: https://eips.ethereum.org/EIPS/eip-712.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, ClassVar, get_args, get_origin, get_type_hints

from contracts.protocol.errors import ProtocolError
from contracts.protocol.hashing import keccak


@dataclass(frozen=True, slots=True)
class Sol:
    """The Solidity type of a field."""

    name: str


Uint8 = Annotated[int, Sol("uint8")]
Uint16 = Annotated[int, Sol("uint16")]
Uint32 = Annotated[int, Sol("uint32")]
Uint40 = Annotated[int, Sol("uint40")]
Uint64 = Annotated[int, Sol("uint64")]
Uint128 = Annotated[int, Sol("uint128")]
Uint256 = Annotated[int, Sol("uint256")]
Bool = Annotated[bool, Sol("bool")]
Address = Annotated[str, Sol("address")]
Bytes32 = Annotated[bytes, Sol("bytes32")]
Text = Annotated[str, Sol("string")]

ZERO_ADDRESS = "0x" + "00" * 20
ZERO_HASH = bytes(32)
_HEX = frozenset("0123456789abcdefABCDEF")

Check = Callable[[str, Any], None]
Encode = Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a struct: names in both languages, Solidity type, check and 32-byte encoding."""

    python_name: str
    name: str
    sol_type: str
    check: Check
    encode: Encode
    struct: type[Struct] | None


@dataclass(frozen=True)
class Struct:
    """Base of every EIP-712 struct; construction validates each field."""

    type_name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for member in members(type(self)):
            member.check(member.python_name, getattr(self, member.python_name))

    def hash_struct(self) -> bytes:
        """``keccak256(typeHash || encodeData)``."""
        cls = type(self)
        parts = [type_hash(cls)]
        parts += [member.encode(getattr(self, member.python_name)) for member in members(cls)]
        return keccak(b"".join(parts))


@dataclass(frozen=True, slots=True)
class Domain:
    """Chain and contract that a signature is good for."""

    chain_id: int
    verifying_contract: str

    NAME: ClassVar[str] = "GPU Bourse"
    VERSION: ClassVar[str] = "1"

    @property
    def separator(self) -> bytes:
        """The domain separator."""
        return _separator(self.chain_id, self.verifying_contract)


def digest(struct: Struct, domain: Domain) -> bytes:
    """The 32 bytes that are signed."""
    return keccak(b"\x19\x01" + domain.separator + struct.hash_struct())


def members(cls: type[Struct]) -> tuple[Member, ...]:
    """The fields of a struct in signing order."""
    found = _MEMBERS.get(cls)
    if found is None:
        hints = get_type_hints(cls, include_extras=True)
        found = tuple(_member(field.name, hints[field.name]) for field in fields(cls))
        _MEMBERS[cls] = found
    return found


def type_string(cls: type[Struct]) -> str:
    """``encodeType``: the struct, then the structs that it refers to, sorted by name."""
    nested = {m.struct.type_name: m.struct for m in members(cls) if m.struct is not None}
    return _own_type(cls) + "".join(_own_type(nested[name]) for name in sorted(nested))


def type_hash(cls: type[Struct]) -> bytes:
    """``keccak256(encodeType)``."""
    found = _TYPE_HASHES.get(cls)
    if found is None:
        found = _TYPE_HASHES[cls] = keccak(type_string(cls).encode())
    return found


def type_definitions(cls: type[Struct]) -> dict[str, list[dict[str, str]]]:
    """The ``types`` object that ``eth_signTypedData_v4`` takes, without ``EIP712Domain``."""
    result = {cls.type_name: [{"name": m.name, "type": m.sol_type} for m in members(cls)]}
    for member in members(cls):
        if member.struct is not None:
            result |= type_definitions(member.struct)
    return result


# functools.cache does not fit: the type checker takes a class of hashable instances for unhashable.
_MEMBERS: dict[type[Struct], tuple[Member, ...]] = {}
_TYPE_HASHES: dict[type[Struct], bytes] = {}


def camel(name: str) -> str:
    """``price_per_gpu_hour`` to ``pricePerGpuHour``."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _own_type(cls: type[Struct]) -> str:
    return f"{cls.type_name}({','.join(f'{m.sol_type} {m.name}' for m in members(cls))})"


def _member(name: str, hint: Any) -> Member:
    if get_origin(hint) is tuple:
        item = _member(name, get_args(hint)[0])
        return Member(
            name,
            camel(name),
            item.sol_type + "[]",
            _check_each(item),
            _encode_each(item),
            item.struct,
        )
    if isinstance(hint, type) and issubclass(hint, Struct):
        return Member(name, camel(name), hint.type_name, _check_struct(hint), _encode_struct, hint)
    sol: Sol = get_args(hint)[1]
    return Member(name, camel(name), sol.name, _check_for(sol.name), _encode_for(sol.name), None)


def _check_for(sol: str) -> Check:
    if sol.startswith("uint"):
        return _check_uint(int(sol[4:]))
    return {"bool": _check_bool, "address": check_address, "bytes32": _check_bytes32}.get(
        sol, _check_text
    )


def _encode_for(sol: str) -> Encode:
    if sol.startswith("uint") or sol == "bool":
        return lambda value: int(value).to_bytes(32, "big")
    if sol == "address":
        return lambda value: bytes.fromhex(value[2:]).rjust(32, b"\x00")
    if sol == "bytes32":
        return bytes
    return lambda value: keccak(value.encode())


def _check_uint(bits: int) -> Check:
    top = (1 << bits) - 1

    def check(field: str, value: Any) -> None:
        if type(value) is not int or not 0 <= value <= top:
            raise ProtocolError(field, f"an integer from 0 to {top}", value)

    return check


def _check_bool(field: str, value: Any) -> None:
    if type(value) is not bool:
        raise ProtocolError(field, "true or false", value)


def check_address(field: str, value: Any) -> None:
    """Refuse what is not 0x and 40 hex digits in the checksummed form of EIP-55."""
    if type(value) is not str or len(value) != 42 or value[:2] != "0x" or set(value[2:]) - _HEX:
        raise ProtocolError(field, "an address: 0x and 40 hex digits", value)
    if value != checksum(value):
        raise ProtocolError(field, f"the EIP-55 form {checksum(value)}", value)


@cache
def _checksum_lower(lower: str) -> str:
    mask = keccak(lower.encode()).hex()
    return "0x" + "".join(
        c.upper() if int(m, 16) >= 8 else c for c, m in zip(lower, mask, strict=False)
    )


def checksum(address: str) -> str:
    """EIP-55 form of an address."""
    return _checksum_lower(address[2:].lower())


def _check_bytes32(field: str, value: Any) -> None:
    if type(value) is not bytes or len(value) != 32:
        raise ProtocolError(field, "32 bytes", value)


def _check_text(field: str, value: Any) -> None:
    if type(value) is not str or len(value) > 256:
        raise ProtocolError(field, "a text of at most 256 characters", value)


def _check_struct(cls: type[Struct]) -> Check:
    def check(field: str, value: Any) -> None:
        if type(value) is not cls:
            raise ProtocolError(field, f"a {cls.type_name}", value)

    return check


def _encode_struct(value: Struct) -> bytes:
    return value.hash_struct()


LIST_MAX = 64


def _check_each(item: Member) -> Check:
    def check(field: str, value: Any) -> None:
        if type(value) is not tuple or len(value) > LIST_MAX:
            raise ProtocolError(field, f"a list of at most {LIST_MAX}", value)
        for index, element in enumerate(value):
            item.check(f"{field}[{index}]", element)

    return check


def _encode_each(item: Member) -> Encode:
    return lambda value: keccak(b"".join(item.encode(element) for element in value))


@cache
def _separator(chain_id: int, verifying_contract: str) -> bytes:
    kind = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    check_address("verifying_contract", verifying_contract)
    return keccak(
        keccak(kind)
        + keccak(Domain.NAME.encode())
        + keccak(Domain.VERSION.encode())
        + chain_id.to_bytes(32, "big")
        + bytes.fromhex(verifying_contract[2:]).rjust(32, b"\x00")
    )
