"""One who is provider and buyer, operator and maker, culprit and prover at once.

Nobody sees who stands behind two keys, so such pairs are not refused: the tests say what they get.
It is never money of anybody else. What a pair can do is take its own bond out early."""

from __future__ import annotations

import pytest
from arbiters import (
    DISPUTE_FEE,
    FRAUD,
    PROVIDER_BOND,
    ROLE_BOND,
    SHARE,
    VERDICT,
    Court,
    Lease,
    at,
    paid,
)
from attacks.loot import THIEF, money, refusal, unharmed
from bourse import HOUR, OK, PRICE, REDEEM_GRACE, USD, Fill, terms
from brownie import chain
from words import reason

from contracts.bindings.tuples import as_tuple
from contracts.protocol.hashing import keccak
from contracts.protocol.typed_data import AcknowledgedAction, Acknowledgement, Verdict

DEAR = 10 * USD
"""At this price four GPU-hours cost what four fifths of the devices may lose of the bond."""
FOUR_FIFTHS = PROVIDER_BOND * 4 // 5
WHOLE = 4_000 * HOUR
"""GPU-ms of four devices in an hour."""


def convict(court: Court, lease: Lease) -> None:
    """The agent signs two contents under one sequence, and somebody shows them."""
    pair = (court.receipt(lease), court.receipt(lease, samples_root=keccak(b"other")))
    court.call.proveReceipts(*court.signed_receipts(*pair), court.bourse.sends(THIEF))


def generous_terms(court: Court) -> int:
    """All of an outage comes back twice, counted in intervals of 36 seconds."""
    plain = {"sla_credit_bps": 10_000, "receipt_interval": 36, "unsigned_intervals": 1}
    court.bourse.registry.registerTerms(terms(**plain), court.bourse.sends("provider"))
    return int(court.bourse.registry.termsCount())


class TestBondTakenOut:
    """Open: rule 8 lets a lease take its share of the bond, and a pair makes leases of its own."""

    def test_pair__proves_its_own_agent_a_liar__bond_out_early_for_the_fee(
        self, court: Court
    ) -> None:
        provider = court.bourse.address("provider")
        victim = court.lease(start=court.bourse.next_hour(30))
        assert court.bourse.registry.leaseBond(provider, 1000) == SHARE

        def plot() -> None:
            own = court.lease(THIEF, milli=4000, price=DEAR)
            at(own.end)
            court.redeem(own, WHOLE)
            convict(court, own)

        fee = FOUR_FIFTHS // 100
        assert money(court, plot) == {
            "provider": FOUR_FIFTHS - fee,
            "treasury": fee,
            "bond of provider": -FOUR_FIFTHS,
        }
        # Whom it fools tomorrow gets a fifth of what it counted on.
        assert court.bourse.registry.leaseBond(provider, 1000) == SHARE // 5
        at(victim.end)
        court.redeem(victim, 1000 * HOUR)
        assert money(court, lambda: convict(court, victim)) == {
            "bond of provider": -SHARE // 5,
            "buyer": SHARE // 5,
        }

    def test_pair__calls_its_own_lease_missed__bond_out_in_a_minute_for_nothing(
        self, court: Court
    ) -> None:
        number = generous_terms(court)

        def plot() -> None:
            own = court.lease(THIEF, milli=4000, duration=72, price=50 * DEAR, terms=number)
            at(own.start + 73)
            court.redeem(own, 0, missed_intervals=2, is_final=True)
            court.close(own)

        assert money(court, plot) == {THIEF: FOUR_FIFTHS, "bond of provider": -FOUR_FIFTHS}
        requested = court.bourse.registry.bondOf(court.bourse.address("provider"))
        assert requested[1:3] == (0, 0)

    def test_pair__drains_below_the_minimum__sells_no_more(self, court: Court) -> None:
        number = generous_terms(court)
        shape = {"milli": 4000, "duration": 72, "price": 50 * DEAR, "terms": number}
        first = court.lease(THIEF, **shape)
        second = court.lease(THIEF, start=first.start + HOUR, **shape)
        for lease in (first, second):
            at(lease.start + 73)
            court.redeem(lease, 0, missed_intervals=2, is_final=True)
            court.close(lease)
        left = PROVIDER_BOND // 25
        provider = court.bourse.address("provider")
        assert tuple(court.bourse.registry.bondOf(provider))[:2] == (left, 0)
        assert left < 5_000 * 1_000
        outcome = court.bourse.fill(court.bourse.ask(terms=1), Fill(court.bourse.bid()))
        assert outcome.reasons == ((reason("BondTooLow"),),)

    def test_operator__fills_its_own_cancelled_bid__bond_out_early(self, court: Court) -> None:
        """The maker is the operator: its word and its bond go to itself."""
        of = court.bourse
        bid = of.bid(THIEF, filler=of.address("operator"))
        word = Acknowledgement(
            bytes.fromhex(of.digest(bid)[2:]), AcknowledgedAction.CANCELLED.value, 1, chain.time()
        )
        ask = of.ask(terms=1)
        chain.mine(timestamp=chain.time() + 5)
        start = of.next_hour()
        shape = {"start": start, "duration": 25 * HOUR}
        assert of.fill(ask, Fill(bid, **shape), by="operator").reasons == ((OK,),)

        def prove() -> None:
            signature = of.sign(word, "operator")
            court.call.proveCancelledBid(as_tuple(bid), as_tuple(word), signature, of.sends(THIEF))

        assert 25 * PRICE // 5 == ROLE_BOND
        assert money(court, prove) == {THIEF: ROLE_BOND, "bond of operator": -ROLE_BOND}

    @pytest.mark.parametrize("role", ["arbiter1", "auditor1"])
    def test_judge__proves_against_itself__loses_half(self, court: Court, role: str) -> None:
        lease = court.running()
        of, sender = court.bourse, court.bourse.sends(THIEF)

        def verdicts() -> None:
            said = [
                Verdict(lease.series, of.address("buyer"), 1, outcome, keccak(b"e"))
                for outcome in (1, 3)
            ]
            signed = [x for v in said for x in (as_tuple(v), court.sign_verdict(v, role))]
            court.call.proveVerdicts(*signed, sender)

        def attestations() -> None:
            said = [of.attestation("GPU-9", owner=name) for name in ("provider", THIEF)]
            signed = [
                x for a in said for x in (as_tuple(a), of.keys[role].sign(a, of.registry_domain))
            ]
            court.call.proveAttestations(*signed, sender)

        gains = money(court, verdicts if role == "arbiter1" else attestations)
        half = ROLE_BOND // 2
        assert gains == {THIEF: half, "burned": half, f"bond of {role}": -ROLE_BOND}


