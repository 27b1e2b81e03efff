"""What one fill, redemption and closing costs at the margin: (g(2N) - g(N)) / N."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tests.gas.bourse import (
    DAY,
    FILL_TIME,
    HOUR,
    REDEEM_GRACE,
    START,
    WHALE,
    WHALE_STEP,
    Bourse,
    Lease,
    buyers,
    providers,
)
from tests.gas.profile import costs, table

FILLS = 50
"""Bids of the smaller batch of fills, and of every batch of a lease's life."""
VOUCHERS = 100
"""Vouchers of the smaller batch of redemptions, and closings of the smaller batch."""
GROUPED = 32
"""Leases of the smaller group: the protocol signs lists of 64 items at most."""
BIDS_PER_ASK = 5
PROVIDERS = 2 * VOUCHERS
BUYERS = 2 * VOUCHERS
MIDDLE = START + DAY // 2 + 1
OVER = START + DAY + REDEEM_GRACE + 1


@dataclass(frozen=True)
class Observation:
    """One batch that was sent."""

    row: str
    elements: int
    gas: int


Batch = Callable[[Sequence[Lease]], bytes]


class Bench:
    """Measures; every figure comes from observations that it also yields."""

    def __init__(self, bourse: Bourse, profiled: str = "") -> None:
        self.bourse = bourse
        self.profiled = profiled
        self.observations: list[Observation] = []

    def marginal(self, row: str, leases: Sequence[Lease], batch: Batch, at: int) -> int:
        """Send half of the leases, take it back, send them all."""
        half = len(leases) // 2
        if row == self.profiled:
            self._profile(leases, batch, at)
        small = self._gas(row, leases[:half], batch, at)
        large = self._gas(row, leases, batch, at)
        return round((large - small) / half)

    def _gas(self, row: str, leases: Sequence[Lease], batch: Batch, at: int) -> int:
        with self.bourse.chain.undone():
            self.bourse.chain.set_time(at)
            gas = self.bourse.send(batch(leases))
        self.observations.append(Observation(row, len(leases), gas))
        return gas

    def _profile(self, leases: Sequence[Lease], batch: Batch, at: int) -> None:
        """Print what more elements add, by kind of instruction."""
        step = BIDS_PER_ASK if self.profiled in ("fill_50", "lease_life_warm.fill") else 1
        totals = []
        for count in (2 * step, 3 * step):
            with self.bourse.chain.undone():
                self.bourse.chain.set_time(at)
                calldata = batch(leases[:count])
                hash_ = self.bourse.send_traced(calldata)
                totals.append(costs(self.bourse.chain, hash_, calldata))
        print(table(self.profiled, totals[0], totals[1], step))

    # ------------------------------------------------------------------ states to measure in

    def leases(self, sellers: int, count: int, *, first_buyer: int = 0) -> list[Lease]:
        """`count` leases, equally many of each seller, each of a buyer of its own."""
        each = count // sellers
        chosen = providers(sellers)
        people = buyers(first_buyer + count)[first_buyer:]
        terms = self.bourse.terms
        return [
            Lease(people[i], chosen[i // each], terms[chosen[i // each].address])
            for i in range(count)
        ]

    def shares(self, count: int) -> list[Lease]:
        """Leases of one provider, each of a buyer of its own."""
        number = self.bourse.terms[WHALE.address]
        return [Lease(buyer, WHALE, number, milli=WHALE_STEP) for buyer in buyers(count)]

    def fill_all(self, leases: Sequence[Lease]) -> None:
        """Not measured: the leases that are then redeemed or closed."""
        self.bourse.chain.set_time(FILL_TIME)
        for first in range(0, len(leases), VOUCHERS):
            self.bourse.send(self.bourse.fill(leases[first : first + VOUCHERS]))

    def redeem_all(self, leases: Sequence[Lease], at: int, *, final: bool = False) -> None:
        """Not measured: half of each lease is used."""
        self.bourse.chain.set_time(at)
        for first in range(0, len(leases), VOUCHERS):
            part = leases[first : first + VOUCHERS]
            self.bourse.send(self.bourse.redeem(part, final=final))


def fill_50(bench: Bench) -> int:
    """Lanes of that day were written before; the position is new, the buyers have accounts."""
    leases = bench.leases(2 * FILLS // BIDS_PER_ASK, 2 * FILLS)
    with bench.bourse.chain.undone():
        bench.fill_all(bench.leases(2 * FILLS // BIDS_PER_ASK, 20, first_buyer=2 * FILLS))
        return bench.marginal("fill_50", leases, bench.bourse.fill, FILL_TIME)


def fill_cold(bench: Bench) -> int:
    """Each bid on an ask of its own, of a provider that sold nothing on that day yet."""
    leases = bench.leases(2 * FILLS, 2 * FILLS)
    return bench.marginal("fill_cold", leases, bench.bourse.fill, FILL_TIME)


def redeem_warm(bench: Bench) -> int:
    leases = bench.shares(2 * VOUCHERS)
    with bench.bourse.chain.undone():
        bench.fill_all(leases)
        return bench.marginal("redeem_warm", leases, bench.bourse.redeem, MIDDLE)


def redeem_cold(bench: Bench) -> int:
    leases = bench.leases(2 * VOUCHERS, 2 * VOUCHERS)
    with bench.bourse.chain.undone():
        bench.fill_all(leases)
        return bench.marginal("redeem_cold", leases, bench.bourse.redeem, MIDDLE)


def redeem_final(bench: Bench) -> int:
    leases = bench.shares(2 * VOUCHERS)
    with bench.bourse.chain.undone():
        bench.fill_all(leases)
        batch = partial(bench.bourse.redeem, final=True)
        return bench.marginal("redeem_final", leases, batch, MIDDLE)


def redeem_grouped(bench: Bench) -> int:
    """Leases of one holder and one provider, each an hour after the other."""
    holder, number = buyers(1)[0], bench.bourse.terms[WHALE.address]
    leases = [
        Lease(holder, WHALE, number, start=START + i * HOUR, milli=WHALE_STEP, nonce=i)
        for i in range(2 * GROUPED)
    ]
    with bench.bourse.chain.undone():
        bench.fill_all(leases)
        begun = leases[-1].start + DAY
        return bench.marginal("redeem_grouped", leases, bench.bourse.redeem_group, begun)


def close_end(bench: Bench) -> int:
    """Half used, half refunded, after the end and the time to redeem."""
    leases = bench.shares(2 * VOUCHERS)
    with bench.bourse.chain.undone():
        bench.fill_all(leases)
        bench.redeem_all(leases, MIDDLE)
        return bench.marginal("close_end", leases, bench.bourse.close, OVER)


def close_early(bench: Bench) -> int:
    """A final voucher in the middle: the refund, and the later hours back to the calendar."""
    leases = bench.shares(2 * VOUCHERS)
    with bench.bourse.chain.undone():
        bench.fill_all(leases)
        bench.redeem_all(leases, MIDDLE, final=True)
        return bench.marginal("close_early", leases, bench.bourse.close, MIDDLE + HOUR)


def lease_life_warm(bench: Bench) -> int:
    return _life(bench, "lease_life_warm", 2 * FILLS // BIDS_PER_ASK)


def lease_life_cold(bench: Bench) -> int:
    return _life(bench, "lease_life_cold", 2 * FILLS)


def _life(bench: Bench, row: str, sellers: int) -> int:
    """The same leases filled, half used and closed at their end; batches of 50."""
    leases = bench.leases(sellers, 2 * FILLS)
    bourse = bench.bourse
    with bourse.chain.undone():
        if sellers < len(leases):
            bench.fill_all(bench.leases(sellers, 20, first_buyer=2 * FILLS))
        gas = bench.marginal(f"{row}.fill", leases, bourse.fill, FILL_TIME)
        bench.fill_all(leases)
        gas += bench.marginal(f"{row}.redeem", leases, bourse.redeem, MIDDLE)
        bench.redeem_all(leases, MIDDLE)
        return gas + bench.marginal(f"{row}.close", leases, bourse.close, OVER)


ROWS: tuple[Callable[[Bench], int], ...] = (
    fill_50,
    fill_cold,
    redeem_warm,
    redeem_cold,
    redeem_final,
    redeem_grouped,
    close_end,
    close_early,
    lease_life_warm,
    lease_life_cold,
)


def contract_bytes(bourse: Bourse) -> dict[str, int]:
    """Size of the code of each contract."""
    eth = bourse.chain.web3.eth
    sizes = {name: len(eth.get_code(c.address)) for name, c in bourse.contracts.items()}
    return {name: size for name, size in sizes.items() if name != "TestUSD"}
