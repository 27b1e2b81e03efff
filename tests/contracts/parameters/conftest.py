"""Parameters under a timelock; every test starts from the same block."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bourse import signer
from brownie import chain
from governance import Governance, govern


@pytest.fixture(scope="session")
def governed() -> Governance:
    """Three auditors, two arbiters and a value for everything else; tests ask for `governance`."""
    return govern(
        fee_bps=100,
        auditors=tuple(signer(f"auditor{i}").address for i in (1, 2, 3)),
        auditor_threshold=2,
        min_bond_per_milli=1_000,
        role_bond=50,
        attestation_fee=3,
        dispute_fee=7,
        arbiters=tuple(signer(f"arbiter{i}").address for i in (1, 2)),
        arbiter_threshold=2,
    )


@pytest.fixture
def governance(governed: Governance) -> Iterator[Governance]:
    """Whatever a test does to the chain is undone."""
    chain.snapshot()
    yield governed
    chain.revert()