class TestTurnover:
    def test_pair__trades_with_itself__pays_fees_and_counts_for_nothing(self, court: Court) -> None:
        """Turnover, the one thing that a score could be farmed by, costs its fee."""
        before = tuple(court.bourse.registry.bondOf(court.bourse.address("provider")))

        def plot() -> None:
            for _ in range(3):
                own = court.lease(THIEF)
                at(own.end)
                court.redeem(own, 1000 * HOUR, is_final=True)
                court.close(own)

        fee = PRICE // 100
        gains = money(court, plot)
        assert gains == {THIEF: -3 * PRICE, "provider": 3 * (PRICE - fee), "treasury": 3 * fee}
        assert tuple(court.bourse.registry.bondOf(court.bourse.address("provider"))) == before

    def test_pair__buys_itself_and_never_uses__gets_its_own_money_back(self, court: Court) -> None:
        def plot() -> None:
            own = court.lease(THIEF, milli=4000)
            at(own.end + REDEEM_GRACE + 1)
            court.close(own)

        reserved = 4 * PRICE // 10
        assert money(court, plot) == {THIEF: -reserved, "provider": reserved}


class TestSharedBond:
    def test_two_victims__first_takes_its_share__second_the_share_of_the_rest(
        self, court: Court
    ) -> None:
        first, second = court.lease("buyer", price=DEAR), court.lease("other", price=DEAR)
        at(second.end)
        for lease in (first, second):
            court.redeem(lease, 1000 * HOUR)
        assert paid(1000 * HOUR, DEAR) == SHARE
        assert money(court, lambda: convict(court, first)) == {
            "buyer": SHARE,
            "bond of provider": -SHARE,
        }
        rest = (PROVIDER_BOND - SHARE) // 5
        assert money(court, lambda: convict(court, second)) == {
            "other": rest,
            "bond of provider": -rest,
        }

    def test_provider__unbonds_before_the_claim__bond_waits_for_the_last_second(
        self, court: Court
    ) -> None:
        lease = court.running()
        court.bourse.registry.requestUnbonding(PROVIDER_BOND, court.bourse.sends("provider"))
        at(lease.end)
        court.redeem(lease, 1800 * 1000)
        at(lease.end + REDEEM_GRACE - 5)
        court.no_show(lease)
        at(court.case(lease)[4] - 5)
        court.answer(lease)
        deadline = court.case(lease)[4]
        assert deadline - lease.end <= 2 * REDEEM_GRACE + VERDICT
        at(deadline - 5)
        ends = lease.end + 2 * REDEEM_GRACE + VERDICT

        def release() -> None:
            court.bourse.market.releaseBond(
                court.bourse.address("provider"), court.bourse.sends("provider")
            )

        with unharmed(court):
            early = ("releaseBond", court.bourse.address("provider"))
            refused = refusal(court, "provider", court.bourse.market, *early)
            assert refused == "UnbondingNotOver"
        court.decide(lease, FRAUD)
        at(ends)
        # The whole cost was slashed, half of it paid to the buyer, and the arbiters' fee.
        left = PROVIDER_BOND - PRICE - DISPUTE_FEE // 2 * 2
        assert money(court, release) == {"provider": left, "bond of provider": -left}
