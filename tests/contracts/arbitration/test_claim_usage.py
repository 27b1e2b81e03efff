"""`claimUsage` and `challenge`: the agent's word alone, once per lease."""

from __future__ import annotations

import pytest
from arbiters import (
    AGENT_CLAIMED,
    CASE,
    CHALLENGE,
    DISPUTE_FEE,
    EVIDENCE,
    INTERVAL,
    NO_EVIDENCE,
    ROLE_BOND,
    UNSIGNED,
    USAGE,
    VERDICT,
    Court,
    Lease,
    at,
    bond_of,
    paid,
)
from bourse import HOUR, REDEEM_GRACE, USD, ZERO
from brownie import chain

BEYOND = 1000 * INTERVAL * UNSIGNED
"""GPU-ms that the agent may claim beyond what was redeemed."""


class TestClaim:
    def test_claim_usage__nothing_redeemed__opens_a_case_and_pays_nothing(
        self, court: Court
    ) -> None:
        lease = court.running()
        before = court.balances()
        tx = court.claim(lease, 200_000)
        deadline = tx.timestamp + CHALLENGE
        assert tuple(court.case(lease)) == (
            1, USAGE, False, False, deadline, 0, 200_000, ZERO, 0, DISPUTE_FEE, ROLE_BOND,
        )  # fmt: skip
        assert court.flags(lease) == CASE | AGENT_CLAIMED
        assert court.balances() == before
        assert dict(tx.events["UsageClaimed"]) == {
            "series": lease.series,
            "holder": court.bourse.address("buyer"),
            "number": 1,
            "target": 200_000,
            "voucher": "0x" + court.voucher(lease, 200_000).hash_struct().hex(),
            "deadline": deadline,
        }

    @pytest.mark.parametrize("redeemed", [0, 100_001])
    def test_claim_usage__more_than_unsigned_intervals__bounded(
        self, court: Court, redeemed: int
    ) -> None:
        lease = court.running()
        if redeemed:
            court.redeem(lease, redeemed)
        court.claim(lease, 1_799_000)
        case = court.case(lease)
        assert (case[5], case[6]) == (redeemed, redeemed + BEYOND)

    def test_claim_usage__more_than_elapsed__bounded(self, court: Court) -> None:
        lease = court.lease()
        at(lease.start + 30)
        tx = court.claim(lease, 200_000)
        assert court.case(lease)[6] == (tx.timestamp - lease.start) * 1000

    def test_claim_usage__after_end__bounded_by_window(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, 1_750_000)
        at(lease.end + HOUR)
        court.redeem(lease, HOUR * 1000 - 5)
        court.claim(lease, 2**64 - 1)
        assert court.case(lease)[6] == HOUR * 1000

    @pytest.mark.parametrize("signed", [True, False])
    def test_claim_usage__missed_intervals__not_claimed_too(
        self, court: Court, signed: bool
    ) -> None:
        """Missed ones that both signed, and those that the agent itself admits."""
        lease = court.lease()
        at(lease.start + 200)
        if signed:
            court.redeem(lease, 0, missed_intervals=3)
        tx = court.claim(lease, 200_000, missed_intervals=0 if signed else 3)
        assert court.case(lease)[6] == (tx.timestamp - lease.start) * 1000 - 180_000

    def test_claim_usage__by_agent__allowed(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 5, by="agent")
        assert court.case(lease)[6] == 5

    def test_claim_usage__final_voucher__only_its_usage_counts(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 5, is_final=True)
        assert court.flags(lease) == CASE | AGENT_CLAIMED

    def test_claim_usage__replaced_agent_signed__counts_for_grace_only(self, court: Court) -> None:
        lease, late = court.running(), court.lease("other", duration=30 * HOUR)
        court.bourse.registry.setAgent(
            court.bourse.address("rival"), court.bourse.sends("provider")
        )
        court.claim(lease, 5)
        chain.sleep(REDEEM_GRACE + 5)
        court.refused(late, lambda: court.claim(late, 5), "BadSignature")
        court.claim(late, 5, agent="rival", by="rival")

    def test_claim_usage__last_second_of_grace__allowed(self, court: Court) -> None:
        lease = court.lease()
        at(lease.end + REDEEM_GRACE - 5)
        court.claim(lease, 5)

    def test_claim_usage__open__position_cannot_close(self, court: Court) -> None:
        lease = court.lease()
        at(lease.end + REDEEM_GRACE - 5)
        court.claim(lease, 5)
        chain.sleep(100)
        outcome = court.bourse.close((lease.series, "buyer"))
        assert "CloseSkipped" in outcome.events


