"""Names of classes: anybody tells them, nobody can lie."""

from __future__ import annotations

from typing import Any

import pytest
from bourse import ZERO
from brownie import SeriesMetadata, accounts
from words import reverts

from contracts.protocol.hashing import keccak

H100 = "nvidia/h100/80gb/sxm"


def sender() -> dict[str, Any]:
    return {"from": accounts[6]}


def test_constructor__no_registry__refused(metadata: Any) -> None:
    with reverts("ZeroAddress"):
        SeriesMetadata.deploy(ZERO, {"from": accounts[1]})


def test_registry__deployed__readable(metadata: Any, words: Any) -> None:
    assert metadata.registry() == words


@pytest.mark.parametrize("name", [H100, "a", "z" * 96, "nvidia/h100/80gb/sxm/mig-1g.10gb", "09./-"])
def test_name_class__valid__kept_under_its_hash(metadata: Any, name: str) -> None:
    tx = metadata.nameClass(name, sender())
    class_hash = "0x" + keccak(name.encode()).hex()
    assert tx.return_value == class_hash
    assert tuple(tx.events["ClassNamed"].values()) == (class_hash, name)
    assert metadata.nameOf(class_hash) == name


def test_name_class__again__nothing_happens(metadata: Any) -> None:
    metadata.nameClass(H100, sender())
    tx = metadata.nameClass(H100, {"from": accounts[7]})
    assert len(tx.events) == 0
    assert metadata.nameOf(keccak(H100.encode())) == H100


@pytest.mark.parametrize(
    ("name", "length"), [("", 0), ("z" * 97, 97)], ids=["empty", "97 characters"]
)
def test_name_class__bad_length__refused(metadata: Any, name: str, length: int) -> None:
    with reverts("BadNameLength", length, 96):
        metadata.nameClass(name, sender())
    assert metadata.nameOf(keccak(name.encode())) == ""


ALLOWED = b"abcdefghijklmnopqrstuvwxyz0123456789./-"
REFUSED = [byte for byte in range(128) if byte not in ALLOWED]


def test_name_class__every_other_ascii_character__refused(metadata: Any) -> None:
    for byte in REFUSED:
        with pytest.raises(Exception, match="BadNameCharacter: 4, "):
            metadata.nameClass.call("gpu/" + chr(byte), sender())


@pytest.mark.parametrize("name", ['a"b', "a<b", "a&b", "a\\b", "A", "\u00e9", "a\u202eb"])
def test_name_class__could_leave_its_place_or_mislead__refused(metadata: Any, name: str) -> None:
    with pytest.raises(Exception, match="BadNameCharacter"):
        metadata.nameClass(name, sender())
    assert metadata.nameOf(keccak(name.encode())) == ""
