"""Rule 1: after every step the market holds exactly what its books say."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from bourse import FEE_BPS, HOUR, OK, PRICE, REDEEM_GRACE, USD, Bourse, Fill
from brownie import chain

from contracts.protocol.series import Series
from contracts.protocol.units import cost, payment_down

STEPS = 40
HOLDERS = ("buyer", "other", "rival")


class Run:
    """Random calls, valid and not, and the sums after each."""

    def __init__(self, bourse: Bourse, seed: int) -> None:
        self.bourse, self.random = bourse, Random(seed)
        self.positions: set[tuple[int, str]] = set()
        self.donated = 0
        self.done: list[str] = []

    def step(self) -> None:
        moves = (
            *(self.fill,) * 4, *(self.redeem,) * 5, *(self.close,) * 3, *(self.transfer,) * 3,
            *(self.wait,) * 3, self.deposit, self.withdraw, self.bond, self.unbond, self.donate,
        )  # fmt: skip
        move = self.random.choice(moves)
        if move():
            self.done.append(move.__name__)

    def fill(self) -> bool:
        buyer = self.random.choice(HOLDERS)
        start = chain.time() + self.random.choice((0, 30, 3000, 20_000))
        shape = {
            "start": start,
            "duration": self.random.choice((36, 72, HOUR, HOUR, 5 * HOUR, 35)),
            "milli": self.random.choice((1000, 1000, 1000, 2000, 2000, 1500)),
            "price": self.random.choice((PRICE, PRICE, PRICE + 1000)),
        }
        bourse = self.bourse
        life = {"filler": bourse.address("stranger")}
        outcome = bourse.fill(bourse.ask(**life), Fill(bourse.bid(buyer, **life), **shape))
        if outcome.reasons[0][0] != OK:
            return False
        self.positions.add((bourse.series(**shape), buyer))
        return True

    def some_position(self) -> tuple[int, str] | None:
        for series, holder in self.random.sample(sorted(self.positions), len(self.positions)):
            if self.held(series, holder):
                return series, holder
        return None

    def redeem(self) -> bool:
        chosen = self.some_position()
        if chosen is None:
            return False
        series, holder = chosen
        position = self.bourse.market.positionOf(series, self.bourse.address(holder))
        milli, used = int(position[1]), int(position[2])
        elapsed = max(0, chain.time() - Series.from_id(series).start)
        total = used + self.random.randrange(milli * min(elapsed, HOUR) + 2)
        final = self.random.random() < 0.3
        voucher = self.bourse.voucher(series, total, holder, is_final=final)
        return self.bourse.redeem(self.bourse.signed(voucher, agent="agent")).reasons[0] == OK

    def close(self) -> bool:
        chosen = self.some_position()
        if chosen is None or self.bourse.close(chosen).reasons[0] != OK:
            return False
        self.positions.discard(chosen)
        return True

    def transfer(self) -> bool:
        chosen = self.some_position()
        if chosen is None:
            return False
        (series, holder), to = chosen, self.random.choice(HOLDERS)
        parts = Series.from_id(series)
        frozen = chain.time() + 620 > parts.start
        units = 1000 * parts.duration // HOUR
        if frozen or units > self.held(series, holder):
            return False
        names = (self.bourse.address(holder), self.bourse.address(to))
        self.bourse.market.safeTransferFrom(*names, series, units, b"", self.bourse.sends(holder))
        self.positions.add((series, to))
        return True

    def held(self, series: int, holder: str) -> int:
        return int(self.bourse.market.balanceOf(self.bourse.address(holder), series))

    def deposit(self) -> bool:
        self.bourse.pay_in(self.random.choice(HOLDERS), self.random.randrange(1, 50 * USD))
        return True

    def withdraw(self) -> bool:
        name = self.random.choice((*HOLDERS, "provider", "treasury"))
        amount = self.random.randrange(self.bourse.balance(name) + 1)
        if amount:
            self.bourse.market.withdraw(
                self.bourse.address("stranger"), amount, self.bourse.sends(name)
            )
        return amount > 0

    def bond(self) -> bool:
        amount = self.random.randrange(self.bourse.balance("provider") // 4 + 1)
        if amount:
            self.bourse.market.bond(amount, self.bourse.sends("provider"))
        return amount > 0

    def unbond(self) -> bool:
        _, unbonding, ends, _, _ = self.bourse.registry.bondOf(self.bourse.address("provider"))
        if unbonding and chain.time() > ends:
            self.bourse.market.releaseBond(
                self.bourse.address("provider"), self.bourse.sends("other")
            )
        else:
            self.bourse.registry.requestUnbonding(USD // 10, self.bourse.sends("provider"))
        return True

    def donate(self) -> bool:
        self.bourse.token.mint(self.bourse.market, 3, self.bourse.sends("stranger"))
        self.donated += 3
        return True

    def wait(self) -> bool:
        chain.sleep(self.random.choice((30, 600, 1800, 1800, HOUR, REDEEM_GRACE + HOUR)))
        chain.mine()
        return True

    def check(self) -> None:
        market, registry = self.bourse.market, self.bourse.registry
        balances = sum(
            self.bourse.balance(name) for name in (*HOLDERS, "provider", "treasury", "stranger")
        )
        escrow = sum(self.escrowed(series, holder) for series, holder in self.positions)
        bonded, unbonding, _, _, _ = registry.bondOf(self.bourse.address("provider"))
        assert market.totalHeld() == balances + escrow + bonded + unbonding
        assert self.bourse.token.balanceOf(market) == market.totalHeld() + self.donated

    def escrowed(self, series: int, holder: str) -> int:
        position = self.bourse.market.positionOf(series, self.bourse.address(holder))
        units, used, ticks = int(position[0]), int(position[2]), Series.from_id(series).ticks
        return cost(units, ticks) - payment_down(used, ticks)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_conservation__random_calls__to_the_unit_after_each(bourse: Bourse, seed: int) -> None:
    bourse.attest(*(bourse.attestation(f"GPU-MORE-{i}") for i in range(12)))
    run = Run(bourse, seed)
    for _ in range(STEPS):
        run.step()
        run.check()
    assert {"fill", "redeem"} <= set(
        run.done
    )  # the rest depends on the hour in which the test runs
    chain.mine(timestamp=chain.time() + 3 * 24 * HOUR)
    bourse.close(*sorted(run.positions))
    run.positions.clear()
    run.check()


def test_conservation__whole_life__splits_cost_to_the_unit(bourse: Bourse) -> None:
    """Paid + fee + refund = cost for an awkward total."""
    start = chain.time() + 5
    series = bourse.lease(start=start, milli=3000)
    chain.mine(timestamp=start + HOUR)
    used = 7_654_321
    final = bourse.voucher(series, used, is_final=True)
    bourse.redeem(bourse.signed(final, agent="agent"))
    refund: Any = bourse.close((series, "buyer")).events["Closed"]["refund"]
    payment = payment_down(used, PRICE // 1000)
    assert refund == 3 * PRICE - payment
    assert bourse.balance("treasury") == payment * FEE_BPS // 10_000
    assert bourse.balance("provider") - 50 * USD == payment - bourse.balance("treasury")
