"""One bourse for the whole run; every test starts from the same block."""

from __future__ import annotations

import gc
import re
from typing import Any

import brownie.network.contract as brownie_contract
import pytest
from bourse import Bourse, deploy, open_for_business
from brownie import TypesHarness, accounts, chain
from brownie.network.web3 import web3
from thrift import ask_less

_verify = brownie_contract._verify_deployed_code


def _verify_without_immutables(address: str, expected: str, language: str) -> bool:
    """Brownie compares code byte by byte and drops its maps where an immutable was filled in."""
    if _verify(address, expected, language):
        return True
    actual = web3.eth.get_code(address).hex().removeprefix("0x")
    wanted = expected.removeprefix("0x")
    if language != "Solidity" or len(actual) != len(wanted):
        return False
    for hole in re.finditer("7f" + "0" * 64, wanted):  # PUSH32 of a value set by the constructor
        actual = actual[: hole.start() + 2] + "0" * 64 + actual[hole.end() :]
    return actual == wanted


brownie_contract._verify_deployed_code = _verify_without_immutables


LONG = {"test_protocol.py", "test_exits.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, or of two workers one would wait for the other in the end."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="session", autouse=True)
def few_requests() -> None:
    """Brownie asks the node only what it needs."""
    ask_less()


@pytest.fixture(scope="session")
def deployed() -> Bourse:
    """The bourse; tests ask for `bourse`."""
    opened = open_for_business(deploy())
    # Brownie collects garbage at each revert: quick without the syntax trees that it keeps.
    gc.freeze()
    return opened


@pytest.fixture(scope="session")
def harness() -> Any:
    """Every struct hash of the contracts."""
    return accounts[1].deploy(TypesHarness)


@pytest.fixture
def isolated(deployed: Bourse, harness: Any) -> Any:
    """Whatever a test does to the chain is undone."""
    chain.snapshot()
    yield
    chain.revert()


@pytest.fixture
def bourse(isolated: None, deployed: Bourse) -> Bourse:
    """One provider with four H100, two buyers with 1,000 USD each."""
    deployed.nonces.clear()
    return deployed
