"""`claimNoShow` and `answer`: the holder says that nobody serves."""

from __future__ import annotations

import pytest
from arbiters import (
    AGENT_CLAIMED,
    CASE,
    DISPUTE_FEE,
    EVIDENCE,
    NO_EVIDENCE,
    NO_SHOW,
    RESPONSE,
    ROLE_BOND,
    VERDICT,
    Court,
    Lease,
    at,
    bond_of,
    paid,
)
from bourse import HOUR, PRICE, REDEEM_GRACE
from brownie import chain


class TestClaim:
    def test_claim_no_show__nothing_used__bond_is_a_fifth_of_the_cost(self, court: Court) -> None:
        lease = court.running()
        bond = PRICE // 5
        assert court.moved(lambda: court.no_show(lease)) == {"buyer": -bond, "court": bond}
        buyer, deadline = court.bourse.address("buyer"), chain[-1].timestamp + RESPONSE
        assert tuple(court.case(lease)) == (
            1, NO_SHOW, False, False, deadline, 0, 0, buyer, bond, DISPUTE_FEE, ROLE_BOND,
        )  # fmt: skip
        assert court.flags(lease) == CASE

    def test_claim_no_show__partly_used__bond_of_the_rest(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, 100_001)
        bond = bond_of(PRICE - paid(100_001))
        assert bond > DISPUTE_FEE
        tx = court.no_show(lease)
        assert dict(tx.events["NoShowClaimed"]) == {
            "series": lease.series,
            "holder": court.bourse.address("buyer"),
            "number": 1,
            "claimant": court.bourse.address("buyer"),
            "bond": bond,
            "evidence": "0x" + EVIDENCE.hex(),
            "deadline": tx.timestamp + RESPONSE,
        }

    def test_claim_no_show__nearly_all_used__bond_is_the_fee(self, court: Court) -> None:
        lease = court.running()
        at(lease.end)
        court.redeem(lease, HOUR * 1000 - 1)
        assert court.moved(lambda: court.no_show(lease))["buyer"] == -DISPUTE_FEE

    def test_claim_no_show__released__bond_of_what_is_left(self, court: Court) -> None:
        lease = court.running(price=10 * PRICE)
        tx = court.release(lease)
        bond = bond_of(paid((tx.timestamp - lease.start) * 1000, 10 * PRICE))
        assert DISPUTE_FEE < bond < 2 * PRICE
        assert court.moved(lambda: court.no_show(lease))["buyer"] == -bond

    def test_claim_no_show__by_delegate__the_delegate_pays(self, court: Court) -> None:
        lease = court.running()
        delegate = court.bourse.address("delegate")
        court.bourse.market.setDelegate(delegate, court.bourse.sends("buyer"))
        assert court.moved(lambda: court.no_show(lease, by="delegate"))["delegate"] == -PRICE // 5
        assert court.case(lease)[7] == delegate

    def test_claim_no_show__last_second_of_grace__allowed_and_keeps_open(
        self, court: Court
    ) -> None:
        lease = court.lease()
        at(lease.end + REDEEM_GRACE - 5)
        court.no_show(lease)
        chain.sleep(100)
        assert "CloseSkipped" in court.bourse.close((lease.series, "buyer")).events

    def test_claim_no_show__second_case__has_the_next_number(self, court: Court) -> None:
        lease = court.lease(duration=100 * HOUR, price=PRICE // 10)
        at(lease.start + 60)
        court.claim(lease, 5)
        chain.sleep(RESPONSE)
        court.resolve(lease)
        court.no_show(lease)
        assert court.call.caseNumberOf(*court.key(lease)) == 2


class TestClaimRefused:
    def test_claim_no_show__no_evidence__refused(self, court: Court) -> None:
        lease = court.running()
        court.refused(lease, lambda: court.no_show(lease, evidence=NO_EVIDENCE), "NoEvidence")

    @pytest.mark.parametrize("by", ["stranger", "provider", "delegate"])
    def test_claim_no_show__foreign_caller__refused(self, court: Court, by: str) -> None:
        lease = court.running()
        values = (court.bourse.address("buyer"), court.bourse.address(by))
        court.refused(lease, lambda: court.no_show(lease, by=by), "OnlyHolder", *values)

    def test_claim_no_show__no_position__refused(self, court: Court) -> None:
        lease = court.running()
        foreign = Lease(lease.series, "other", lease.start, lease.end)
        court.refused(foreign, lambda: court.no_show(foreign), "NoPosition")

    def test_claim_no_show__final__refused(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, 5, is_final=True)
        court.refused(lease, lambda: court.no_show(lease), "PositionFinal", *court.key(lease))

    def test_claim_no_show__case_open__refused(self, court: Court) -> None:
        lease = court.running()
        court.no_show(lease)
        court.refused(lease, lambda: court.no_show(lease), "CaseOpen", *court.key(lease))

    def test_claim_no_show__not_started__refused(self, court: Court) -> None:
        lease = court.lease(start=chain.time() + HOUR)
        court.refused(lease, lambda: court.no_show(lease), "NotStarted")

    def test_claim_no_show__after_grace__refused(self, court: Court) -> None:
        lease = court.lease()
        at(lease.end + REDEEM_GRACE + 1)
        court.refused(lease, lambda: court.no_show(lease), "ClaimTooLate")

    def test_claim_no_show__no_money__refused(self, court: Court) -> None:
        lease = court.running()
        balance = court.bourse.balance("buyer")
        court.bourse.market.withdraw(
            court.bourse.address("buyer"), balance, court.bourse.sends("buyer")
        )
        court.refused(lease, lambda: court.no_show(lease), "InsufficientBalance", 0, PRICE // 5)


class TestAnswer:
    def test_answer__plain__disputes(self, court: Court) -> None:
        lease = court.running()
        court.no_show(lease)
        assert court.moved(lambda: court.answer(lease)) == {}
        case = court.case(lease)
        assert (case[2], case[4], case[5], case[6]) == (True, chain[-1].timestamp + VERDICT, 0, 0)
        assert court.flags(lease) == CASE

    def test_answer__by_agent_with_claim__claims_usage(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, 70)
        court.no_show(lease)
        tx = court.answer(lease, 999_999_999, by="agent")
        assert (court.case(lease)[5], court.case(lease)[6]) == (70, 300_070)
        assert court.flags(lease) == CASE | AGENT_CLAIMED
        assert dict(tx.events["Answered"]) == {
            "series": lease.series,
            "holder": court.bourse.address("buyer"),
            "number": 1,
            "target": 300_070,
            "evidence": "0x" + EVIDENCE.hex(),
            "deadline": tx.timestamp + VERDICT,
        }

    def test_answer__no_arbiters__resolved_at_once_with_half(self, court: Court) -> None:
        lease = court.running(terms=court.silent_terms)
        court.no_show(lease)
        court.answer(lease, 100_001)
        moved = court.moved(lambda: court.resolve(lease))
        fee = paid(50_000) // 100
        assert court.used(lease) == 50_000
        assert moved == {
            "buyer": PRICE // 5,
            "court": -PRICE // 5,
            "provider": paid(50_000) - fee,
            "treasury": fee,
        }


class TestAnswerRefused:
    def test_answer__no_evidence__refused(self, court: Court) -> None:
        lease = court.running()
        court.no_show(lease)
        court.refused(lease, lambda: court.answer(lease, evidence=NO_EVIDENCE), "NoEvidence")

    def test_answer__no_position__refused(self, court: Court) -> None:
        lease = court.running()
        foreign = Lease(lease.series, "other", lease.start, lease.end)
        court.refused(foreign, lambda: court.answer(foreign), "NoPosition")

    @pytest.mark.parametrize("by", ["stranger", "buyer"])
    def test_answer__foreign_caller__refused(self, court: Court, by: str) -> None:
        lease = court.running()
        court.no_show(lease)
        court.refused(lease, lambda: court.answer(lease, by=by), "OnlyProvider")

    def test_answer__nothing_open_or_answered__refused(self, court: Court) -> None:
        lease = court.running()
        court.refused(lease, lambda: court.answer(lease), "WrongStage", 0, False)
        court.no_show(lease)
        court.answer(lease)
        court.refused(lease, lambda: court.answer(lease), "WrongStage", 2, True)

    def test_answer__usage_claim__refused(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 5)
        court.refused(lease, lambda: court.answer(lease), "WrongStage", 1, False)

    def test_answer__too_late__refused(self, court: Court) -> None:
        lease = court.running()
        court.no_show(lease)
        at(court.case(lease)[4])
        court.refused(lease, lambda: court.answer(lease), "StageOver", court.case(lease)[4], ...)

    def test_answer__voucher_of_another_lease__refused(self, court: Court) -> None:
        lease, other = court.lease(), court.running("other")
        court.no_show(lease)
        values = (other.series, court.bourse.address("other"))
        court.refused(lease, lambda: court.answer(lease, 5, of=other), "OtherLease", *values)

    def test_answer__claim_spent__refused_with_and_allowed_without(self, court: Court) -> None:
        lease = court.lease(duration=100 * HOUR, price=PRICE // 10)
        at(lease.start + 60)
        court.claim(lease, 5)
        chain.sleep(RESPONSE)
        court.resolve(lease)
        court.no_show(lease)
        court.refused(lease, lambda: court.answer(lease, 6), "AgentClaimSpent", *court.key(lease))
        court.answer(lease)

    def test_answer__claims_nothing__refused(self, court: Court) -> None:
        lease = court.running()
        court.no_show(lease)
        court.refused(lease, lambda: court.answer(lease, 0), "NothingClaimed", 0, 0, 300_000)
