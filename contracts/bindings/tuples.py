"""Signed structs as the tuples that the ABI takes."""

from __future__ import annotations

from typing import Any

from contracts.protocol.eip712 import Struct, members


def as_tuple(struct: Struct) -> tuple[Any, ...]:
    """The fields in signing order; a nested struct becomes its hash, as the contracts take it.

    What the contracts do not read (the matcher's constraints) they take as 32 bytes: they only
    have to rebuild the digest.
    """
    return tuple(_item(getattr(struct, m.python_name)) for m in members(type(struct)))


def _item(value: Any) -> Any:
    if isinstance(value, Struct):
        return value.hash_struct()
    if isinstance(value, tuple):
        return [_item(element) for element in value]
    return value
