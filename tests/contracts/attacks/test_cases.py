"""What cases, verdicts, releases and interruptions are worth to somebody who lies in them."""

from __future__ import annotations

import pytest
from arbiters import (
    ARBITERS,
    DISPUTE_FEE,
    FAULTY,
    FRAUD,
    HONEST,
    PROVIDER_BOND,
    Court,
    Lease,
    at,
    bond_of,
    paid,
)
from attacks.loot import THIEF, money, refusal, sent, unharmed
from bourse import HOUR, OK, PRICE, REDEEM_GRACE, Fill, terms
from brownie import chain
from counting import lanes
from words import reason

from contracts.bindings.tuples import as_tuple
from contracts.protocol.hashing import keccak
from contracts.protocol.series import Series

USED = 1_800_000
MOST = 300_000
"""GPU-ms that the agent alone may claim: five intervals of a minute."""
FEE = DISPUTE_FEE // 2 * 2
"""What two arbiters get."""


def dispute(court: Court, lease: Lease) -> int:
    """A no-show claim, answered; returns its bond."""
    court.no_show(lease)
    court.answer(lease)
    return int(court.case(lease)[8])


class TestBribedArbiters:
    def test_with_the_holder__take_back_what_the_lease_paid_and_no_more(self, court: Court) -> None:
        """Served and paid in full, then called a fraud: the loss is one lease's payment out of its
        share of the bond, once."""
        lease = court.lease(THIEF)
        at(lease.end)
        court.redeem(lease, 1000 * HOUR)
        dispute(court, lease)
        bond = int(court.case(lease)[8])
        gains = money(court, lambda: court.decide(lease, FRAUD), lease)
        each = DISPUTE_FEE // 2
        assert gains == {
            THIEF: PRICE + bond,
            "arbiter1": each,
            "arbiter2": each,
            "court": -bond,
            "bond of provider": -PRICE - FEE,
        }
        with unharmed(court):
            again = ("claimNoShow", *court.key(lease), b"\1" * 32)
            assert refusal(court, THIEF, court.call, *again) == "PositionFinal"
            said = as_tuple(court.verdict(lease, FRAUD))
            signatures = [court.sign_verdict(court.verdict(lease, FRAUD), x) for x in ARBITERS[:2]]
            assert refusal(court, THIEF, court.call, "decide", said, signatures) == "NoCase"
        assert money(court, lambda: court.close(lease), lease) == {}

    def test_with_the_holder__of_the_dearest_lease__take_its_share_of_the_bond(
        self, court: Court
    ) -> None:
        lease = court.lease(THIEF, price=100 * PRICE)
        at(lease.end)
        court.redeem(lease, 1000 * HOUR)
        dispute(court, lease)
        court.decide(lease, FRAUD)
        left = sum(court.bourse.registry.bondOf(court.bourse.address("provider"))[:2])
        assert left == PROVIDER_BOND * 4 // 5

    def test_with_the_provider__get_ten_minutes_and_the_claim_bond_and_no_more(
        self, court: Court
    ) -> None:
        """Nothing served: the agent claims all it can, the holder disputes, the court lies."""
        lease = court.running()
        court.claim(lease, 2**63)
        bond = bond_of(paid(MOST))
        court.challenge(lease)
        cost = paid(MOST)
        gains = money(court, lambda: court.decide(lease, HONEST), lease)
        assert gains == {
            "provider": cost - cost // 100 + bond - FEE,
            "treasury": cost // 100,
            "arbiter1": FEE // 2,
            "arbiter2": FEE // 2,
            "court": -bond,
            "escrow": -cost,
        }
        voucher = court.voucher(lease, 2**63)
        again = ("claimUsage", as_tuple(voucher), court.bourse.sign(voucher, "agent"))
        with unharmed(court):
            assert refusal(court, "provider", court.call, *again) == "AgentClaimSpent"


