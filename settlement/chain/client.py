"""The few questions that settlement asks a node, as a protocol with one real implementation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from eth_typing import HexStr
from hexbytes import HexBytes
from requests.exceptions import RequestException
from web3 import Web3
from web3.exceptions import (
    BlockNotFound,
    ContractLogicError,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.types import BlockData, LogReceipt, TxParams

from contracts.bindings.client import connect
from contracts.bindings.errors import explain_revert
from contracts.bindings.events import RawLog
from contracts.protocol.eip712 import checksum
from settlement.outcome import Retryable


@dataclass(frozen=True, slots=True)
class Block:
    """A block and the hashes of its transactions."""

    number: int
    hash: str
    parent: str
    timestamp: int
    base_fee: int
    transactions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MinedReceipt:
    """What became of a transaction."""

    transaction: str
    block_number: int
    block_hash: str
    succeeded: bool
    gas_used: int
    gas_price: int


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction would do."""

    sender: str
    to: str
    data: bytes
    value: int = 0


class Reverted(Exception):  # noqa: N818 - an answer of the chain, not a fault of ours
    """The chain refuses this call; `reason` names the contract's error."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class SendRefused(Exception):  # noqa: N818 - an answer of the node
    """The node did not take a raw transaction."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)

    @property
    def means_known(self) -> bool:
        """Whether the node has it already, or a transaction with its nonce is mined."""
        text = self.message.lower()
        return any(known in text for known in _KNOWN)


_KNOWN = (
    "already known",
    "known transaction",
    "nonce too low",
    "already imported",
    "correct nonce",
)


class Chain(Protocol):
    """A node."""

    def head(self) -> Block:
        """The newest block."""

    def block_at(self, number: int) -> Block | None:
        """The block at this height, if there is one."""

    def logs(self, block_hash: str, addresses: tuple[str, ...]) -> list[RawLog]:
        """Logs of these contracts in one block, by hash: a lagging node then errs."""

    def receipt(self, transaction: str) -> MinedReceipt | None:
        """The receipt of a mined transaction."""

    def nonce(self, address: str) -> int:
        """Transactions of this sender in the newest block."""

    def tip(self) -> int | None:
        """The priority fee that the node proposes."""

    def static_call(self, call: Call) -> bytes:
        """Run the call without a transaction; raises `Reverted`."""

    def estimate(self, call: Call) -> int:
        """Gas of the call; raises `Reverted`."""

    def send(self, raw: bytes) -> None:
        """Hand over a signed transaction, once; raises `SendRefused`."""

    def read(self, to: str, data: bytes, block: int) -> bytes:
        """The answer of a view at a block."""


class Web3Chain:
    """A node reached over HTTP."""

    def __init__(self, rpc_url: str) -> None:
        self.web3: Web3 = connect(rpc_url)

    def head(self) -> Block:
        """See `Chain`."""
        with _reachable():
            return _block(self.web3.eth.get_block("latest"))

    def block_at(self, number: int) -> Block | None:
        """See `Chain`."""
        with _reachable():
            try:
                return _block(self.web3.eth.get_block(number))
            except BlockNotFound:
                return None

    def logs(self, block_hash: str, addresses: tuple[str, ...]) -> list[RawLog]:
        """See `Chain`."""
        with _reachable():
            found = self.web3.eth.get_logs(
                {
                    "blockHash": HexBytes(block_hash),
                    "address": [Web3.to_checksum_address(address) for address in addresses],
                }
            )
        return [_log(log) for log in found]

    def receipt(self, transaction: str) -> MinedReceipt | None:
        """See `Chain`."""
        with _reachable():
            try:
                found = self.web3.eth.get_transaction_receipt(_hash(transaction))
            except TransactionNotFound:
                return None
        return MinedReceipt(
            transaction=transaction,
            block_number=found["blockNumber"],
            block_hash=_hex(found["blockHash"]),
            succeeded=found["status"] == 1,
            gas_used=found["gasUsed"],
            gas_price=found["effectiveGasPrice"],
        )

    def nonce(self, address: str) -> int:
        """See `Chain`."""
        with _reachable():
            return self.web3.eth.get_transaction_count(Web3.to_checksum_address(address), "latest")

    def tip(self) -> int | None:
        """See `Chain`."""
        try:
            with _reachable():
                return int(self.web3.eth.max_priority_fee)
        except Retryable:
            return None

    def static_call(self, call: Call) -> bytes:
        """See `Chain`."""
        with _reachable(), _reverts():
            return bytes(self.web3.eth.call(_params(call), "latest", ccip_read_enabled=False))

    def estimate(self, call: Call) -> int:
        """See `Chain`."""
        with _reachable(), _reverts():
            return self.web3.eth.estimate_gas(_params(call), "latest")

    def send(self, raw: bytes) -> None:
        """See `Chain`."""
        with _reachable():
            try:
                self.web3.eth.send_raw_transaction(raw)
            except (Web3RPCError, ContractLogicError) as error:
                raise SendRefused(str(error.message)) from error

    def read(self, to: str, data: bytes, block: int) -> bytes:
        """See `Chain`."""
        with _reachable(), _reverts():
            params: TxParams = {"to": Web3.to_checksum_address(to), "data": data}
            return bytes(self.web3.eth.call(params, block, ccip_read_enabled=False))


@contextmanager
def _reachable() -> Iterator[None]:
    """A node that does not answer, or answers nonsense, is asked again later."""
    try:
        yield
    except RequestException as error:
        raise Retryable("node-unreachable", type(error).__name__) from error
    except Web3Exception as error:
        raise Retryable("node-error", str(error)[:500]) from error


@contextmanager
def _reverts() -> Iterator[None]:
    try:
        yield
    except ContractLogicError as error:
        raise Reverted(_reason(error)) from error
    except Web3RPCError as error:
        # Ganache sends a revert without data as an ordinary error.
        if "revert" in str(error.message).lower():
            raise Reverted("reverted without a reason") from error
        raise


def _reason(error: ContractLogicError) -> str:
    data = error.data
    if isinstance(data, str) and data.startswith("0x"):
        return explain_revert(bytes.fromhex(data[2:]))
    return str(error.message or "reverted without a reason")


def _params(call: Call) -> TxParams:
    return {
        "from": Web3.to_checksum_address(call.sender),
        "to": Web3.to_checksum_address(call.to),
        "data": call.data,
        "value": Web3.to_wei(call.value, "wei"),
    }


def _block(found: BlockData) -> Block:
    return Block(
        number=found["number"],
        hash=_hex(found["hash"]),
        parent=_hex(found["parentHash"]),
        timestamp=found["timestamp"],
        base_fee=found.get("baseFeePerGas", 0),
        transactions=tuple(_hex(item) for item in found["transactions"] if isinstance(item, bytes)),
    )


def _log(found: LogReceipt) -> RawLog:
    return RawLog(
        address=checksum(found["address"]),
        topics=tuple(bytes(topic) for topic in found["topics"]),
        data=bytes(found["data"]),
        transaction=_hex(found["transactionHash"]),
        index=found["logIndex"],
    )


def _hex(raw: bytes) -> str:
    return "0x" + bytes(raw).hex()


def _hash(text: str) -> HexStr:
    return HexStr(text)
