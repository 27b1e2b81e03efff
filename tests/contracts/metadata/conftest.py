"""A metadata contract on a registry that accepts any terms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from brownie import MetadataHarness, SeriesMetadata, accounts, chain


@pytest.fixture(scope="session")
def words() -> Any:
    """The stand-in for the registry, and the words of the metadata alone."""
    return accounts[1].deploy(MetadataHarness)


@pytest.fixture(scope="session")
def deployed_metadata(words: Any) -> Any:
    """Tests ask for `metadata`."""
    return accounts[1].deploy(SeriesMetadata, words)


@pytest.fixture
def metadata(deployed_metadata: Any) -> Iterator[Any]:
    """Whatever a test does to the chain is undone."""
    chain.snapshot()
    yield deployed_metadata
    chain.revert()
