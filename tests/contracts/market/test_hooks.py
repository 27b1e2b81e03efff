"""What the modules may do in the market, and that nobody else may."""

from __future__ import annotations

from typing import Any

import pytest
from bourse import FEE_BPS, HOUR, OK, PRICE, USD, ZERO, Bourse
from brownie import chain
from counting import (
    AGENT_CLAIMED,
    CASE,
    CUT,
    FAULT,
    FINAL,
    accounted,
    acting,
    lanes,
)
from leases import Lease, lease_on
from words import reason, reverts

from contracts.protocol.units import TICK, payment_down, share_down

NOTHING = bytes(32)
SALE = (NOTHING, NOTHING, ZERO, ZERO, 1, 1, 1, 0, 0, False, 0, 0)
CALLS: dict[str, tuple[tuple[Any, ...], set[str]]] = {
    "pay": ((ZERO, ZERO, 0), {"registry", "arbitration"}),
    "creditFromBond": ((ZERO, 1), {"registry"}),
    "resell": ((SALE,), {"resale"}),
    "openCase": ((1, ZERO, True), {"arbitration"}),
    "settleCase": ((1, ZERO, 1, 1, 1), {"arbitration"}),
    "shorten": ((1, ZERO, 1), {"arbitration"}),
}
"""Arguments of each hook, and who may call it."""
MODULES = ("registry", "resale", "arbitration", "metadata", "parameters", "timelock", "market")


@pytest.mark.parametrize("name", CALLS)
def test_hook__called_by_a_person__refused(bourse: Bourse, name: str) -> None:
    arguments, _ = CALLS[name]
    before = bourse.state()
    for person in ("stranger", "provider", "treasury"):
        with reverts("OnlyModule", bourse.address(person)):
            getattr(bourse.market, name)(*arguments, bourse.sends(person))
    assert bourse.state() == before


@pytest.mark.parametrize("name", CALLS)
def test_hook__called_by_another_contract__refused(bourse: Bourse, name: str) -> None:
    arguments, allowed = CALLS[name]
    before = bourse.state()
    for module in sorted(set(MODULES) - allowed):
        contract = getattr(bourse, module)
        with reverts("OnlyModule", str(contract.address)):
            getattr(bourse.market, name)(*arguments, acting(contract))
    assert bourse.state() == before


class TestPay:
    @pytest.mark.parametrize("module", ["registry", "arbitration"])
    def test_pay__by_module__moves_between_accounts(self, bourse: Bourse, module: str) -> None:
        buyer, other = bourse.address("buyer"), bourse.address("other")
        contract = getattr(bourse, module)
        tx = bourse.market.pay(buyer, other, 7, acting(contract))
        assert (bourse.balance("buyer"), bourse.balance("other")) == (
            1000 * USD - 7,
            1000 * USD + 7,
        )
        assert dict(tx.events["Paid"]) == {
            "from": buyer,
            "to": other,
            "amount": 7,
            "module": contract.address,
        }

    def test_pay__more_than_there_is__refused(self, bourse: Bourse) -> None:
        buyer, other = bourse.address("buyer"), bourse.address("other")
        before = bourse.state()
        for amount in (1000 * USD + 1, 2**256 - 1):
            with reverts("InsufficientBalance", 1000 * USD, amount):
                bourse.market.pay(buyer, other, amount, acting(bourse.arbitration))
        assert bourse.state() == before

    def test_pay__to_the_payer__changes_nothing(self, bourse: Bourse) -> None:
        buyer, before = bourse.address("buyer"), bourse.state()
        bourse.market.pay(buyer, buyer, 7, acting(bourse.arbitration))
        assert bourse.state() == before


def test_credit_from_bond__by_registry__credited(bourse: Bourse) -> None:
    buyer = bourse.address("buyer")
    tx = bourse.market.creditFromBond(buyer, 7, acting(bourse.registry))
    assert bourse.balance("buyer") == 1000 * USD + 7
    assert dict(tx.events["CreditedFromBond"]) == {"account": buyer, "amount": 7}


