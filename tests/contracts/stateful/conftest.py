"""One bourse for all that is held against the model; every run starts from its first block."""

from __future__ import annotations

import gc

import pytest
from stateful.opening import open_bourse
from stateful.twin import Twin


@pytest.fixture(scope="session")
def opened() -> Twin:
    twin = open_bourse()
    # Brownie collects garbage at each revert: quick without the syntax trees that it keeps.
    gc.freeze()
    return twin
