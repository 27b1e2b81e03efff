"""Everybody's balances before, during and after, and the checks that hold them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.protocol.units import LOT_GPU_MS, cost, payment_down, price_ticks, share_down
from marketplace_api.cli.demo.processes import Actor, Json, number


@dataclass(frozen=True, slots=True)
class Check:
    """Two figures that must be the same."""

    name: str
    expected: object
    found: object

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return self.expected == self.found


@dataclass(frozen=True, slots=True)
class Holdings:
    """What one wallet has, as the chain says it."""

    wallet: str
    token: int
    market: int
    bonded: int
    escrowed: int
    gpu_ms: int
    gas_wei: int

    @property
    def money(self) -> int:
        """Payment tokens, wherever they are but in escrow."""
        return self.token + self.market + self.bonded

    @classmethod
    def of(cls, answer: Json) -> Holdings:
        """From what `gpubourse balance` prints."""
        names = ("token", "market", "bonded", "escrowed", "gpu_ms", "gas_wei")
        return cls(str(answer["wallet"]), *(number(answer, name) for name in names))


def read_all(reader: Actor, wallets: Mapping[str, str]) -> Mapping[str, Holdings]:
    """What the named wallets have, all at one block; the chain is open to everybody."""
    answers = reader.run_list("balance", *wallets.values())
    return {name: Holdings.of(answer) for name, answer in zip(wallets, answers, strict=True)}


@dataclass(frozen=True, slots=True)
class Books:
    """All figures of the order, from the lease and from the chain."""

    lease: Json
    fee_bps: int
    cheaper: int
    before: Mapping[str, Holdings]
    during: Holdings
    after: Mapping[str, Holdings]
    seller: str
    """Name of the provider that served."""
    idle: str


def check_books(books: Books) -> tuple[Check, ...]:
    """Every figure of the demo, computed again by the rules of the protocol."""
    lease = books.lease
    ticks = price_ticks(number(lease, "price_per_gpu_hour"))
    units, used = number(lease, "units"), number(lease, "used_gpu_ms")
    paid = payment_down(used, ticks)
    fee = share_down(paid, books.fee_bps)
    escrow = cost(units, ticks)
    return (
        Check("the cheaper ask was taken", books.cheaper, number(lease, "price_per_gpu_hour")),
        Check("cost = lots x ticks", escrow, number(lease, "cost")),
        Check("paid = floor(used x ticks / 3600)", paid, number(lease, "paid")),
        Check("fee = floor(paid x bps / 10000)", fee, number(lease, "fee")),
        Check("refunded = cost - paid", escrow - paid, number(lease, "refunded")),
        Check("GPU-ms minted to the buyer", units * LOT_GPU_MS, books.during.gpu_ms),
        Check("escrow while it ran", escrow, books.during.escrowed),
        *_movements(books, paid, fee),
    )


def _movements(books: Books, paid: int, fee: int) -> tuple[Check, ...]:
    moved = {
        "buyer": -paid,
        books.seller: paid - fee,
        books.idle: 0,
        "treasury": fee,
    }
    checks = [
        Check(f"{name}: money", amount, books.after[name].money - books.before[name].money)
        for name, amount in moved.items()
    ]
    checks += [Check(f"{name}: GPU-ms left", 0, books.after[name].gpu_ms) for name in moved]
    return tuple(checks)
