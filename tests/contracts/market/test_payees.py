"""Batches over leases of several providers: each gets its own, whatever the order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from bourse import FEE_BPS, HOUR, OK, PRICE, USD, Bourse, Fill, terms
from brownie import chain
from counting import accounted
from leases import Lease

from contracts.protocol.units import TICK, payment_down, share_down

RESERVATION_BPS = 1_234


def worth(gpu_ms: int) -> int:
    return payment_down(gpu_ms, PRICE // TICK)


def net(payment: int) -> int:
    return payment - share_down(payment, FEE_BPS)


@dataclass
class Two:
    """Leases of the buyer: of the provider twice, of the rival between."""

    bourse: Bourse
    leases: list[Lease]

    def check(self, provider: int, rival: int) -> None:
        """What each has earned."""
        bourse = self.bourse
        earned = (bourse.balance("provider") - 50 * USD, bourse.balance("rival") - 50 * USD)
        assert earned == (provider, rival)


@pytest.fixture
def two(bourse: Bourse) -> Two:
    rival = bourse.sends("rival")
    bourse.registry.register(bourse.address("delegate"), rival)
    bourse.attest(*(bourse.attestation(f"GPU-R{i}", owner="rival") for i in range(2)))
    bourse.pay_in("rival", 100 * USD)
    bourse.market.bond(50 * USD, rival)
    start, leases = chain.time() + 30, []
    for seller in ("provider", "rival", "provider"):
        promise = terms(reservation_fee_bps=RESERVATION_BPS)
        bourse.registry.registerTerms(promise, bourse.sends(seller))
        on = replace(bourse, terms=int(bourse.registry.termsCount()))
        bid = on.bid(max_reservation_fee_bps=RESERVATION_BPS)
        ask = on.ask(seller=bourse.address(seller))
        assert on.fill(ask, Fill(bid, start=start)).reasons == ((OK,),)
        leases.append(Lease(on, on.series(start=start), start, start + HOUR, 1000))
    chain.mine(timestamp=start + HOUR + 1)
    return Two(bourse, leases)


def test_redeem__providers_in_turn__each_paid_its_own(two: Two) -> None:
    first, second, third = two.leases
    batch = [first.signed(1_801), second.signed(77_777), third.signed(5), first.signed(3_601)]
    assert two.bourse.redeem(*batch).reasons == (OK,) * 4
    parts = (worth(1_801), worth(3_601) - worth(1_801), worth(5))
    two.check(sum(net(part) for part in parts), net(worth(77_777)))
    fees = [share_down(part, FEE_BPS) for part in (*parts, worth(77_777))]
    assert two.bourse.balance("treasury") == sum(fees)
    held = [lease.key for lease in two.leases]
    assert two.bourse.market.totalHeld() == accounted(two.bourse, *held)


def test_redeem__refused_between_two__changes_nobodys_money(two: Two) -> None:
    first, second, _ = two.leases
    bad = second.bourse.signed(second.voucher(9_000), by="stranger")
    outcome = two.bourse.redeem(first.signed(7_200), bad, first.signed(14_400))
    assert [reason == OK for reason in outcome.reasons] == [True, False, True]
    two.check(net(worth(7_200)) * 2, 0)


def test_redeem__final_of_another_provider__needs_that_ones_agent(two: Two) -> None:
    first, second, _ = two.leases
    wrong = second.signed(9_000, agent="agent", is_final=True)
    right = second.signed(9_000, agent="delegate", is_final=True)
    outcome = two.bourse.redeem(first.signed(9_000, is_final=True), wrong, right)
    assert [reason == OK for reason in outcome.reasons] == [True, False, True]


def test_close__providers_in_turn__each_gets_its_reservation_fee(two: Two) -> None:
    for lease, used in zip(two.leases, (0, 1_234_567, 3_600_000), strict=True):
        if used:
            assert two.bourse.redeem(lease.signed(used)).reasons == (OK,)
    chain.mine(timestamp=two.leases[0].end + 24 * HOUR + 1)
    outcome = two.bourse.close(*(lease.key for lease in two.leases))
    assert outcome.reasons == (OK,) * 3
    fees = [share_down(worth(3_600_000 - used), RESERVATION_BPS) for used in (0, 1_234_567)]
    two.check(fees[0] + net(PRICE), fees[1] + net(worth(1_234_567)))
    spent = PRICE + worth(1_234_567) + sum(fees)
    assert two.bourse.balance("buyer") == 1000 * USD - spent
    assert two.bourse.market.totalHeld() == accounted(two.bourse)


def test_close__provider_that_holds_its_own_lease__paid_twice_over(two: Two) -> None:
    """Refund and fee go to one account in one batch."""
    bourse, second = two.bourse, two.leases[1]
    on = second.bourse
    start = on.next_hour()
    bid = on.bid("rival", max_reservation_fee_bps=RESERVATION_BPS)
    fill = Fill(bid, start=start)
    assert on.fill(on.ask(seller=on.address("rival")), fill).reasons == ((OK,),)
    series = on.series(start=start)
    chain.mine(timestamp=start + 26 * HOUR)
    assert bourse.close((series, "rival"), second.key).reasons == (OK, OK)
    two.check(0, share_down(PRICE, RESERVATION_BPS))
