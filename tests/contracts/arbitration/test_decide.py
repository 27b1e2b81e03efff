"""`decide`: k of n arbiters, and the money of each outcome to the unit."""

from __future__ import annotations

from typing import Any

import pytest
from arbiters import (
    AGENT_CLAIMED,
    ARBITERS,
    DISPUTE_FEE,
    EVIDENCE,
    FAULT,
    FAULTY,
    FINAL,
    FRAUD,
    HONEST,
    INCONCLUSIVE,
    PROVIDER_BOND,
    SHARE,
    Court,
    answered,
    at,
    bond_of,
    challenged,
    paid,
)
from bourse import HOUR, PRICE, START_GRACE, USD, ZERO
from brownie import accounts
from brownie.network.web3 import web3

from contracts.bindings.tuples import as_tuple

EACH = DISPUTE_FEE // 2
FEE = 2 * EACH
PAYS_ARBITERS = {"arbiter1": EACH, "arbiter2": EACH}


def drain_bond(court: Court, left: int) -> None:
    """Other cases took nearly all of the provider's bond."""
    registry = court.bourse.registry
    accounts.at(court.call.address, force=True)
    web3.provider.make_request("evm_setAccountBalance", [court.call.address, hex(10**18)])
    registry.slash(
        court.bourse.address("provider"),
        PROVIDER_BOND - left,
        ZERO,
        0,
        EVIDENCE,
        {"from": court.call.address},
    )