class TestTwice:
    def test_case__decided_resolved_proven_and_closed__pays_once(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, USED)
        dispute(court, lease)
        verdict = court.verdict(lease, FRAUD)
        signatures = [court.sign_verdict(verdict, name) for name in ARBITERS[:2]]
        court.decide(lease, FRAUD)
        pair = (court.receipt(lease), court.receipt(lease, samples_root=keccak(b"2")))
        proof = ("proveReceipts", *court.signed_receipts(*pair))
        signed = court.bourse.signed(
            court.voucher(lease, USED + 1, missed_intervals=1), agent="agent"
        )
        with unharmed(court):
            decided = ("decide", as_tuple(verdict), signatures)
            assert refusal(court, THIEF, court.call, *decided) == "NoCase"
            assert refusal(court, THIEF, court.call, "resolve", *court.key(lease)) == "NoCase"
            assert refusal(court, THIEF, court.call, *proof) == "AlreadySlashed"
            assert court.bourse.redeem(signed).reasons == (reason("PositionFinal"),)
        rest = PRICE - paid(USED)
        assert money(court, lambda: court.close(lease), lease) == {"buyer": rest, "escrow": -rest}
        with unharmed(court):
            assert refusal(court, THIEF, court.call, *decided) == "NoCase"
            assert refusal(court, THIEF, court.call, *proof) == "NoPosition"
            assert court.bourse.close((lease.series, "buyer")).reasons == (reason("NoPosition"),)

    def test_verdict__of_the_first_case__does_not_end_the_second(self, court: Court) -> None:
        lease = court.running()
        dispute(court, lease)
        verdict = court.verdict(lease, HONEST)
        signatures = [court.sign_verdict(verdict, name) for name in ARBITERS[:2]]
        court.decide(lease, HONEST)
        dispute(court, lease)
        assert court.case(lease)[0] == 2
        with unharmed(court):
            decided = ("decide", as_tuple(verdict), signatures)
            assert refusal(court, THIEF, court.call, *decided) == "NoCase"

    def test_close__while_the_verdict_is_out__waits_and_fraud_finds_the_money(
        self, court: Court
    ) -> None:
        """A provider closes at the first moment that it can, so that fraud would come too late."""
        lease = court.running()
        court.redeem(lease, USED)
        at(lease.end + REDEEM_GRACE - 10)
        dispute(court, lease)
        at(lease.end + REDEEM_GRACE + 10)
        with unharmed(court):
            closed = court.bourse.close((lease.series, "buyer"), by="provider")
            assert closed.reasons == (reason("CaseOpen"),)
        gains = money(court, lambda: court.decide(lease, FRAUD), lease)
        assert gains["bond of provider"] == -PRICE - FEE
        assert gains["buyer"] == paid(USED) + bond_of(PRICE - paid(USED))