class TestClaimRefused:
    def test_claim_usage__no_position__refused(self, court: Court) -> None:
        lease = court.running()
        foreign = Lease(lease.series, "other", lease.start, lease.end)
        values = (lease.series, court.bourse.address("other"))
        court.refused(foreign, lambda: court.claim(foreign, 5), "NoPosition", *values)

    @pytest.mark.parametrize("by", ["stranger", "buyer", "rival"])
    def test_claim_usage__foreign_caller__refused(self, court: Court, by: str) -> None:
        """A stranger could spend the one claim on an old, low voucher."""
        lease = court.running()
        values = (court.bourse.address("provider"), court.bourse.address(by))
        court.refused(lease, lambda: court.claim(lease, 5, by=by), "OnlyProvider", *values)

    def test_claim_usage__replaced_agent_calls__refused(self, court: Court) -> None:
        lease = court.running()
        court.bourse.registry.setAgent(
            court.bourse.address("rival"), court.bourse.sends("provider")
        )
        court.refused(lease, lambda: court.claim(lease, 5, by="agent"), "OnlyProvider")

    def test_claim_usage__final_position__refused(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, 5, is_final=True)
        court.refused(lease, lambda: court.claim(lease, 6), "PositionFinal", *court.key(lease))

    def test_claim_usage__case_open__refused(self, court: Court) -> None:
        lease = court.running()
        court.no_show(lease)
        court.refused(lease, lambda: court.claim(lease, 6), "CaseOpen", *court.key(lease))

    def test_claim_usage__not_started__refused(self, court: Court) -> None:
        lease = court.lease(start=chain.time() + HOUR)
        court.refused(lease, lambda: court.claim(lease, 6), "NotStarted")

    def test_claim_usage__after_grace__refused(self, court: Court) -> None:
        lease = court.lease()
        at(lease.end + REDEEM_GRACE + 1)
        court.refused(lease, lambda: court.claim(lease, 6), "ClaimTooLate")

    def test_claim_usage__second_claim__refused(self, court: Court) -> None:
        lease = court.lease(duration=30 * HOUR)
        at(lease.start + 60)
        court.claim(lease, 6)
        chain.sleep(CHALLENGE)
        court.resolve(lease)
        court.refused(lease, lambda: court.claim(lease, 7), "AgentClaimSpent", *court.key(lease))

    @pytest.mark.parametrize("agent", ["provider", "buyer", "stranger"])
    def test_claim_usage__not_signed_by_agent__refused(self, court: Court, agent: str) -> None:
        lease = court.running()
        values = (court.bourse.address("provider"), court.bourse.address(agent))
        court.refused(lease, lambda: court.claim(lease, 5, agent=agent), "BadSignature", *values)

    @pytest.mark.parametrize("used", [0, 699, 700])
    def test_claim_usage__not_above_redeemed__refused(self, court: Court, used: int) -> None:
        lease = court.running()
        court.redeem(lease, 700)
        values = (used, 700, 700 + BEYOND)
        court.refused(lease, lambda: court.claim(lease, used), "NothingClaimed", *values)

    def test_claim_usage__all_missed__refused(self, court: Court) -> None:
        lease = court.lease()
        at(lease.start + 100)
        court.refused(
            lease, lambda: court.claim(lease, 5, missed_intervals=100), "NothingClaimed", 5, 0, 0
        )