class TestHonest:
    def test_decide__honest_usage__paid_in_full_and_bond_lost(self, court: Court) -> None:
        lease = challenged(court)
        fee = paid(200_001) // 100
        moved = court.moved(lambda: court.decide(lease, HONEST))
        assert moved == PAYS_ARBITERS | {
            "court": -DISPUTE_FEE,
            "provider": paid(200_001) - fee + DISPUTE_FEE - FEE,
            "treasury": fee,
        }
        assert court.used(lease) == 200_001
        assert court.flags(lease) == AGENT_CLAIMED
        assert tuple(court.case(lease)) == (1, 0, False, False, 0, 0, 0, ZERO, 0, 0, 0)

    def test_decide__honest_part_paid_meanwhile__difference(self, court: Court) -> None:
        lease = challenged(court)
        court.redeem(lease, 150_000)
        moved = court.moved(lambda: court.decide(lease, HONEST))
        payment = paid(200_001) - paid(150_000)
        assert moved["provider"] + moved["treasury"] == payment + DISPUTE_FEE - FEE
        assert court.used(lease) == 200_001

    def test_decide__honest_more_paid_meanwhile__nothing_more(self, court: Court) -> None:
        lease = challenged(court)
        court.redeem(lease, 250_000)
        moved = court.moved(lambda: court.decide(lease, HONEST))
        assert moved == PAYS_ARBITERS | {"court": -DISPUTE_FEE, "provider": DISPUTE_FEE - FEE}
        assert court.used(lease) == 250_000

    def test_decide__honest_missed_signed_meanwhile__no_more_than_served(
        self, court: Court
    ) -> None:
        lease = court.lease()
        at(lease.start + 230)
        court.claim(lease, 200_001)
        court.challenge(lease)
        at(lease.start + 240)
        court.redeem(lease, 0, missed_intervals=4)
        tx = court.decide(lease, HONEST)
        assert court.used(lease) == (tx.timestamp - lease.start) * 1000 - 240_000

    def test_decide__honest_answer__bond_to_provider_and_lease_goes_on(self, court: Court) -> None:
        lease = answered(court, duration=100 * HOUR, price=PRICE // 100)
        bond = bond_of(PRICE)
        moved = court.moved(lambda: court.decide(lease, HONEST))
        assert moved == PAYS_ARBITERS | {"court": -bond, "provider": bond - FEE}
        assert court.flags(lease) == 0
        court.redeem(lease, 1_000)
        court.no_show(lease)

    def test_decide__three_signers__share_equally(self, court: Court) -> None:
        lease = challenged(court)
        moved = court.moved(lambda: court.decide(lease, HONEST, by=ARBITERS))
        assert [moved[name] for name in ARBITERS] == [DISPUTE_FEE // 3] * 3
        assert "court" in moved

    def test_decide__ended__event_and_no_second_time(self, court: Court) -> None:
        lease = challenged(court)
        verdict = court.verdict(lease, HONEST)
        signatures = [court.sign_verdict(verdict, name) for name in ARBITERS]
        tx = court.call.decide(as_tuple(verdict), signatures, court.bourse.sends("buyer"))
        assert dict(tx.events["CaseEnded"]) == {
            "series": lease.series,
            "holder": court.bourse.address("buyer"),
            "number": 1,
            "outcome": HONEST,
            "evidence": "0x" + EVIDENCE.hex(),
            "arbiters": [court.bourse.address(name) for name in ARBITERS],
        }
        court.refused(
            lease,
            lambda: court.call.decide(as_tuple(verdict), signatures, court.bourse.sends("buyer")),
            "NoCase",
            lease.series,
            court.bourse.address("buyer"),
            1,
            1,
        )


class TestFault:
    def test_decide__fault_usage__nothing_paid_and_provider_pays_the_court(
        self, court: Court
    ) -> None:
        lease = challenged(court, redeemed=100_001)
        moved = court.moved(lambda: court.decide(lease, FAULTY))
        assert moved == PAYS_ARBITERS | {
            "buyer": DISPUTE_FEE,
            "court": -DISPUTE_FEE,
            "bond of provider": -FEE,
        }
        assert court.used(lease) == 100_001
        assert court.flags(lease) == AGENT_CLAIMED | FINAL | FAULT
        assert court.missed(lease) == (HOUR * 1000 - 100_001) // 60_000

    def test_decide__fault__close_refunds_with_credit_and_no_reservation_fee(
        self, court: Court
    ) -> None:
        lease = answered(court, redeemed=100_001)
        court.decide(lease, FAULTY)
        missed = (HOUR * 1000 - 100_001) // 60_000
        credit = paid(missed * 60_000) // 2
        at(lease.start + START_GRACE + 1)
        moved = court.moved(lambda: court.close(lease))
        assert moved == {"buyer": PRICE - paid(100_001) + credit, "bond of provider": -credit}

    def test_decide__fault_bond_empty__claim_bond_pays_the_court(self, court: Court) -> None:
        lease = challenged(court)
        drain_bond(court, 0)
        moved = court.moved(lambda: court.decide(lease, FAULTY))
        assert moved == PAYS_ARBITERS | {"buyer": DISPUTE_FEE - FEE, "court": -DISPUTE_FEE}

    def test_decide__fault_share_too_small__both_pay_the_court(self, court: Court) -> None:
        lease = challenged(court)
        drain_bond(court, 50_000)
        moved = court.moved(lambda: court.decide(lease, FAULTY))
        assert moved == PAYS_ARBITERS | {
            "bond of provider": -10_000,
            "buyer": DISPUTE_FEE - FEE + 10_000,
            "court": -DISPUTE_FEE,
        }


class TestFraud:
    def test_decide__fraud_nothing_paid__all_burned(self, court: Court) -> None:
        lease = answered(court, 200_000)
        bond = PRICE // 5
        moved = court.moved(lambda: court.decide(lease, FRAUD))
        assert moved == PAYS_ARBITERS | {
            "bond of provider": -PRICE - FEE,
            "burned": PRICE,
            "buyer": bond,
            "court": -bond,
        }
        assert court.flags(lease) == AGENT_CLAIMED | FINAL | FAULT
        assert (court.used(lease), court.missed(lease)) == (0, 0)
        assert court.case(lease)[3]

    def test_decide__fraud_part_paid__victim_first(self, court: Court) -> None:
        lease = challenged(court, redeemed=100_001, used=300_000)
        moved = court.moved(lambda: court.decide(lease, FRAUD))
        assert moved == PAYS_ARBITERS | {
            "bond of provider": -PRICE - FEE,
            "burned": PRICE - paid(100_001),
            "buyer": paid(100_001) + DISPUTE_FEE,
            "court": -DISPUTE_FEE,
        }

    def test_decide__fraud__slashed_event_names_the_evidence(self, court: Court) -> None:
        lease = challenged(court)
        tx = court.decide(lease, FRAUD)
        first, fee = tx.events["Slashed"]
        assert (first["victim"], first["amount"], first["toVictim"]) == (
            court.bourse.address("buyer"),
            PRICE,
            0,
        )
        assert (fee["victim"], fee["amount"]) == (court.call.address, FEE)
        assert {str(x["evidence"]) for x in (first, fee)} == {"0x" + EVIDENCE.hex()}

    def test_decide__fraud_signed_missed__slash_replaces_the_credit(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, 100_000, missed_intervals=3)
        court.claim(lease, 200_000)
        court.challenge(lease)
        court.decide(lease, FRAUD)
        assert court.missed(lease) == 0
        at(lease.start + START_GRACE + 1)
        moved = court.moved(lambda: court.close(lease))
        assert moved == {"buyer": PRICE - paid(100_000)}

    def test_decide__fraud_dearer_than_share__share_is_the_most(self, court: Court) -> None:
        price = 20 * USD
        lease = challenged(court, price=price)
        bond = bond_of(paid(200_001, price))
        moved = court.moved(lambda: court.decide(lease, FRAUD))
        assert moved == PAYS_ARBITERS | {
            "bond of provider": -SHARE,
            "burned": SHARE,
            "buyer": bond - FEE,
            "court": -bond,
        }

    def test_decide__fraud_share_below_paid__victim_gets_all_of_it(self, court: Court) -> None:
        lease = challenged(court, redeemed=100_001)
        drain_bond(court, 100_000)
        assert paid(100_001) > 20_000
        moved = court.moved(lambda: court.decide(lease, FRAUD))
        assert moved == PAYS_ARBITERS | {
            "bond of provider": -20_000,
            "buyer": 20_000 + DISPUTE_FEE - FEE,
            "court": -DISPUTE_FEE,
        }

    def test_decide__fraud_bond_empty__nothing_reverts(self, court: Court) -> None:
        lease = challenged(court)
        drain_bond(court, 0)
        moved = court.moved(lambda: court.decide(lease, FRAUD))
        assert moved == PAYS_ARBITERS | {"buyer": DISPUTE_FEE - FEE, "court": -DISPUTE_FEE}


class TestInconclusive:
    @pytest.mark.parametrize(("redeemed", "meanwhile"), [(0, 0), (7, 0), (7, 50_000)])
    def test_decide__inconclusive__half_of_the_claim(
        self, court: Court, redeemed: int, meanwhile: int
    ) -> None:
        lease = challenged(court, redeemed=redeemed)
        before = redeemed
        if meanwhile:
            court.redeem(lease, meanwhile)
            before = meanwhile
        half = redeemed + (200_001 - redeemed) // 2
        payment = paid(half) - paid(before)
        moved = court.moved(lambda: court.decide(lease, INCONCLUSIVE))
        assert moved == PAYS_ARBITERS | {
            "buyer": DISPUTE_FEE - FEE,
            "court": -DISPUTE_FEE,
            "provider": payment - payment // 100,
            "treasury": payment // 100,
        }
        assert court.used(lease) == half
        assert court.flags(lease) == AGENT_CLAIMED

    def test_decide__final_meanwhile__agreed_total_stands_but_fraud_is_slashed(
        self, court: Court
    ) -> None:
        """A final voucher that the provider held back is no way out of a verdict."""
        lease = challenged(court)
        court.redeem(lease, 1_000, is_final=True)
        court.refused(
            lease, lambda: court.resolve(lease), "StageNotOver", court.case(lease)[4], ...
        )
        moved = court.moved(lambda: court.decide(lease, FRAUD))
        assert moved["bond of provider"] == -PRICE - FEE

    def test_decide__final_meanwhile__honest_pays_no_more(self, court: Court) -> None:
        lease = challenged(court)
        court.redeem(lease, 1_000, is_final=True)
        moved = court.moved(lambda: court.decide(lease, HONEST))
        assert moved == PAYS_ARBITERS | {"court": -DISPUTE_FEE, "provider": DISPUTE_FEE - FEE}
        assert court.used(lease) == 1_000


class TestParameters:
    def govern(self, court: Court, function: str, *args: Any) -> None:
        """The timelock's word, without its delay."""
        timelock = court.bourse.timelock.address
        accounts.at(timelock, force=True)
        accounts[0].transfer(timelock, 10**18)
        getattr(court.bourse.parameters, function)(*args, {"from": timelock})

    def test_decide__fee_and_role_bond_raised__opening_counts(self, court: Court) -> None:
        lease = challenged(court)
        self.govern(court, "setFees", 0, 1_000 * USD)
        self.govern(court, "setRoleBond", 100_000 * USD)
        moved = court.moved(lambda: court.decide(lease, HONEST))
        assert moved["arbiter1"] == EACH

    def test_decide__no_fee__nobody_is_paid(self, court: Court) -> None:
        self.govern(court, "setFees", 0, 0)
        lease = challenged(court, used=1)
        assert court.case(lease)[8] == 0
        assert court.moved(lambda: court.decide(lease, FAULTY)) == {}
        assert court.flags(lease) == AGENT_CLAIMED | FINAL | FAULT
