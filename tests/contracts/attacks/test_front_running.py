"""Who sees a transaction before it is mined, and sends another one first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from arbiters import AGENT_CLAIMED, FAULT, FAULTY, FINAL, NONE, USAGE, Court, at, bond_of, paid
from attacks.loot import THIEF, money, refusal, unharmed
from bourse import HOUR, OK, PRICE, REDEEM_GRACE, USD, Fill
from brownie import chain
from counting import lanes
from secondary import offer, resell, taking
from words import reason

from contracts.bindings.tuples import as_tuple

PLAIN = 1
HALF = 1_800_000
"""GPU-ms of half an hour."""


class TestFill:
    @pytest.mark.parametrize("how", ["withdraws", "cancels", "raises its epoch"])
    def test_buyer__takes_its_word_back_first__costs_nobody_anything(
        self, court: Court, how: str
    ) -> None:
        of = court.bourse
        ask, bid, start = of.ask(terms=PLAIN), of.bid(THIEF), of.next_hour()
        error = {"withdraws": "InsufficientBalance", "cancels": "NonceSpent"}
        if how == "withdraws":
            of.market.withdraw(of.address(THIEF), 500 * USD, of.sends(THIEF))
        elif how == "cancels":
            of.market.cancel([bid.nonce], of.sends(THIEF))
        else:
            of.market.cancelAll(of.sends(THIEF))
        with unharmed(court):
            outcome = of.fill(ask, Fill(bid, start=start))
            assert outcome.reasons == ((reason(error.get(how, "EpochMismatch")),),)
        assert lanes(of, start, 1) == [0]

    def test_buyer__withdraws_between_two_bids_of_a_batch__second_skipped(
        self, court: Court
    ) -> None:
        """Two orders, each funded alone: together they are not, and no hour is blocked for it."""
        of, start = court.bourse, court.bourse.next_hour()
        bids = [of.bid(THIEF, milli=4000) for _ in range(2)]
        ask = of.ask(terms=PLAIN, price_per_gpu_hour=300 * USD)
        bids = [replace(bid, max_price_per_gpu_hour=300 * USD) for bid in bids]
        wanted = [Fill(bid, 1000, start, price=300 * USD) for bid in bids]
        outcome = of.fill(ask, *wanted)
        assert outcome.reasons == ((OK, reason("InsufficientBalance")),)
        assert of.balance(THIEF) == 200 * USD
        assert lanes(of, start, 1) == [1]

    def test_seller__moves_its_units_first__sale_is_skipped(self, court: Court) -> None:
        of = court.bourse
        lease = court.lease(THIEF, start=of.next_hour(4), terms=PLAIN)
        ask, wanted = offer(of, lease.series, THIEF), taking(of, lease.series)
        move = (of.address(THIEF), of.address("stranger"), lease.series, 1000, b"")
        of.market.safeTransferFrom(*move, of.sends(THIEF))
        with unharmed(court):
            assert resell(of, ask, wanted).reasons == ((reason("NoPosition"),),)

    def test_provider__interrupts_first__nobody_buys_the_stump(self, court: Court) -> None:
        """The units of an interrupted lease are worth a refund only: they do not sell."""
        of = court.bourse
        lease = court.lease(THIEF, start=of.next_hour(4))
        ask = offer(of, lease.series, THIEF)
        limits = {"max_reservation_fee_bps": 1_000, "interruptible": True}
        wanted = taking(of, lease.series, **limits)
        court.interrupt(lease)
        with unharmed(court):
            assert resell(of, ask, wanted).reasons == ((reason("PositionNotOpen"),),)

    def test_filler__is_not_the_named_one__changes_nothing(self, court: Court) -> None:
        """An auction's orders cannot be taken out of the operator's hands, at any price."""
        of = court.bourse
        operator = of.address("operator")
        ask = of.ask(terms=PLAIN, filler=operator)
        open_ask = of.ask(terms=PLAIN)
        bid = of.bid(filler=operator)
        with unharmed(court):
            assert of.fill(ask, Fill(of.bid()), by=THIEF).reasons == ((reason("WrongFiller"),),)
            assert of.fill(open_ask, Fill(bid), by=THIEF).reasons == ((reason("WrongFiller"),),)


class TestClose:
    def test_holder__closes_before_the_voucher__not_before_the_grace_is_over(
        self, court: Court
    ) -> None:
        lease = court.lease(THIEF)
        voucher = court.bourse.signed(court.voucher(lease, HALF))
        for time in (lease.start + 61, lease.end - 5, lease.end + REDEEM_GRACE - 5):
            at(time)
            with unharmed(court):
                outcome = court.bourse.close((lease.series, THIEF), by=THIEF)
                assert outcome.reasons == (reason("CloseTooEarly"),)
        cost = paid(HALF)
        gains = money(court, lambda: court.bourse.redeem(voucher), lease)
        assert gains == {"provider": cost - cost // 100, "treasury": cost // 100, "escrow": -cost}

    def test_stranger__redeems_an_older_voucher_first__the_newer_pays_the_rest(
        self, court: Court
    ) -> None:
        lease = court.running()
        signed = [court.bourse.signed(court.voucher(lease, used)) for used in (1_000, HALF)]

        def both() -> None:
            assert court.bourse.redeem(signed[0], by=THIEF).reasons == (OK,)
            assert court.bourse.redeem(signed[1]).reasons == (OK,)

        cost = paid(HALF)
        fee = paid(1_000) // 100 + (cost - paid(1_000)) // 100
        gains = money(court, both, lease)
        assert gains == {"provider": cost - fee, "treasury": fee, "escrow": -cost}
        with unharmed(court):
            stale = court.bourse.redeem(*signed, by=THIEF)
            assert stale.reasons == (reason("VoucherNotNewer"),) * 2

    def test_holder__leaves_on_a_lapse__not_when_the_renewal_came_first(self, court: Court) -> None:
        of = court.bourse
        lease = court.lease(THIEF, start=chain.time() + 20 * 24 * HOUR)
        expiry = int(of.registry.deviceOf(of.attestation("GPU-0").device)[1])
        assert expiry > lease.start
        of.attest(*(of.attestation(f"GPU-{i}", expiry=expiry + 10) for i in range(4)))
        with unharmed(court):
            outcome = of.close((lease.series, THIEF), by=THIEF)
            assert outcome.reasons == (reason("CloseTooEarly"),)


class TestClaim:
    def test_stranger__claims_with_an_old_voucher__cannot_spend_the_one_claim(
        self, court: Court
    ) -> None:
        lease = court.running()
        voucher = court.voucher(lease, 1)
        claim = ("claimUsage", as_tuple(voucher), court.bourse.sign(voucher, "agent"))
        with unharmed(court):
            for name in (THIEF, "buyer", "auditor1", "operator"):
                assert refusal(court, name, court.call, *claim) == "OnlyProvider"
        court.claim(lease, 300_000)
        assert court.case(lease)[6] == 300_000

    def test_provider__claims_stale_usage__is_paid_no_more_than_the_difference(
        self, court: Court
    ) -> None:
        """Claim first, then the counter-signed total: the claim adds nothing to it."""
        lease = court.running()
        court.claim(lease, 300_000)
        court.redeem(lease, HALF)
        at(court.case(lease)[4])
        with_claim = money(court, lambda: court.resolve(lease), lease)
        assert with_claim == {}
        assert court.used(lease) == HALF

    def test_provider__claims_a_trifle_to_block_the_no_show__is_found_at_fault_all_the_same(
        self, court: Court
    ) -> None:
        """It served nothing, and keeps the one open case until no-shows are too late."""
        lease = court.lease()
        at(lease.end)
        court.claim(lease, 1)
        with unharmed(court):
            shown = ("claimNoShow", *court.key(lease), b"\1" * 32)
            assert refusal(court, "buyer", court.call, *shown) == "CaseOpen"
        court.challenge(lease)
        court.decide(lease, FAULTY)
        assert court.flags(lease) == FINAL | FAULT | AGENT_CLAIMED
        assert court.missed(lease) == 60
        gains = money(court, lambda: court.close(lease), lease)
        assert gains == {
            "buyer": PRICE + PRICE // 2,
            "bond of provider": -PRICE // 2,
            "escrow": -PRICE,
        }

    def test_provider__final_voucher_held_back__ends_a_no_show_without_loss_to_the_holder(
        self, court: Court
    ) -> None:
        lease = court.running()
        held_back = court.bourse.signed(court.voucher(lease, 60_000, is_final=True), agent="agent")
        court.no_show(lease)
        bond = court.case(lease)[8]
        assert bond == bond_of(PRICE)
        assert court.bourse.redeem(held_back).reasons == (OK,)
        gains = money(court, lambda: court.resolve(lease), lease)
        assert gains == {"buyer": bond, "court": -bond}

    def test_challenge__in_the_last_second__beats_whoever_resolves(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 300_000)
        deadline = court.case(lease)[4]
        at(deadline - 4)
        with unharmed(court):
            resolved = ("resolve", *court.key(lease))
            assert refusal(court, THIEF, court.call, *resolved) == "StageNotOver"
        court.challenge(lease)
        assert court.case(lease)[1:3] == (USAGE, True)
        at(deadline)
        with unharmed(court):
            assert refusal(court, THIEF, court.call, *resolved) == "StageNotOver"

    def test_resolve__in_the_first_second_after__beats_a_late_challenge(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 300_000)
        at(court.case(lease)[4])
        late = ("challenge", *court.key(lease), b"\1" * 32)
        with unharmed(court):
            assert refusal(court, "buyer", court.call, *late) == "StageOver"
        cost = paid(300_000)
        gains = money(court, lambda: court.resolve(lease), lease)
        assert gains == {"provider": cost - cost // 100, "treasury": cost // 100, "escrow": -cost}
        assert court.case(lease)[1] == NONE


class TestPermission:
    def test_allowance__of_another__pays_into_nobody_elses_account(self, court: Court) -> None:
        """Whoever pays in for an account pays itself, whatever that account allowed the market."""
        of = court.bourse
        of.token.mint(of.address("buyer"), 50 * USD, of.sends("buyer"))
        of.token.approve(of.market, 2**255, of.sends("buyer"))
        with unharmed(court):
            for account in (of.address(THIEF), of.address("buyer")):
                error = refusal(court, THIEF, of.market, "depositFor", account, 50 * USD)
                assert error != ""
