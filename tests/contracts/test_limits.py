"""Limits of storage and code size."""

from __future__ import annotations

import json

import pytest
from bourse import HOUR, Bourse, initial, signer, terms
from brownie import Parameters, ProviderRegistry, accounts, chain
from words import BUILD, reverts

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain
from contracts.protocol.hashing import keccak
from contracts.protocol.typed_data import Attestation
from contracts.scripts.suite import CONTRACTS, Times

CONTRACT_LIMIT = 24_576


@pytest.mark.parametrize("name", sorted(CONTRACTS.values()))
def test_size__deployed_code__within_the_limit_of_the_chain(name: str) -> None:
    artefact = json.loads((BUILD / f"{name}.json").read_text())
    assert len(artefact["deployedBytecode"]) // 2 <= CONTRACT_LIMIT


def test_classes__more_than_64__refused(bourse: Bourse) -> None:
    classes = [keccak(bytes([i])) for i in range(63)]
    for part in (classes[:32], classes[32:]):
        bourse.attest(*(bourse.attestation(c.hex(), device_class=c) for c in part))
    assert len(bourse.registry.classesOf(bourse.address("provider"))) == 64
    with reverts("TooManyClasses", 65, 64):
        bourse.attest(bourse.attestation("GPU-65", device_class=keccak(b"65")))
    # Unbonding looks at every class: it must stay affordable at the limit.
    tx = bourse.registry.requestUnbonding(1, bourse.sends("provider"))
    assert tx.gas_used < 400_000


def test_bond__minimum_over_64_bits__refused(isolated: None) -> None:
    auditor, options = signer("auditor1"), {"from": accounts[1]}
    huge = 2**64 - 1
    start = initial(min_bond_per_milli=huge)
    parameters = Parameters.deploy(accounts[1], accounts[1], start, options)
    registry = ProviderRegistry.deploy(
        accounts[2], accounts[3], parameters, Times().as_tuple(), True, options
    )
    registry.register(accounts[1], options)
    registry.registerTerms(terms(), options)
    attestation = Attestation(
        provider=str(accounts[1].address),
        device=b"\1" * 32,
        parent=bytes(32),
        device_class=b"\2" * 32,
        lane_milli=1000,
        expiry=chain.time() + HOUR,
        evidence=b"\3" * 32,
        simulated=True,
    )
    signature = auditor.sign(attestation, Domain(chain.id, registry.address))
    with reverts("BondOverflow", 1000 * huge, huge):
        registry.attest([as_tuple(attestation)], [[signature]], options)
