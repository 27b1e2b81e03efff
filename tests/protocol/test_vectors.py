"""The published numbers are what the code computes, and hang together by the rules of the page."""

from __future__ import annotations

import json

from contracts.protocol.hashing import keccak
from contracts.protocol.keys import recover
from tests.protocol.vectors import FILE, SELLER, sorted_pair, vectors

PUBLISHED = json.loads(FILE.read_text())


def test_vectors__published__are_computed_anew() -> None:
    assert vectors() == PUBLISHED


def test_signatures__published__are_of_key_1_in_both_forms() -> None:
    for example in PUBLISHED["structs"].values():
        digest = bytes.fromhex(example["digest"][2:])
        for form in ("signature_by_key_1", "compact_signature_by_key_1"):
            assert recover(digest, bytes.fromhex(example[form][2:])) == SELLER.address


def test_type_hashes__published__are_of_the_strings() -> None:
    for name, text in PUBLISHED["type_strings"].items():
        assert "0x" + keccak(text.encode()).hex() == PUBLISHED["type_hashes"][name]


def test_class_set__published_proof__leads_to_the_root() -> None:
    classes = PUBLISHED["classes"]
    node = bytes.fromhex(classes["leaves"][0][2:])
    for sibling in classes["proof_of_first"]:
        node = sorted_pair(node, bytes.fromhex(sibling[2:]))
    assert "0x" + node.hex() == classes["root"]


def test_money__published__adds_up_to_the_cost() -> None:
    money = PUBLISHED["money"]
    assert money["payment"] + money["reservation_fee"] + money["refund"] == money["cost"]
