"""Merkle trees: every leaf proves, nothing else does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contracts.protocol.hashing import (
    keccak,
    merkle_leaf,
    merkle_proof,
    merkle_root,
    merkle_verify,
)

leaves = st.lists(st.binary(max_size=8), min_size=1, max_size=33, unique=True)


def test_keccak__of_nothing__is_the_known_value() -> None:
    assert keccak(b"").hex().startswith("c5d2460186f7233c")


@given(leaves)
def test_merkle_verify__every_leaf__is_proven(data: list[bytes]) -> None:
    hashed = [merkle_leaf(item) for item in data]
    root = merkle_root(hashed)
    for index, leaf in enumerate(hashed):
        assert merkle_verify(leaf, merkle_proof(hashed, index), root)


@given(leaves, st.binary(max_size=8))
def test_merkle_verify__a_foreign_leaf__is_refused(data: list[bytes], foreign: bytes) -> None:
    if foreign in data:
        return
    hashed = [merkle_leaf(item) for item in data]
    for index in range(len(data)):
        path = merkle_proof(hashed, index)
        assert not merkle_verify(merkle_leaf(foreign), path, merkle_root(hashed))


def test_merkle_root__of_nothing__is_zero() -> None:
    assert merkle_root([]) == bytes(32)


def test_merkle_leaf__and_node__never_collide() -> None:
    left, right = merkle_leaf(b"l"), merkle_leaf(b"r")
    assert merkle_leaf(left + right) != merkle_root([left, right])
