"""Every log of the contracts from the first block on, decoded, and what they add up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hexbytes import HexBytes

from contracts.bindings.events import (
    Bonded,
    BondReleased,
    Closed,
    Deposited,
    Event,
    Filled,
    RawLog,
    Redeemed,
    TransferBatch,
    TransferSingle,
    Withdrawn,
    decode_log,
)
from contracts.protocol.eip712 import ZERO_ADDRESS, checksum
from contracts.protocol.hashing import keccak
from contracts.protocol.series import Series
from contracts.protocol.units import LOT_GPU_MS, cost, payment_down
from settlement.cli.desk import ChainDesk

_CHUNK_BLOCKS = 5_000
"""Public nodes refuse longer ranges."""
_TRANSFER = keccak(b"Transfer(address,address,uint256)")


@dataclass(frozen=True, slots=True)
class Key:
    """One holder's part of one series."""

    series: int
    holder: str

    @property
    def ticks(self) -> int:
        """Price of a lot."""
        return Series.from_id(self.series).ticks


@dataclass(slots=True)
class LeaseSums:
    """What the logs say of one position."""

    minted: int = 0
    """Units."""
    burned: int = 0
    moved_in: int = 0
    moved_out: int = 0
    used_gpu_ms: int = 0
    paid: int = 0
    """What left the escrow for usage, fee included."""
    fee: int = 0
    refunded: int = 0
    closed: int = 0
    """How often the position was closed."""
    payments: list[tuple[int, int, int]] = field(default_factory=list)
    """(used GPU-ms, payment, fee) of each redemption, in order."""
    transactions: list[tuple[str, str]] = field(default_factory=list)
    """(fill, redeem or close; hash), in order."""

    @property
    def units(self) -> int:
        """Units outstanding."""
        return self.minted + self.moved_in - self.burned - self.moved_out


@dataclass(slots=True)
class History:
    """All movements up to a block."""

    block: int
    transfers_in: int = 0
    """Payment tokens that came to the market, by the token's own logs."""
    transfers_out: int = 0
    deposited: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    withdrawn: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    bonded: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    released: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    earned: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Payments less fees, by provider."""
    fees: int = 0
    fees_of: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """What was taken from each provider's payments."""
    spent: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Costs of fills, by buyer."""
    refunded: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    leases: dict[Key, LeaseSums] = field(default_factory=lambda: defaultdict(LeaseSums))

    def wallets(self) -> Sequence[str]:
        """Everyone whose account moved."""
        books: tuple[Mapping[str, int], ...] = (
            self.deposited,
            self.withdrawn,
            self.bonded,
            self.released,
            self.earned,
            self.spent,
            self.refunded,
        )
        return sorted({wallet for book in books for wallet in book})


@dataclass(frozen=True, slots=True)
class Units:
    """What a wallet holds of GPU time."""

    gpu_ms: int
    escrow: int


def read_history(desk: ChainDesk, block: int) -> History:
    """Read and add up every log up to ``block``."""
    history = History(block)
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


def add_event(history: History, event: Event, transaction: str) -> None:
    """Count one event."""
    _add(history, event)
    _note(history, event, transaction)


def logs_of(desk: ChainDesk, first: int, last: int) -> list[RawLog]:
    """Raw logs of market and registry, in the order of the chain."""
    return _logs(desk, [desk.place.market, desk.place.registry], first, last)


def units_of(history: History, wallet: str) -> Units:
    """GPU time of a wallet that is not closed, and what it may still cost."""
    gpu_ms = escrow = 0
    for key, sums in history.leases.items():
        if key.holder == wallet:
            gpu_ms += sums.units * LOT_GPU_MS
            escrow += escrow_of(key, sums)
    return Units(gpu_ms, escrow)


def escrow_of(key: Key, sums: LeaseSums) -> int:
    """Money that an open position still holds: its cost less what its usage was paid."""
    if not sums.units:
        return 0
    return cost(sums.units, key.ticks) - payment_down(sums.used_gpu_ms, key.ticks)


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


def _add(history: History, event: Event) -> None:
    match event:
        case Deposited():
            history.deposited[event.account] += event.amount
        case Withdrawn():
            history.withdrawn[event.account] += event.amount
        case Bonded():
            history.bonded[event.account] += event.amount
        case BondReleased():
            history.released[event.account] += event.amount
        case Filled():
            _add_fills(history, event)
        case Redeemed():
            _add_redemption(history, event)
        case Closed():
            _add_closing(history, event)
        case _:
            _add_transfer(history, event)


def _note(history: History, event: Event, transaction: str) -> None:
    """Which transactions made a lease what it is."""
    match event:
        case Filled():
            for fill in event.fills:
                _note_one(history, fill.series, fill.buyer, ("fill", transaction))
        case Redeemed():
            _note_one(history, event.series, event.holder, ("redeem", transaction))
        case Closed():
            _note_one(history, event.series, event.holder, ("close", transaction))
        case _:
            pass  # of no single lease


def _note_one(history: History, series: int, holder: str, what: tuple[str, str]) -> None:
    history.leases[Key(series, holder)].transactions.append(what)


def _add_fills(history: History, event: Filled) -> None:
    for fill in event.fills:
        history.spent[fill.buyer] += cost(fill.units, Series.from_id(fill.series).ticks)


def _add_redemption(history: History, event: Redeemed) -> None:
    sums = history.leases[Key(event.series, event.holder)]
    sums.used_gpu_ms = event.used_gpu_ms
    sums.paid += event.payment
    sums.fee += event.fee
    sums.payments.append((event.used_gpu_ms, event.payment, event.fee))
    history.earned[event.provider] += event.payment - event.fee
    history.fees += event.fee
    history.fees_of[event.provider] += event.fee


def _add_closing(history: History, event: Closed) -> None:
    sums = history.leases[Key(event.series, event.holder)]
    sums.refunded += event.refund
    sums.closed += 1
    history.refunded[event.holder] += event.refund


def _add_transfer(history: History, event: Event) -> None:
    match event:
        case TransferSingle():
            _add_units(history, event.from_, event.to, event.id, event.value)
        case TransferBatch():
            for series, value in zip(event.ids, event.values, strict=True):
                _add_units(history, event.from_, event.to, series, value)
        case _:
            pass  # moves neither money nor GPU time


def _add_units(history: History, source: str, target: str, series: int, units: int) -> None:
    if source == ZERO_ADDRESS:
        history.leases[Key(series, target)].minted += units
    elif target == ZERO_ADDRESS:
        history.leases[Key(series, source)].burned += units
    else:
        history.leases[Key(series, source)].moved_out += units
        history.leases[Key(series, target)].moved_in += units
