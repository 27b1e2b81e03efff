"""One court for the whole run; every test starts from the same block."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from arbiters import Court, open_court
from brownie import chain


@pytest.fixture(scope="session")
def opened() -> Court:
    """The court; tests ask for `court`."""
    court = open_court()
    gc.freeze()
    return court


@pytest.fixture
def court(opened: Court) -> Any:
    """One provider with bonded arbiters, two buyers with 1,000 USD each."""
    chain.snapshot()
    opened.bourse.nonces.clear()
    yield opened
    chain.revert()
