"""One bourse for all that is held against the model; every run starts from its first block."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from brownie import chain

from stateful.opening import open_bourse
from stateful.twin import Twin


@pytest.fixture(scope="package")
def opened() -> Iterator[Twin]:
    """Its blocks lie in the future: what other tests deployed must not find itself there."""
    before = chain._take_snapshot()
    twin = open_bourse()
    # Brownie collects garbage at each revert: quick without the syntax trees that it keeps.
    gc.freeze()
    yield twin
    # By Brownie, or it would go on to know contracts at addresses that are free again.
    chain._revert(before)
