"""`Resale`: data of its call."""

from __future__ import annotations

from web3 import Web3
from web3.contract import Contract

from contracts.bindings.contract import bind, encode
from contracts.bindings.market import AskGroup, as_group


class Resale:
    """Calls encode to data."""

    def __init__(self, web3: Web3, address: str) -> None:
        self.address = address
        self.contract: Contract = bind(web3, address, "Resale")

    def fill(self, groups: tuple[AskGroup, ...]) -> bytes:
        """Pair asks that name a series with bids; a bad one is skipped with its reason."""
        return encode(self.contract, "fill", [as_group(group) for group in groups])
