"""One court for the whole run; every attack starts from the same block."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from arbiters import Court, open_court
from brownie import chain


@pytest.fixture(scope="session")
def besieged() -> Court:
    """The court; attacks ask for `court`."""
    court = open_court()
    gc.freeze()
    return court


@pytest.fixture
def court(besieged: Court) -> Any:
    """A provider with bonded arbiters, two buyers with 1,000 USD each; the thief has 500 USD."""
    chain.snapshot()
    besieged.bourse.nonces.clear()
    besieged.bourse.pay_in("rival", 500 * 10**6)
    yield besieged
    chain.revert()
