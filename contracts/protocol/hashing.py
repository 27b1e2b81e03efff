"""Keccak-256 and Merkle trees.

Merkle leaves and nodes are domain-separated: ``leaf = keccak(0x00 || bytes)`` and
``node = keccak(0x01 || left || right)``; an odd node is promoted unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence

from sha3 import keccak_256


def keccak(data: bytes) -> bytes:
    """Keccak-256 as the EVM computes it."""
    digest: bytes = keccak_256(data).digest()
    return digest


def merkle_leaf(data: bytes) -> bytes:
    """Hash of one leaf."""
    return keccak(b"\x00" + data)


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root over hashed leaves; 32 zero bytes for none."""
    level = list(leaves)
    if not level:
        return bytes(32)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def merkle_proof(leaves: Sequence[bytes], index: int) -> list[tuple[bool, bytes]]:
    """Path of ``leaves[index]``: (sibling is on the right, sibling), from the leaf upwards."""
    level, path = list(leaves), []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append((sibling > index, level[sibling]))
        level, index = _parents(level), index // 2
    return path


def merkle_verify(leaf: bytes, path: Sequence[tuple[bool, bytes]], root: bytes) -> bool:
    """Whether ``leaf`` (hashed) lies under ``root`` by ``path``."""
    node = leaf
    for right, sibling in path:
        node = keccak(b"\x01" + (node + sibling if right else sibling + node))
    return node == root


def _parents(level: list[bytes]) -> list[bytes]:
    pairs = [keccak(b"\x01" + level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return pairs + level[len(level) - len(level) % 2 :]
