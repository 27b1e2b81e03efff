"""Hypothesis strategies for every signed struct, derived from its own field list."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from contracts.protocol.eip712 import Member, Struct, checksum, members

ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: checksum("0x" + raw.hex()))
HASHES = st.binary(min_size=32, max_size=32)
TEXTS = st.text(max_size=40)


def structs(cls: type[Struct]) -> st.SearchStrategy[Any]:
    """Any valid value of ``cls``."""
    return st.builds(cls, **{m.python_name: _values(m) for m in members(cls)})


def _values(member: Member) -> st.SearchStrategy[Any]:
    if member.sol_type.endswith("[]"):
        return st.lists(_value(member, member.sol_type[:-2]), max_size=3).map(tuple)
    return _value(member, member.sol_type)


def _value(member: Member, sol_type: str) -> st.SearchStrategy[Any]:
    if member.struct is not None:
        return structs(member.struct)
    if sol_type.startswith("uint"):
        return st.integers(0, (1 << int(sol_type[4:])) - 1)
    simple = {"bool": st.booleans(), "address": ADDRESSES, "bytes32": HASHES, "string": TEXTS}
    return simple[sol_type]
