"""What the bindings of all contracts share."""

from __future__ import annotations

from typing import Any

from web3 import Web3
from web3.contract import Contract

from contracts.bindings.abi_file import load_abi


def bind(web3: Web3, address: str, contract: str) -> Contract:
    """The contract at an address."""
    return web3.eth.contract(address=Web3.to_checksum_address(address), abi=load_abi(contract))


def encode(contract: Contract, function: str, *args: Any) -> bytes:
    """Data of a call."""
    data: str = contract.encode_abi(function, args=list(args))
    return bytes.fromhex(data[2:])


def view(contract: Contract, block: int, function: str, *args: Any) -> Any:
    """Answer of a view at a block."""
    return contract.functions[function](*args).call(block_identifier=block)
