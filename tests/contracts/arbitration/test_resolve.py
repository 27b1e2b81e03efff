"""`resolve`: every case ends, whoever is silent, by anybody's call."""

from __future__ import annotations

import pytest
from arbiters import (
    AGENT_CLAIMED,
    AGREED,
    CHALLENGE,
    DISPUTE_FEE,
    FAULT,
    FINAL,
    INTERVAL,
    NO_EVIDENCE,
    RESPONSE,
    SILENT,
    UNANSWERED,
    UNCHALLENGED,
    VERDICT,
    Court,
    at,
    bond_of,
    paid,
)
from bourse import HOUR, PRICE, REDEEM_GRACE, START_GRACE
from brownie import chain


def ended(court: Court, tx: object, outcome: int) -> None:
    event = tx.events["CaseEnded"]  # type: ignore[attr-defined]
    assert (event["outcome"], event["number"], event["arbiters"]) == (outcome, 1, ())
    assert str(event["evidence"]) == "0x" + NO_EVIDENCE.hex()


class TestUsage:
    def test_resolve__unchallenged__claim_is_paid(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 200_001)
        at(court.case(lease)[4])
        fee = paid(200_001) // 100
        moved = court.moved(lambda: ended(court, court.resolve(lease), UNCHALLENGED))
        assert moved == {"provider": paid(200_001) - fee, "treasury": fee}
        assert (court.used(lease), court.flags(lease)) == (200_001, AGENT_CLAIMED)

    def test_resolve__part_paid_meanwhile__difference(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 200_001)
        court.redeem(lease, 150_001)
        at(court.case(lease)[4])
        moved = court.moved(lambda: court.resolve(lease))
        assert sum(moved.values()) == paid(200_001) - paid(150_001)

    def test_resolve__claimed_in_last_second__closes_afterwards(self, court: Court) -> None:
        lease = court.running()
        at(lease.end + REDEEM_GRACE - 5)
        court.claim(lease, 200_001)
        chain.sleep(CHALLENGE)
        court.resolve(lease)
        unused = HOUR * 1000 - 200_001
        reservation = paid(unused) // 10
        moved = court.moved(lambda: court.close(lease))
        assert moved == {"buyer": PRICE - paid(200_001) - reservation, "provider": reservation}

    def test_resolve__dispute_without_verdict__half_and_bond_back(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, 7)
        court.claim(lease, 200_002)
        court.challenge(lease)
        at(court.case(lease)[4])
        half = 7 + 199_995 // 2
        payment = paid(half) - paid(7)
        moved = court.moved(lambda: ended(court, court.resolve(lease), SILENT))
        assert moved == {
            "buyer": DISPUTE_FEE,
            "court": -DISPUTE_FEE,
            "provider": payment - payment // 100,
            "treasury": payment // 100,
        }
        assert court.used(lease) == half

    def test_resolve__final_meanwhile__ends_at_once_and_pays_nothing(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 200_001)
        court.redeem(lease, 1_000, is_final=True)
        assert court.moved(lambda: ended(court, court.resolve(lease), AGREED)) == {}
        assert court.flags(lease) == AGENT_CLAIMED | FINAL
        court.close(lease)

    def test_resolve__final_in_dispute__silence_pays_no_usage(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 200_001)
        court.challenge(lease)
        court.redeem(lease, 1_000, is_final=True)
        at(court.case(lease)[4])
        moved = court.moved(lambda: court.resolve(lease))
        assert moved == {"buyer": DISPUTE_FEE, "court": -DISPUTE_FEE}
        assert court.used(lease) == 1_000