class TestGriefing:
    def test_holder__floods_with_no_shows__gets_its_bonds_back_and_nothing_else(
        self, court: Court
    ) -> None:
        """On terms without arbiters every round costs both sides their gas, and no money moves."""
        lease = court.running(THIEF, terms=court.silent_terms)

        def flood() -> None:
            for _ in range(3):
                dispute(court, lease)
                court.resolve(lease)

        assert money(court, flood, lease) == {}
        assert court.flags(lease) == 0

    def test_holder__floods_before_arbiters__pays_a_bond_each_time(self, court: Court) -> None:
        lease = court.running(THIEF)

        def flood() -> None:
            for _ in range(3):
                dispute(court, lease)
                court.decide(lease, HONEST)

        bond = bond_of(PRICE)
        assert money(court, flood, lease) == {
            THIEF: -3 * bond,
            "provider": 3 * (bond - FEE),
            "arbiter1": 3 * (FEE // 2),
            "arbiter2": 3 * (FEE // 2),
        }

    def test_provider__claims_on_everything__a_poor_holder_loses_ten_minutes_a_lease(
        self, court: Court
    ) -> None:
        """Residual: who has no bond to post cannot dispute, and the claim is paid."""
        lease = court.running(THIEF)
        court.bourse.market.withdraw(
            court.bourse.address(THIEF), court.bourse.balance(THIEF), court.bourse.sends(THIEF)
        )
        court.claim(lease, 2**63)
        shown = ("challenge", *court.key(lease), b"\1" * 32)
        with unharmed(court):
            assert refusal(court, THIEF, court.call, *shown) == "InsufficientBalance"
        at(court.case(lease)[4])
        cost = paid(MOST)
        gains = money(court, lambda: court.resolve(lease), lease)
        assert gains == {"provider": cost - cost // 100, "treasury": cost // 100, "escrow": -cost}

    def test_claim_bond__of_another__cannot_be_spent(self, court: Court) -> None:
        """Only who speaks for the holder disputes, and pays it from its own account."""
        lease = court.running()
        court.claim(lease, MOST)
        with unharmed(court):
            for name in (THIEF, "provider", "arbiter1", "stranger"):
                shown = (*court.key(lease), b"\1" * 32)
                assert refusal(court, name, court.call, "challenge", *shown) == "OnlyHolder"
                assert refusal(court, name, court.call, "claimNoShow", *shown) == "OnlyHolder"


class TestRelease:
    def test_provider__releases_right_after_a_late_fill__gets_a_minute_at_most(
        self, court: Court
    ) -> None:
        """A fill may start a minute ago. With terms of one interval of a second the provider may
        end the lease in the next block, and its agent alone may claim one second of it."""
        of = court.bourse
        quick = {"receipt_interval": 1, "unsigned_intervals": 1, "reservation_fee_bps": 1_000}
        of.registry.registerTerms(terms(**quick), of.sends("provider"))
        number = int(of.registry.termsCount())
        start = chain.time() - 50
        bid = of.bid(THIEF, max_reservation_fee_bps=1_000)
        outcome = of.fill(of.ask(terms=number), Fill(bid, start=start))
        assert outcome.reasons == ((OK,),)
        series = Series(start, HOUR, PRICE // 1000, 1000, number).id
        lease = Lease(series, THIEF, start, start + HOUR)

        def plot() -> None:
            court.release(lease)
            court.claim(lease, 2**63)
            at(court.case(lease)[4])
            court.resolve(lease)
            at(lease.end + REDEEM_GRACE)
            court.close(lease)

        gains = money(court, plot, lease)
        second = paid(1_000)
        kept = PRICE - gains[THIEF]
        # A tenth of at most a minute and a half that it stood ready, and a second.
        assert second <= kept <= second + paid(90_000) // 10
        assert gains["escrow"] == -PRICE

    @pytest.mark.parametrize("left", [700, 605])
    def test_provider__interrupts_just_before_the_end__gains_nothing_by_it(
        self, court: Court, left: int
    ) -> None:
        lease = court.lease()
        at(lease.end - left)
        used = (HOUR - left) * 1000
        court.redeem(lease, used)
        court.interrupt(lease)
        at(lease.end + REDEEM_GRACE)
        gains = money(court, lambda: court.close(lease), lease)
        end = lease.end - left + 600
        stood = paid((end - lease.start) * 1000 - used) // 10
        assert abs(gains["provider"] - stood) <= paid(10_000) // 10
        assert gains["buyer"] == PRICE - paid(used) - gains["provider"]

    def test_provider__interrupts_within_its_notice_of_the_end__refused(self, court: Court) -> None:
        lease = court.lease()
        at(lease.end - 600)
        with unharmed(court):
            interrupted = ("interrupt", *court.key(lease))
            assert refusal(court, "provider", court.call, *interrupted) == "LeaseOver"

    def test_provider__interrupts_under_a_no_show__shrinks_the_credit_to_what_it_owed(
        self, court: Court
    ) -> None:
        """Residual: the buyer accepted interruption at any time, an open case included."""
        lease = court.lease()
        at(lease.start + 5)
        court.no_show(lease)
        court.interrupt(lease)
        court.answer(lease)
        court.decide(lease, FAULTY)
        missed = court.missed(lease)
        assert missed == 10
        chain.mine(timestamp=lease.start + 61)
        gains = money(court, lambda: court.close(lease), lease)
        assert gains == {
            "buyer": PRICE + paid(600_000) // 2,
            "bond of provider": -(paid(600_000) // 2),
            "escrow": -PRICE,
        }

    def test_lanes__freed_by_a_release__are_freed_once(self, court: Court) -> None:
        lease = court.running(duration=3 * HOUR, milli=4000)
        start = lease.start
        court.release(lease)
        hours = lanes(court.bourse, start, 4)
        assert hours[1:] == [0, 0, 0] or hours[2:] == [0, 0]
        with unharmed(court):
            again = ("release", *court.key(lease), b"\1" * 32)
            assert refusal(court, "provider", court.call, *again) == "LeaseOver"
        close = court.bourse.market.close.encode_input([court.key(lease)])
        assert sent(court.bourse.market, close, court.bourse.address(THIEF)) == ""
        assert lanes(court.bourse, start, 4) == hours
