"""Names of the contracts' custom errors, from a selector or from revert data."""

from __future__ import annotations

from functools import cache

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from contracts.bindings.abi_file import CONTRACTS, Entry, entries

_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")


def error_name(selector: bytes) -> str:
    """Name of the custom error with this selector, or the selector itself."""
    found = _errors().get(bytes(selector[:4]))
    return found.name if found else "0x" + bytes(selector[:4]).hex()


def explain_revert(data: bytes) -> str:
    """Revert data for people: ``InsufficientBalance(5, 6)``; what cannot be read stays hex."""
    if len(data) < 4:
        return "reverted without a reason"
    selector, body = data[:4], data[4:]
    try:
        if selector == _STRING:
            return str(decode(["string"], body)[0])
        if selector == _PANIC:
            return f"Panic({decode(['uint256'], body)[0]:#x})"
        return _explain_custom(selector, body)
    except DecodingError:
        return f"0x{data.hex()}"


def _explain_custom(selector: bytes, body: bytes) -> str:
    found = _errors().get(selector)
    if found is None:
        return f"0x{(selector + body).hex()}"
    values = decode([parameter.type for parameter in found.inputs], body)
    shown = ", ".join("0x" + v.hex() if isinstance(v, bytes) else str(v) for v in values)
    return f"{found.name}({shown})"


@cache
def _errors() -> dict[bytes, Entry]:
    return {e.topic[:4]: e for contract in CONTRACTS for e in entries(contract, "error")}