class Case:
    """A running lease, and its case as the arbitration handles it."""

    def __init__(self, bourse: Bourse) -> None:
        self.lease = lease_on(bourse)
        self.lease.until(HOUR // 2)
        self.bourse, self.holder = bourse, bourse.address("buyer")
        self.by = acting(bourse.arbitration)

    def open(self, agent_claim: bool = False) -> Any:
        return self.bourse.market.openCase(self.lease.series, self.holder, agent_claim, self.by)

    def settle(self, used: int = 0, missed: int = 0, flags: int = 0) -> Any:
        settle = self.bourse.market.settleCase
        return settle(self.lease.series, self.holder, used, missed, flags, self.by)


@pytest.fixture
def case(bourse: Bourse) -> Case:
    return Case(bourse)


class TestCase:
    @pytest.mark.parametrize(
        ("agent_claim", "flags"), [(False, CASE), (True, CASE | AGENT_CLAIMED)]
    )
    def test_open__marks_the_position(self, case: Case, agent_claim: bool, flags: int) -> None:
        tx = case.open(agent_claim)
        assert case.lease.position()[4] == flags
        assert dict(tx.events["CaseOpened"]) == {
            "series": case.lease.series,
            "holder": case.holder,
            "agentClaim": agent_claim,
        }

    def test_open__vouchers_of_both__still_pay(self, case: Case) -> None:
        case.open()
        case.lease.redeem(5_000)
        case.lease.redeem(5_000, missed_intervals=1)
        case.lease.redeem(5_000, missed_intervals=1, is_final=True)
        assert case.lease.position()[4:] == (CASE | FINAL, 1)

    def test_open__close__waits_however_long(self, case: Case) -> None:
        case.open()
        case.lease.redeem(5_000, is_final=True)
        chain.mine(timestamp=case.lease.end + 365 * 24 * HOUR)
        before = case.bourse.state(case.lease.key)
        outcome = case.bourse.close(case.lease.key)
        assert outcome.reasons == (reason("CaseOpen"),)
        assert case.bourse.state(case.lease.key) == before
        case.settle()
        assert case.bourse.close(case.lease.key).reasons == (OK,)

    def test_settle__usage_found__paid_like_a_voucher(self, case: Case) -> None:
        case.lease.redeem(1_000)
        case.open(agent_claim=True)
        tx = case.settle(1_000_001)
        payment = payment_down(1_000_001, PRICE // TICK) - payment_down(1_000, PRICE // TICK)
        redeemed = tx.events["Redeemed"]
        assert (redeemed["payment"], redeemed["fee"]) == (payment, share_down(payment, FEE_BPS))
        assert not redeemed["isFinal"]
        assert tx.return_value == payment
        assert case.lease.position()[2:] == (1_000_001, case.lease.end, AGENT_CLAIMED, 0)
        assert dict(tx.events["CaseSettled"]) == {
            "series": case.lease.series,
            "holder": case.holder,
            "flags": 0,
            "missedIntervals": 0,
        }
        bourse = case.bourse
        assert bourse.market.totalHeld() == accounted(bourse, case.lease.key)

    @pytest.mark.parametrize("used", [0, 4_999, 5_000])
    def test_settle__no_more_than_paid__pays_nothing(self, case: Case, used: int) -> None:
        case.lease.redeem(5_000)
        case.open()
        before = (case.bourse.balance("provider"), case.bourse.balance("buyer"))
        tx = case.settle(used)
        assert "Redeemed" not in tx.events
        assert before == (case.bourse.balance("provider"), case.bourse.balance("buyer"))
        assert case.lease.position()[2] == 5_000

    def test_settle__more_than_elapsed__capped(self, case: Case) -> None:
        case.open()
        tx = case.settle(2**64 - 1)
        elapsed = (tx.timestamp - case.lease.start) * 1000
        assert case.lease.position()[2] == elapsed

    def test_settle__more_than_the_window__capped_at_its_cost(self, case: Case) -> None:
        case.open()
        case.lease.until(3 * HOUR)
        case.settle(2**64 - 1)
        assert case.lease.position()[2] == HOUR * 1000
        paid = case.bourse.balance("provider") + case.bourse.balance("treasury") - 50 * USD
        assert paid == PRICE

    def test_settle__before_the_start__pays_nothing(self, bourse: Bourse) -> None:
        lease = lease_on(bourse, start=bourse.next_hour())
        by = acting(bourse.arbitration)
        bourse.market.settleCase(lease.series, bourse.address("buyer"), 5, 0, 0, by)
        assert lease.position()[2] == 0

    @pytest.mark.parametrize("flags", [FINAL, FAULT, FINAL | FAULT])
    def test_settle__fault__flags_and_missed_written(self, case: Case, flags: int) -> None:
        case.open()
        tx = case.settle(0, 9, flags)
        assert case.lease.position()[4:] == (flags, 9)
        event = tx.events["CaseSettled"]
        assert (event["flags"], event["missedIntervals"]) == (flags, 9)
        case.settle(0, 0, 0)
        assert case.lease.position()[4:] == (flags, 0)

    def test_settle__final__closes_at_once_and_takes_no_voucher(self, case: Case) -> None:
        case.open()
        case.settle(0, 0, FINAL | FAULT)
        again = case.bourse.redeem(case.lease.signed(5))
        assert again.reasons == (reason("PositionFinal"),)
        case.lease.close()


class TestShorten:
    @pytest.fixture
    def long(self, bourse: Bourse) -> Lease:
        """Three devices for five hours from the next full hour but one."""
        return lease_on(bourse, start=bourse.next_hour(), duration=5 * HOUR, milli=3000)

    def shorten(self, lease: Lease, end: int) -> Any:
        bourse = lease.bourse
        by = acting(bourse.arbitration)
        return bourse.market.shorten(lease.series, bourse.address("buyer"), end, by)

    @pytest.mark.parametrize(
        ("end", "sold"),
        [
            (3 * HOUR, [3, 3, 3, 0, 0]),
            (3 * HOUR - 1, [3, 3, 3, 0, 0]),
            (2 * HOUR + 1, [3, 3, 3, 0, 0]),
            (2 * HOUR, [3, 3, 0, 0, 0]),
            (5 * HOUR - 1, [3, 3, 3, 3, 3]),
            (0, [0, 0, 0, 0, 0]),
        ],
    )
    def test_shorten__later_hours__free_at_once(
        self, long: Lease, end: int, sold: list[int]
    ) -> None:
        tx = self.shorten(long, long.start + end)
        assert long.position() == (15_000, 3000, 0, long.start + end, CUT, 0)
        assert lanes(long.bourse, long.start, 5) == sold
        assert dict(tx.events["Shortened"]) == {
            "series": long.series,
            "holder": long.bourse.address("buyer"),
            "end": long.start + end,
        }

    def test_shorten__twice_then_close__each_hour_freed_once(self, long: Lease) -> None:
        bourse = long.bourse
        beside = lease_on(bourse, start=long.start, duration=5 * HOUR, holder="other")
        self.shorten(long, long.start + 3 * HOUR)
        self.shorten(long, long.start + HOUR + 1800)
        assert lanes(bourse, long.start, 5) == [4, 4, 1, 1, 1]
        long.until(HOUR + 60)
        long.redeem(3_000, is_final=True)
        long.close()
        assert lanes(bourse, long.start, 5) == [4, 1, 1, 1, 1]
        assert bourse.market.totalHeld() == accounted(bourse, beside.key)

    @pytest.mark.parametrize("late", [0, 1, HOUR])
    def test_shorten__not_earlier__refused(self, long: Lease, late: int) -> None:
        before = long.bourse.state(long.key)
        with reverts("WindowCut", long.end + late, long.end):
            self.shorten(long, long.end + late)
        assert long.bourse.state(long.key) == before

    def test_shorten__usage__capped_at_the_new_end(self, long: Lease) -> None:
        self.shorten(long, long.start + HOUR)
        long.until(2 * HOUR)
        over = long.bourse.redeem(long.signed(3 * HOUR * 1000 + 1))
        assert over.reasons == (reason("MoreThanElapsed"),)
        long.redeem(3 * HOUR * 1000)
        chain.mine(timestamp=long.start + HOUR + 24 * HOUR + 1)
        long.close()
        assert long.bourse.balance("buyer") == 1000 * USD - 6 * USD
