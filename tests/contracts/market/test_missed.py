"""Intervals that were not served: both sign them, and the bond pays for them at closing."""

from __future__ import annotations

from typing import Any

import pytest
from bourse import FEE_BPS, HOUR, OK, PRICE, REDEEM_GRACE, USD, Bourse
from brownie import chain
from counting import FAULT, FINAL, accounted, acting
from leases import INTERVAL, Lease, lease_on
from words import reason

from contracts.protocol.hashing import keccak
from contracts.protocol.units import TICK, payment_down, share_down

INTERVALS = HOUR // INTERVAL
ONE = INTERVAL * 1000
"""GPU-ms of an interval of one device."""
SLA_BPS = 2_501
SHARE = 50 * USD // 4
"""Of one device in the bond of four."""


def worth(gpu_ms: int) -> int:
    return payment_down(gpu_ms, PRICE // TICK)


@pytest.fixture
def lease(bourse: Bourse) -> Lease:
    """One device for an hour, half over, with a credit for missed intervals."""
    found = lease_on(bourse, sla_credit_bps=SLA_BPS)
    found.until(HOUR // 2)
    return found


def refused(lease: Lease, signed: Any, error: str) -> None:
    before = lease.bourse.state(lease.key)
    outcome = lease.bourse.redeem(signed)
    assert outcome.reasons == (reason(error),)
    assert str(outcome.events["RedeemSkipped"]["reason"]) == reason(error)
    assert len(outcome.events) == 1
    assert lease.bourse.state(lease.key) == before


class TestReported:
    def test_redeem__missed_by_both__noted_and_usage_paid(self, lease: Lease) -> None:
        outcome = lease.redeem(20 * ONE, missed_intervals=3)
        assert lease.position() == (1000, 1000, 20 * ONE, lease.end, 0, 3)
        assert dict(outcome.events["IntervalsMissed"]) == {
            "series": lease.series,
            "holder": lease.bourse.address("buyer"),
            "missedIntervals": 3,
        }
        assert outcome.events["Redeemed"]["payment"] == worth(20 * ONE)

    def test_redeem__missed_alone__pays_nothing_and_is_noted(self, lease: Lease) -> None:
        first = lease.redeem(0, missed_intervals=2)
        assert first.events["Redeemed"]["payment"] == 0
        lease.redeem(5 * ONE, missed_intervals=2)
        lease.redeem(5 * ONE, missed_intervals=4)
        assert lease.position()[2] == 5 * ONE
        assert lease.position()[5] == 4

    def test_redeem__missed_as_before__needs_the_holder_only(self, lease: Lease) -> None:
        lease.redeem(ONE, missed_intervals=2)
        outcome = lease.redeem(2 * ONE, missed_intervals=2, agent=None)
        assert "IntervalsMissed" not in outcome.events
        assert lease.position()[5] == 2

    def test_redeem__missed_and_final__both_noted(self, lease: Lease) -> None:
        lease.redeem(ONE, missed_intervals=1, is_final=True)
        assert lease.position()[4:] == (FINAL, 1)

    def test_redeem__missed_to_the_end__exactly_what_elapsed(self, lease: Lease) -> None:
        lease.until(2 * HOUR)
        over = lease.signed((INTERVALS - 7) * ONE + 1, missed_intervals=7)
        refused(lease, over, "MoreThanElapsed")
        lease.redeem((INTERVALS - 7) * ONE, missed_intervals=7)
        assert lease.position()[2] == (INTERVALS - 7) * ONE

    def test_redeem__every_interval_missed__taken(self, lease: Lease) -> None:
        lease.until(2 * HOUR)
        refused(lease, lease.signed(0, missed_intervals=INTERVALS + 1), "MoreThanElapsed")
        lease.redeem(0, missed_intervals=INTERVALS)

    def test_redeem__usage_after_an_outage__leaves_the_missed_time_out(self, lease: Lease) -> None:
        lease.redeem(0, missed_intervals=10)
        lease.until(2 * HOUR)
        rest = (INTERVALS - 10) * ONE
        over = lease.signed(rest + 1, missed_intervals=10, agent=None)
        refused(lease, over, "MoreThanElapsed")
        lease.redeem(rest, missed_intervals=10, agent=None)


class TestRefused:
    @pytest.mark.parametrize("agent", [None, "stranger", "provider", "buyer"])
    def test_redeem__missed_without_the_agent__refused(
        self, lease: Lease, agent: str | None
    ) -> None:
        refused(lease, lease.signed(ONE, missed_intervals=1, agent=agent), "BadSignature")

    @pytest.mark.parametrize("by", ["stranger", "agent", "provider"])
    def test_redeem__missed_without_the_holder__refused(self, lease: Lease, by: str) -> None:
        voucher = lease.voucher(ONE, missed_intervals=1)
        refused(lease, lease.bourse.signed(voucher, by=by, agent="agent"), "BadSignature")

    @pytest.mark.parametrize(
        ("used", "missed"), [(5 * ONE, 2), (6 * ONE, 2), (6 * ONE, 0), (5 * ONE, 3), (4 * ONE, 4)]
    )
    def test_redeem__either_total_shrinks_or_both_repeat__refused(
        self, lease: Lease, used: int, missed: int
    ) -> None:
        lease.redeem(5 * ONE, missed_intervals=3)
        refused(lease, lease.signed(used, missed_intervals=missed), "VoucherNotNewer")

    @pytest.mark.parametrize("missed", [31, 2**16, 2**32 - 1])
    def test_redeem__missed_more_than_elapsed__refused(self, lease: Lease, missed: int) -> None:
        refused(lease, lease.signed(0, missed_intervals=missed), "MoreThanElapsed")

    def test_redeem__missed_after_final__refused(self, lease: Lease) -> None:
        lease.redeem(ONE, is_final=True)
        refused(lease, lease.signed(ONE, missed_intervals=1), "PositionFinal")


class TestCredit:
    @pytest.mark.parametrize("missed", [1, 7, 59, 60])
    def test_close__outage_of_k_of_n__pays_the_rest_and_credits(
        self, lease: Lease, missed: int
    ) -> None:
        bourse, used = lease.bourse, (INTERVALS - missed) * ONE
        lease.until(HOUR + 1)
        lease.redeem(used, missed_intervals=missed)
        payment = worth(used)
        assert payment == PRICE * (INTERVALS - missed) // INTERVALS
        outcome = lease.close_at_end()
        refund, credit = PRICE - payment, share_down(worth(missed * ONE), SLA_BPS)
        assert outcome.events["Closed"]["refund"] == refund
        assert bourse.balance("buyer") == 1000 * USD - payment + credit
        fee = share_down(payment, FEE_BPS)
        assert bourse.balance("provider") == 50 * USD + payment - fee
        assert bourse.balance("treasury") == fee
        assert bourse.registry.bondOf(bourse.address("provider"))[0] == 50 * USD - credit
        assert bourse.market.totalHeld() == accounted(bourse) == 2100 * USD

    def test_close__credit__events_say_it(self, lease: Lease) -> None:
        bourse = lease.bourse
        lease.redeem(0, missed_intervals=30)
        events = lease.close_at_end().events
        credit = share_down(PRICE // 2, SLA_BPS)
        assert dict(events["SlaCredited"]) == {
            "series": lease.series,
            "holder": bourse.address("buyer"),
            "provider": bourse.address("provider"),
            "amount": credit,
        }
        assert dict(events["CreditTaken"]) == {
            "provider": bourse.address("provider"),
            "amount": credit,
        }
        assert events["Closed"]["refund"] == PRICE

    def test_close__terms_promise_none__none(self, bourse: Bourse) -> None:
        lease = lease_on(bourse, sla_credit_bps=0)
        lease.until(HOUR)
        lease.redeem(0, missed_intervals=60)
        assert "SlaCredited" not in lease.close_at_end().events
        assert bourse.balance("buyer") == 1000 * USD

    def test_close__nothing_missed__none(self, lease: Lease) -> None:
        lease.redeem(ONE)
        assert "SlaCredited" not in lease.close_at_end().events

    def test_close__found_missed_by_a_case__capped_by_what_was_unused(self, lease: Lease) -> None:
        bourse = lease.bourse
        lease.redeem(20 * ONE)
        by = acting(bourse.arbitration)
        buyer = bourse.address("buyer")
        bourse.market.settleCase(lease.series, buyer, 0, 2**32 - 1, FINAL | FAULT, by)
        assert lease.position()[5] == 2**32 - 1
        events = lease.close().events
        assert events["SlaCredited"]["amount"] == share_down(worth(40 * ONE), SLA_BPS)
        assert bourse.market.totalHeld() == accounted(bourse)

    def test_close__fraud_found__no_credit_beside_the_slash(self, lease: Lease) -> None:
        """A case that writes zero takes the missed intervals back that both had signed."""
        bourse = lease.bourse
        lease.redeem(0, missed_intervals=5)
        by = acting(bourse.arbitration)
        bourse.market.settleCase(lease.series, bourse.address("buyer"), 0, 0, FINAL | FAULT, by)
        events = lease.close().events
        assert "SlaCredited" not in events
        assert bourse.balance("buyer") == 1000 * USD


class TestBondOfTheCredit:
    """A credit of 40 USD, the whole cost, against a bond of 50 USD for four devices."""

    @pytest.fixture
    def outage(self, bourse: Bourse) -> Lease:
        lease = lease_on(bourse, duration=20 * HOUR, sla_credit_bps=10_000)
        lease.until(20 * HOUR + 1)
        lease.redeem(0, missed_intervals=20 * INTERVALS)
        return lease

    def bond(self, bourse: Bourse) -> tuple[int, int]:
        bonded, unbonding = bourse.registry.bondOf(bourse.address("provider"))[:2]
        return int(bonded), int(unbonding)

    def credited(self, outage: Lease) -> int:
        outcome = outage.close_at_end()
        assert outcome.events["Closed"]["refund"] == 40 * USD
        credit = int(outcome.events["SlaCredited"]["amount"])
        assert outage.bourse.balance("buyer") == 1000 * USD + credit
        assert outage.bourse.market.totalHeld() == accounted(outage.bourse)
        return credit

    def test_credit__over_the_share_of_the_lease__capped(self, outage: Lease) -> None:
        assert self.credited(outage) == SHARE
        assert self.bond(outage.bourse) == (50 * USD - SHARE, 0)

    def test_credit__two_leases__each_its_share_of_what_is_left(self, outage: Lease) -> None:
        bourse = outage.bourse
        second = lease_on(bourse, duration=20 * HOUR, holder="other", sla_credit_bps=10_000)
        second.until(20 * HOUR + 1)
        second.redeem(0, missed_intervals=20 * INTERVALS)
        outage.close_at_end()
        second.close_at_end()
        assert bourse.balance("buyer") == 1000 * USD + SHARE
        assert bourse.balance("other") == 1000 * USD + (50 * USD - SHARE) // 4

    def test_credit__everything_unbonding__taken_all_the_same(self, outage: Lease) -> None:
        bourse = outage.bourse
        bourse.registry.requestUnbonding(50 * USD, bourse.sends("provider"))
        assert self.credited(outage) == SHARE
        assert self.bond(bourse) == (0, 50 * USD - SHARE)

    def test_credit__little_bonded__rest_from_what_unbonds(self, outage: Lease) -> None:
        bourse = outage.bourse
        bourse.registry.requestUnbonding(45 * USD, bourse.sends("provider"))
        assert self.credited(outage) == SHARE
        assert self.bond(bourse) == (0, 50 * USD - SHARE)

    def test_credit__bond_empty__refund_all_the_same(self, outage: Lease) -> None:
        bourse = outage.bourse
        provider, victim = bourse.address("provider"), bourse.address("other")
        by, evidence = acting(bourse.arbitration), keccak(b"evidence")
        bourse.registry.slash(provider, 50 * USD, victim, 50 * USD, evidence, by)
        assert self.credited(outage) == 0
        assert self.bond(bourse) == (0, 0)

    def test_credit__bond_grown__share_of_the_new_one(self, outage: Lease) -> None:
        bourse = outage.bourse
        bourse.market.bond(50 * USD, bourse.sends("provider"))
        assert self.credited(outage) == 2 * SHARE

    def test_credit__more_devices__smaller_share(self, outage: Lease) -> None:
        bourse = outage.bourse
        bourse.attest(*(bourse.attestation(f"GPU-MORE-{i}") for i in range(3)))
        assert self.credited(outage) == 50 * USD // 7


def test_redeem__replaced_agent__signs_missed_for_the_grace_only(lease: Lease) -> None:
    bourse = lease.bourse
    bourse.registry.setAgent(bourse.address("rival"), bourse.sends("provider"))
    assert bourse.redeem(lease.signed(0, missed_intervals=1, agent="agent")).reasons == (OK,)
    chain.mine(timestamp=chain.time() + REDEEM_GRACE + 5)
    refused(lease, lease.signed(0, missed_intervals=2, agent="agent"), "BadSignature")
    assert bourse.redeem(lease.signed(0, missed_intervals=2, agent="rival")).reasons == (OK,)
