"""Every log of the contracts from the first block on, decoded and added up."""

from __future__ import annotations

from hexbytes import HexBytes

from contracts.bindings.events import RawLog, decode_log
from contracts.protocol.eip712 import checksum
from contracts.protocol.hashing import keccak
from settlement.cli.desk import ChainDesk
from settlement.cli.verify.adding import add_event
from settlement.cli.verify.sums import History

_CHUNK_BLOCKS = 5_000
"""Public nodes refuse longer ranges."""
_TRANSFER = keccak(b"Transfer(address,address,uint256)")


def read_history(desk: ChainDesk, block: int) -> History:
    """Read and add up every log up to ``block``."""
    history = History(block, treasury=desk.place.treasury)
    for log in logs_of(desk, desk.place.deployed_block, block):
        event = decode_log(log)
        if event is not None:
            add_event(history, event, log.transaction)
    for source, target, amount in _token_transfers(desk, block):
        if target == desk.place.market:
            history.transfers_in += amount
        if source == desk.place.market:
            history.transfers_out += amount
    return history


def logs_of(desk: ChainDesk, first: int, last: int) -> list[RawLog]:
    """Raw logs of the contracts, in the order of the chain."""
    place = desk.place
    contracts = [place.market, place.registry, place.arbitration, place.resale, place.parameters]
    return _logs(desk, contracts, first, last)


def _logs(desk: ChainDesk, addresses: list[str], first: int, last: int) -> list[RawLog]:
    web3 = desk.chain.web3
    found: list[RawLog] = []
    for start in range(first, last + 1, _CHUNK_BLOCKS):
        logs = web3.eth.get_logs(
            {
                "fromBlock": start,
                "toBlock": min(last, start + _CHUNK_BLOCKS - 1),
                "address": [web3.to_checksum_address(address) for address in addresses],
            }
        )
        found += [
            RawLog(
                address=checksum(log["address"]),
                topics=tuple(bytes(topic) for topic in log["topics"]),
                data=bytes(log["data"]),
                transaction="0x" + bytes(log["transactionHash"]).hex(),
                index=log["logIndex"],
            )
            for log in logs
        ]
    return found


def _token_transfers(desk: ChainDesk, block: int) -> list[tuple[str, str, int]]:
    logs = _logs(desk, [desk.place.payment_token], desk.place.deployed_block, block)
    return [
        (_address(log.topics[1]), _address(log.topics[2]), int.from_bytes(log.data, "big"))
        for log in logs
        if log.topics[0] == _TRANSFER
    ]


def _address(topic: bytes) -> str:
    return checksum("0x" + HexBytes(topic)[-20:].hex().removeprefix("0x"))