class TestNoShow:
    @pytest.mark.parametrize("redeemed", [0, 100_001])
    def test_resolve__unanswered__fault_and_bond_back(self, court: Court, redeemed: int) -> None:
        lease = court.running()
        if redeemed:
            court.redeem(lease, redeemed)
        court.no_show(lease)
        bond = bond_of(PRICE - paid(redeemed))
        at(court.case(lease)[4])
        moved = court.moved(lambda: ended(court, court.resolve(lease), UNANSWERED))
        assert moved == {"buyer": bond, "court": -bond}
        assert court.flags(lease) == FINAL | FAULT
        missed = (HOUR * 1000 - redeemed) // (INTERVAL * 1000)
        assert court.missed(lease) == missed
        credit = paid(missed * INTERVAL * 1000) // 2
        moved = court.moved(lambda: court.close(lease))
        assert moved == {"buyer": PRICE - paid(redeemed) + credit, "bond of provider": -credit}

    def test_resolve__unanswered_release__only_what_was_left_is_missed(self, court: Court) -> None:
        lease = court.running(duration=100 * HOUR, price=PRICE // 100)
        tx = court.release(lease)
        court.no_show(lease)
        chain.sleep(RESPONSE)
        court.resolve(lease)
        assert court.missed(lease) == (tx.timestamp - lease.start) // INTERVAL

    def test_resolve__unanswered_all_used__nothing_missed(self, court: Court) -> None:
        lease = court.running()
        at(lease.end)
        court.redeem(lease, HOUR * 1000)
        court.no_show(lease)
        chain.sleep(RESPONSE)
        court.resolve(lease)
        assert court.missed(lease) == 0

    def test_resolve__answered_without_verdict__bond_back_and_lease_goes_on(
        self, court: Court
    ) -> None:
        lease = court.running(duration=120 * HOUR, price=PRICE // 100)
        court.no_show(lease)
        court.answer(lease)
        at(court.case(lease)[4])
        bond = bond_of(120 * PRICE // 100)
        assert court.moved(lambda: court.resolve(lease)) == {"buyer": bond, "court": -bond}
        assert court.flags(lease) == 0
        court.redeem(lease, 100_000)

    def test_resolve__delegate_claimed__delegate_gets_the_bond(self, court: Court) -> None:
        lease = court.running()
        delegate = court.bourse.address("delegate")
        court.bourse.market.setDelegate(delegate, court.bourse.sends("buyer"))
        court.no_show(lease, by="delegate")
        at(court.case(lease)[4])
        bond = PRICE // 5
        assert court.moved(lambda: court.resolve(lease)) == {"delegate": bond, "court": -bond}

    def test_resolve__final_before_answer__agreed(self, court: Court) -> None:
        lease = court.running()
        court.no_show(lease)
        court.redeem(lease, 1_000, is_final=True)
        moved = court.moved(lambda: ended(court, court.resolve(lease), AGREED))
        assert moved == {"buyer": PRICE // 5, "court": -PRICE // 5}
        assert (court.flags(lease), court.missed(lease)) == (FINAL, 0)

    def test_resolve__opened_last_second_and_answered_last_second__out_in_six_days(
        self, court: Court
    ) -> None:
        lease = court.running()
        at(lease.end + REDEEM_GRACE - 5)
        court.no_show(lease)
        chain.sleep(RESPONSE - 10)
        court.answer(lease, 100_000)
        chain.sleep(VERDICT)
        court.resolve(lease)
        court.close(lease)
        assert chain.time() <= lease.end + 6 * 24 * HOUR
        assert court.position(lease)[0] == 0

    def test_resolve__everybody_silent_and_start_grace__close_waits_for_nobody_else(
        self, court: Court
    ) -> None:
        lease = court.lease()
        at(lease.start + START_GRACE)
        court.no_show(lease)
        chain.sleep(RESPONSE)
        court.resolve(lease)
        court.close(lease)


class TestRefused:
    def test_resolve__no_case__refused(self, court: Court) -> None:
        lease = court.running()
        values = (lease.series, court.bourse.address("buyer"), 0, 0)
        court.refused(lease, lambda: court.resolve(lease), "NoCase", *values)

    def test_resolve__twice__refused(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 5)
        chain.sleep(CHALLENGE)
        court.resolve(lease)
        court.refused(lease, lambda: court.resolve(lease), "NoCase")

    def test_resolve__stage_not_over__refused(self, court: Court) -> None:
        lease, other = court.lease(), court.running("other")
        court.claim(lease, 5)
        at(court.case(lease)[4] - 5)
        court.refused(
            lease, lambda: court.resolve(lease), "StageNotOver", court.case(lease)[4], ...
        )
        court.challenge(lease)
        at(court.case(lease)[4] - 5)
        court.refused(
            lease, lambda: court.resolve(lease), "StageNotOver", court.case(lease)[4], ...
        )
        assert court.case(other)[0] == 0
