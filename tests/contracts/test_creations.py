"""Creations are known before they are sent, and code is compared without what a commit changes."""

from __future__ import annotations

import re

import pytest

from contracts.protocol.hashing import keccak
from contracts.scripts.creations import Artefact, creations, holes, unlinked, without_metadata
from contracts.scripts.suite import CONTRACTS, LIBRARIES, Plan


class TestArtefact:
    @pytest.mark.parametrize("name", [*LIBRARIES, *CONTRACTS.values()])
    def test_holes__every_contract__all_that_look_like_one(self, name: str) -> None:
        code = without_metadata(unlinked(Artefact.load(name).runtime))
        pushes = [m.start() + 1 for m in re.finditer(b"\x7f" + bytes(32), code)]
        assert holes(code) == pushes

    def test_code_hash__other_comments__same(self) -> None:
        found = Artefact.load("Resale")
        metadata = bytes.fromhex(found.runtime[-106:])
        other = found.runtime[:-106] + (bytes(51) + metadata[-2:]).hex()
        assert Artefact(found.name, found.abi, found.bytecode, other).code_hash == found.code_hash
        assert found.code_hash != "0x" + keccak(unlinked(found.runtime)).hex()

    def test_creations__of_the_protocol_page__predicted_as_there(self) -> None:
        plan = Plan(governor="", pauser="", treasury="", auditors=())
        made = creations(plan, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", 0)
        stands = {item.name: (item.nonce, item.address.lower()) for item in made}
        assert stands["registry"] == (8, "0x63f58053c9499e1104a6f6c6d2581d6d83067eeb")
        assert stands["market"] == (12, "0xd30c8839c1145609e564b986f667b273ddcb8496")