class TestChallenge:
    def test_challenge__small_claim__bond_is_the_fee(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 1_000)
        moved = court.moved(lambda: court.challenge(lease))
        assert moved == {"buyer": -DISPUTE_FEE, "court": DISPUTE_FEE}

    def test_challenge__large_claim__bond_is_a_fifth(self, court: Court) -> None:
        price = 40 * USD
        lease = court.running(price=price)
        court.claim(lease, 299_999)
        bond = bond_of(paid(299_999, price))
        assert bond > DISPUTE_FEE
        assert court.moved(lambda: court.challenge(lease)) == {"buyer": -bond, "court": bond}
        case = court.case(lease)
        assert (case[2], case[7], case[8]) == (True, court.bourse.address("buyer"), bond)
        assert case[4] == chain[-1].timestamp + VERDICT

    def test_challenge__part_paid_meanwhile__bond_of_the_rest(self, court: Court) -> None:
        price = 40 * USD
        lease = court.running(price=price)
        court.claim(lease, 299_999)
        court.redeem(lease, 7_777)
        bond = bond_of(paid(299_999, price) - paid(7_777, price))
        tx = court.challenge(lease)
        assert dict(tx.events["Challenged"]) == {
            "series": lease.series,
            "holder": court.bourse.address("buyer"),
            "number": 1,
            "claimant": court.bourse.address("buyer"),
            "bond": bond,
            "evidence": "0x" + EVIDENCE.hex(),
            "deadline": tx.timestamp + VERDICT,
        }

    def test_challenge__all_paid_meanwhile__bond_is_the_fee(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 1_000)
        court.redeem(lease, 2_000)
        assert court.moved(lambda: court.challenge(lease))["court"] == DISPUTE_FEE

    def test_challenge__by_delegate__the_delegate_pays(self, court: Court) -> None:
        lease = court.running()
        court.bourse.market.setDelegate(
            court.bourse.address("delegate"), court.bourse.sends("buyer")
        )
        court.claim(lease, 1_000)
        moved = court.moved(lambda: court.challenge(lease, by="delegate"))
        assert moved == {"delegate": -DISPUTE_FEE, "court": DISPUTE_FEE}

    def test_challenge__no_arbiters__resolved_at_once(self, court: Court) -> None:
        lease = court.running(terms=court.silent_terms)
        court.claim(lease, 1_001)
        court.challenge(lease)
        moved = court.moved(lambda: court.resolve(lease))
        assert moved["buyer"] == DISPUTE_FEE
        assert court.used(lease) == 500


class TestChallengeRefused:
    def test_challenge__no_evidence__refused(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 1_000)
        court.refused(lease, lambda: court.challenge(lease, evidence=NO_EVIDENCE), "NoEvidence")

    @pytest.mark.parametrize("by", ["stranger", "provider", "delegate"])
    def test_challenge__foreign_caller__refused(self, court: Court, by: str) -> None:
        lease = court.running()
        court.claim(lease, 1_000)
        values = (court.bourse.address("buyer"), court.bourse.address(by))
        court.refused(lease, lambda: court.challenge(lease, by=by), "OnlyHolder", *values)

    def test_challenge__no_position__refused(self, court: Court) -> None:
        lease = court.running()
        foreign = Lease(lease.series, "other", lease.start, lease.end)
        court.refused(foreign, lambda: court.challenge(foreign), "NoPosition")

    def test_challenge__nothing_open_or_challenged__refused(self, court: Court) -> None:
        lease = court.running()
        court.refused(lease, lambda: court.challenge(lease), "WrongStage", 0, False)
        court.claim(lease, 1_000)
        court.challenge(lease)
        court.refused(lease, lambda: court.challenge(lease), "WrongStage", 1, True)

    def test_challenge__no_show_claim__refused(self, court: Court) -> None:
        lease = court.running()
        court.no_show(lease)
        court.refused(lease, lambda: court.challenge(lease), "WrongStage", 2, False)

    def test_challenge__too_late__refused(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 1_000)
        at(court.case(lease)[4])
        court.refused(lease, lambda: court.challenge(lease), "StageOver", court.case(lease)[4], ...)

    def test_challenge__no_money__refused(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 1_000)
        balance = court.bourse.balance("buyer")
        court.bourse.market.withdraw(
            court.bourse.address("buyer"), balance - 7, court.bourse.sends("buyer")
        )
        court.refused(lease, lambda: court.challenge(lease), "InsufficientBalance", 7, DISPUTE_FEE)
