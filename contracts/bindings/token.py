"""The payment token: ERC-20 with an open mint on a local chain."""

from __future__ import annotations

from web3 import Web3
from web3.contract import Contract

from contracts.bindings.contract import bind, encode, view


class PaymentToken:
    """Calls encode to data; views read at a block."""

    def __init__(self, web3: Web3, address: str) -> None:
        self.address = address
        self.contract: Contract = bind(web3, address, "TestUSD")

    def mint(self, to: str, amount: int) -> bytes:
        """Make test money; a real token has no such call."""
        return encode(self.contract, "mint", to, amount)

    def approve(self, spender: str, amount: int) -> bytes:
        """Let the market take an amount."""
        return encode(self.contract, "approve", spender, amount)

    def transfer(self, to: str, amount: int) -> bytes:
        """Send money."""
        return encode(self.contract, "transfer", to, amount)

    def balance_of(self, account: str, block: int) -> int:
        """Money of an account outside the market."""
        return int(view(self.contract, block, "balanceOf", account))
