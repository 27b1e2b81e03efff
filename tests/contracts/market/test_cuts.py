"""Random cuts, gifts and sales: after each, money to the unit and every hour charged once."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from bourse import FREEZE, HOUR, OK, PRICE, REDEEM_GRACE, USD, Bourse, Fill
from brownie import chain
from brownie.exceptions import VirtualMachineError
from counting import accounted, escrow, lanes, position, window
from secondary import offer, resell, taking

from contracts.protocol.series import Series
from contracts.protocol.units import cost, payment_down

STEPS = 40
HOLDERS = ("buyer", "other", "rival")
HOURS = 10
"""How far ahead windows reach."""


class Run:
    """What is held, as the calls and their ids tell."""

    def __init__(self, bourse: Bourse, seed: int) -> None:
        self.bourse, self.random = bourse, Random(seed)
        self.held: set[tuple[int, str]] = set()
        self.done: set[str] = set()

    def step(self) -> None:
        moves: tuple[Callable[[], bool], ...] = (
            *(self.fill,) * 3, *(self.split,) * 5, *(self.merge,) * 4, *(self.transfer,) * 2,
            *(self.resell,) * 3, *(self.finish,) * 2, self.close, self.wait,
        )  # fmt: skip
        move = self.random.choice(moves)
        try:
            if move():
                self.done.add(move.__name__)
        except VirtualMachineError:
            pass  # frozen, not whole lots, not enough: what stays must still add up
        self.held = {item for item in self.held if self.units(*item)}

    def units(self, series: int, holder: str) -> int:
        return position(self.bourse, series, holder)[0]

    def pick(self) -> tuple[int, str]:
        return self.random.choice(sorted(self.held))

    def movable(self) -> tuple[int, str]:
        """One that is not frozen yet, if there is any."""
        frozen = chain.time() + FREEZE + 60
        found = [item for item in sorted(self.held) if Series.from_id(item[0]).start > frozen]
        return self.random.choice(found or sorted(self.held))

    def fill(self) -> bool:
        hour = (chain.time() // HOUR + self.random.randrange(1, 4)) * HOUR
        shape = {
            "start": hour + self.random.choice((0, 0, 1800, 3564)),
            "duration": self.random.choice((1, 2, 3, 5)) * HOUR,
            "milli": self.random.choice((1000, 2000, 3000)),
        }
        holder = self.random.choice(HOLDERS)
        outcome = self.bourse.fill(self.bourse.ask(), Fill(self.bourse.bid(holder), **shape))
        if outcome.reasons != ((OK,),):
            return False
        self.held.add((self.bourse.series(**shape), holder))
        return True

    def split(self) -> bool:
        series, holder = self.pick()
        parts, (_, milli, _, end, _, _) = (
            Series.from_id(series),
            position(self.bourse, series, holder),
        )
        at = (parts.start // HOUR + self.random.randrange(1, 5)) * HOUR
        share = self.random.choice((milli, milli, 1000))
        tx = self.bourse.market.split(series, at, share, self.bourse.sends(holder))
        cut = tx.events["Split"]
        assert cut["tail"] == window(series, at, end - at)
        self.held |= {(int(cut["head"]), holder), (int(cut["tail"]), holder)}
        return True

    def merge(self) -> bool:
        pairs = [
            (first, second, holder)
            for first, holder in sorted(self.held)
            for second, other in sorted(self.held)
            if holder == other and Series.from_id(first).end == Series.from_id(second).start
        ]
        if not pairs:
            return False
        first, second, holder = self.random.choice(pairs)
        milli = min(position(self.bourse, part, holder)[1] for part in (first, second))
        tx = self.bourse.market.merge(first, second, milli, self.bourse.sends(holder))
        self.held.add((int(tx.events["Merged"]["merged"]), holder))
        return True

    def transfer(self) -> bool:
        (series, holder), to = self.movable(), self.random.choice(HOLDERS)
        units = Series.from_id(series).duration * 1000 // 3600
        names = (self.bourse.address(holder), self.bourse.address(to))
        self.bourse.market.safeTransferFrom(*names, series, units, b"", self.bourse.sends(holder))
        self.held.add((series, to))
        return True

    def resell(self) -> bool:
        series, seller = self.movable()
        buyer = self.random.choice([name for name in HOLDERS if name != seller])
        price = self.random.choice((PRICE, PRICE - 1000, 1000))
        ask = offer(self.bourse, series, seller, price_per_gpu_hour=price)
        wanted = taking(self.bourse, series, buyer, price=price)
        if resell(self.bourse, ask, wanted).reasons != ((OK,),):
            return False
        self.held.add((series, buyer))
        return True

    def finish(self) -> bool:
        series, holder = self.pick()
        _, milli, used, end, _, _ = position(self.bourse, series, holder)
        elapsed = milli * (min(chain.time(), end) - Series.from_id(series).start)
        if elapsed <= used:
            return False
        total = self.random.randrange(used, elapsed + 1)
        final = self.bourse.voucher(series, total, holder, is_final=self.random.random() < 0.6)
        return self.bourse.redeem(self.bourse.signed(final, agent="agent")).reasons == (OK,)

    def close(self) -> bool:
        outcome = self.bourse.close(*sorted(self.held))
        return OK in outcome.reasons

    def wait(self) -> bool:
        chain.sleep(self.random.choice((600, 1800, HOUR)))
        chain.mine()
        return True

    def check(self) -> None:
        held = {item: position(self.bourse, *item) for item in self.held}
        assert self.accounted(held) == self.bourse.market.totalHeld()
        first = chain.time() // HOUR
        charged = [sum(lanes_of(*item, first + i) for item in held.items()) for i in range(HOURS)]
        assert lanes(self.bourse, first * HOUR, HOURS) == charged

    def accounted(self, held: dict[tuple[int, str], tuple[int, ...]]) -> int:
        """`counting.accounted` of those who have anything here, in fewer calls."""
        balances = sum(map(self.bourse.balance, (*HOLDERS, "provider", "treasury")))
        bonded, unbonding = self.bourse.registry.bondOf(self.bourse.address("provider"))[:2]
        escrows = (
            cost(units, Series.from_id(series).ticks)
            - payment_down(used, Series.from_id(series).ticks)
            for (series, _), (units, _, used, _, _, _) in held.items()
        )
        return int(balances + bonded + unbonding + sum(escrows))


def lanes_of(item: tuple[int, str], state: tuple[int, ...], hour: int) -> int:
    """Of one open position in one hour."""
    _, milli, _, end, _, _ = state
    touches = Series.from_id(item[0]).start < (hour + 1) * HOUR and end > hour * HOUR
    return milli // 1000 if touches else 0


@pytest.mark.parametrize("seed", [1, 2])
def test_cuts__random__hours_and_money_to_the_unit(bourse: Bourse, seed: int) -> None:
    bourse.attest(*(bourse.attestation(f"GPU-MORE-{i}") for i in range(12)))
    bourse.pay_in("rival", 500 * USD)
    run = Run(bourse, seed)
    while not run.held:
        run.fill()
    for _ in range(STEPS):
        run.step()
        run.check()
        if not run.held:
            run.fill()
    assert {"fill", "split", "resell"} <= run.done  # the rest depends on the hour of the run
    chain.mine(timestamp=chain.time() + HOURS * HOUR + REDEEM_GRACE)
    bourse.close(*sorted(run.held))
    assert sum(escrow(bourse, *item) for item in run.held) == 0
    assert accounted(bourse) == bourse.market.totalHeld()
