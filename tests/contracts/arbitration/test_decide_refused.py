"""`decide`: who may not end a case, and how not."""

from __future__ import annotations

import pytest
from arbiters import (
    ARBITERS,
    DISPUTE_FEE,
    FRAUD,
    HONEST,
    NO_EVIDENCE,
    ROLE_BOND,
    Court,
    answered,
    at,
    challenged,
)
from bourse import HOUR, PRICE

from contracts.bindings.tuples import as_tuple

EACH = DISPUTE_FEE // 2
FEE = 2 * EACH
PAYS_ARBITERS = {"arbiter1": EACH, "arbiter2": EACH}


class TestRefused:
    def test_decide__no_case_or_other_number__refused(self, court: Court) -> None:
        lease = court.running()
        buyer = court.bourse.address("buyer")
        court.refused(lease, lambda: court.decide(lease, 1), "NoCase", lease.series, buyer, 0, 0)
        court.claim(lease, 5)
        court.challenge(lease)
        court.refused(
            lease, lambda: court.decide(lease, 1, number=2), "NoCase", lease.series, buyer, 2, 1
        )

    def test_decide__verdict_of_earlier_case__refused(self, court: Court) -> None:
        lease = answered(court, duration=100 * HOUR, price=PRICE // 100)
        court.decide(lease, HONEST)
        court.no_show(lease)
        court.answer(lease)
        court.refused(lease, lambda: court.decide(lease, 1, number=1), "NoCase")

    def test_decide__undisputed__refused(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 5)
        court.refused(lease, lambda: court.decide(lease, 1), "WrongStage", 1, False)

    def test_decide__too_late__refused(self, court: Court) -> None:
        lease = challenged(court)
        at(court.case(lease)[4])
        court.refused(lease, lambda: court.decide(lease, 1), "StageOver", court.case(lease)[4], ...)

    @pytest.mark.parametrize("outcome", [0, 5, 9, 255])
    def test_decide__unknown_outcome__refused(self, court: Court, outcome: int) -> None:
        lease = challenged(court)
        court.refused(lease, lambda: court.decide(lease, outcome), "BadOutcome", outcome)

    def test_decide__no_evidence__refused(self, court: Court) -> None:
        lease = challenged(court)
        court.refused(lease, lambda: court.decide(lease, 1, evidence=NO_EVIDENCE), "NoEvidence")

    @pytest.mark.parametrize("name", ["stranger", "provider", "auditor1", "buyer"])
    def test_decide__foreign_signature__refused(self, court: Court, name: str) -> None:
        lease = challenged(court)
        values = (1, court.bourse.address(name))
        by = ("arbiter1", "arbiter2", name)
        court.refused(lease, lambda: court.decide(lease, 1, by=by), "NotArbiter", *values)

    def test_decide__signature_under_other_words__refused(self, court: Court) -> None:
        lease = challenged(court)
        verdict, other = court.verdict(lease, HONEST), court.verdict(lease, FRAUD)
        mixed = [court.sign_verdict(verdict, "arbiter1"), court.sign_verdict(other, "arbiter2")]
        sender = court.bourse.sends("stranger")
        court.refused(
            lease, lambda: court.call.decide(as_tuple(verdict), mixed, sender), "NotArbiter"
        )
        foreign = [court.bourse.sign(verdict, name) for name in ARBITERS]
        court.refused(
            lease, lambda: court.call.decide(as_tuple(verdict), foreign, sender), "NotArbiter"
        )

    def test_decide__one_signs_twice__refused(self, court: Court) -> None:
        lease = challenged(court)
        by = ("arbiter1", "arbiter1")
        value = court.bourse.address("arbiter1")
        court.refused(lease, lambda: court.decide(lease, 1, by=by), "ArbiterRepeated", value)

    def test_decide__unbonding_arbiter__refused(self, court: Court) -> None:
        lease = challenged(court)
        court.bourse.registry.requestUnbonding(1, court.bourse.sends("arbiter2"))
        values = (court.bourse.address("arbiter2"), ROLE_BOND - 1, ROLE_BOND)
        court.refused(lease, lambda: court.decide(lease, 1), "ArbiterBondTooLow", *values)
        court.decide(lease, HONEST, by=("arbiter1", "arbiter3"))

    @pytest.mark.parametrize("by", [(), ("arbiter3",)])
    def test_decide__too_few__refused(self, court: Court, by: tuple[str, ...]) -> None:
        lease = challenged(court)
        court.refused(lease, lambda: court.decide(lease, 1, by=by), "TooFewArbiters", len(by), 2)
