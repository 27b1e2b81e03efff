"""Rule 1: after every step the market holds exactly what its books say."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from bourse import FEE_BPS, HOUR, OK, PRICE, REDEEM_GRACE, USD, Bourse, Fill
from brownie import chain
from counting import FAULT, FINAL, accounted, acting
from leases import on_terms

from contracts.bindings.tuples import as_tuple
from contracts.protocol.series import Series
from contracts.protocol.typed_data import UsageGroup
from contracts.protocol.units import payment_down

STEPS = 60
HOLDERS = ("buyer", "other", "rival")


class Run:
    """Random calls, valid and not, and the sums after each."""

    def __init__(self, bourse: Bourse, seed: int) -> None:
        self.bourse, self.random = bourse, Random(seed)
        self.promising = on_terms(bourse, reservation_fee_bps=1_234, sla_credit_bps=5_678)
        self.positions: set[tuple[int, str]] = set()
        self.donated = 0
        self.done: list[str] = []

    def step(self) -> None:
        moves = (
            *(self.fill,) * 4, *(self.redeem,) * 5, *(self.group,) * 2, *(self.close,) * 3,
            *(self.transfer,) * 3, *(self.wait,) * 3, self.deposit, self.withdraw, self.bond,
            self.unbond, self.slash, self.settle, self.donate,
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
        bourse = self.random.choice((self.bourse, self.promising))
        life = {"filler": bourse.address("stranger")}
        bid = bourse.bid(buyer, max_reservation_fee_bps=5_000, **life)
        outcome = bourse.fill(bourse.ask(**life), Fill(bid, **shape))
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
        missed = int(position[5]) + self.random.choice((0, 0, 0, 1, 5))
        voucher = self.bourse.voucher(
            series, total, holder, is_final=final, missed_intervals=missed
        )
        return self.bourse.redeem(self.bourse.signed(voucher, agent="agent")).reasons[0] == OK

    def group(self) -> bool:
        """Of all that one holder has on the same terms; most items fail."""
        chosen = self.some_position()
        if chosen is None:
            return False
        series, holder = chosen
        address, parts = self.bourse.address(holder), Series.from_id(series)
        items = []
        for other, owner in sorted(self.positions):
            if owner == holder and Series.from_id(other).terms == parts.terms:
                before = self.bourse.market.positionOf(other, address)[2]
                used = int(before) + self.random.randrange(10**6)
                items.append((other & ((1 << 104) - 1)) | used << 104)
        group = UsageGroup(address, parts.terms, parts.step, tuple(items))
        signature = self.bourse.keys[holder].sign(group, self.bourse.market_domain)
        calldata = (as_tuple(group), signature, self.bourse.sends("stranger"))
        return "RedeemedGroup" in self.bourse.market.redeemGroup(*calldata).events

    def settle(self) -> bool:
        """The end of a case, as the arbitration may find it."""
        chosen = self.some_position()
        if chosen is None or self.random.random() < 0.5:
            return False
        series, holder = chosen
        flags = self.random.choice((0, FINAL | FAULT))
        found = (self.random.randrange(2**23), self.random.randrange(9), flags)
        by = acting(self.bourse.arbitration)
        self.bourse.market.settleCase(series, self.bourse.address(holder), *found, by)
        return True

    def slash(self) -> bool:
        provider, victim = self.bourse.address("provider"), self.bourse.address("other")
        amounts = (self.random.randrange(USD), victim, self.random.randrange(USD))
        by = acting(self.bourse.arbitration)
        self.bourse.registry.slash(provider, *amounts, b"\1" * 32, by)
        return True

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
        market = self.bourse.market
        assert market.totalHeld() == accounted(self.bourse, *sorted(self.positions))
        assert self.bourse.token.balanceOf(market) == market.totalHeld() + self.donated


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
