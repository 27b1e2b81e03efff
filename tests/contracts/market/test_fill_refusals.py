"""`fill`, one test for each reason to skip; each asserts that nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from bourse import A100, HOUR, MPS, OK, PRICE, START_GRACE, Bourse, Fill, signer, terms
from brownie import accounts, chain
from counting import acting
from leases import lease_on, on_terms
from words import malleable, reason, reverts

from contracts.protocol.eip712 import Domain

DAY = 24 * HOUR
OTHER = signer("other").address
STRANGER = signer("stranger").address
Late = Callable[[int], int]


@dataclass
class Case:
    """What differs from a valid pair; a function gets the time."""

    error: str
    terms: dict[str, Any] = field(default_factory=dict)
    """None: the terms that the bourse opened with."""
    ask: dict[str, Any] = field(default_factory=dict)
    bid: dict[str, Any] = field(default_factory=dict)
    fill: dict[str, Any] = field(default_factory=dict)


def resolved(changes: dict[str, Any]) -> dict[str, Any]:
    now = chain.time()
    return {name: value(now) if callable(value) else value for name, value in changes.items()}


LIFE = {
    "not_yet": (
        "NotYetValid",
        {"valid_from": lambda now: now + 100, "deadline": lambda now: now + 200},
    ),
    "expired": (
        "OrderExpired",
        {"valid_from": lambda now: now - 200, "deadline": lambda now: now - 2},
    ),
    "open_too_long": (
        "OrderLifeTooLong",
        {"valid_from": lambda now: now - 1, "deadline": lambda now: now + 300},
    ),
    "named_too_long": (
        "OrderLifeTooLong",
        {"valid_from": lambda now: now - 1, "deadline": lambda now: now + DAY, "filler": STRANGER},
    ),
    "backwards": ("OrderExpired", {"deadline": 0}),
    "wrong_filler": ("WrongFiller", {"filler": OTHER}),
    "epoch": ("EpochMismatch", {"epoch": 1}),
    "nonce_out_of_range": ("NonceSpent", {"nonce": 2**32}),
}
ASK_CASES = {
    **{f"ask_{name}": Case(error, ask=changes) for name, (error, changes) in LIFE.items()},
    "ask_series": Case("WrongMarket", ask={"series": 1}),
    "ask_series_and_no_terms": Case("WrongMarket", ask={"series": 1, "terms": 0}),
    "ask_unknown_terms": Case("TermsNotSellers", ask={"terms": 99}),
    "ask_terms_zero": Case("TermsNotSellers", ask={"terms": 0}),
    "ask_foreign_terms": Case("TermsNotSellers", ask={"seller": OTHER}),
}
BID_CASES = {
    **{f"bid_{name}": Case(error, bid=changes) for name, (error, changes) in LIFE.items()},
    "quantity": Case("QuantityExceeded", ask={"quantity": 3_599_999}),
    "arbiters_none": Case("ArbitersNotAccepted", bid={"arbiter_set": 1}),
    "arbiters_others": Case(
        "ArbitersNotAccepted", terms={"arbiter_set": 1}, bid={"arbiter_set": 2}
    ),
    "sla_credit": Case(
        "SlaCreditTooLow", terms={"sla_credit_bps": 99}, bid={"min_sla_credit_bps": 100}
    ),
    "reservation_fee": Case(
        "ReservationFeeTooHigh",
        terms={"reservation_fee_bps": 100},
        bid={"max_reservation_fee_bps": 99},
    ),
    "interruptible": Case("NoticeTooShort", terms={"interruptible": True, "notice": HOUR}),
    "notice": Case(
        "NoticeTooShort",
        terms={"interruptible": True, "notice": HOUR - 1},
        bid={"interruptible": True, "min_notice": HOUR},
    ),
    "price_zero": Case("PriceOffTick", ask={"price_per_gpu_hour": 0}, fill={"price": 0}),
    "price_off_tick": Case(
        "PriceOffTick", ask={"price_per_gpu_hour": PRICE + 1}, fill={"price": PRICE + 1}
    ),
    "price_too_many_ticks": Case(
        "PriceOffTick",
        ask={"price_per_gpu_hour": 2**40 * 1000},
        bid={"max_price_per_gpu_hour": 2**64 - 1},
        fill={"price": 2**40 * 1000},
    ),
    "price_under_ask": Case("PriceOutsideLimits", fill={"price": PRICE - 1000}),
    "price_over_ask": Case("PriceOutsideLimits", fill={"price": PRICE + 1000}),
    "price_over_bid": Case("PriceOutsideLimits", bid={"max_price_per_gpu_hour": PRICE - 1}),
    "price_only_ask_names_filler": Case(
        "PriceOutsideLimits", ask={"filler": STRANGER}, fill={"price": PRICE + 1000}
    ),
    "price_only_bid_names_filler": Case(
        "PriceOutsideLimits", bid={"filler": STRANGER}, fill={"price": PRICE + 1000}
    ),
    "price_of_filler_under_ask": Case(
        "PriceOutsideLimits",
        ask={"filler": STRANGER},
        bid={"filler": STRANGER},
        fill={"price": PRICE - 1000},
    ),
    "price_of_filler_over_bid": Case(
        "PriceOutsideLimits",
        ask={"filler": STRANGER},
        bid={"filler": STRANGER},
        fill={"price": 2 * PRICE + 1000},
    ),
    "class": Case("ClassNotAccepted", bid={"device_classes": A100}),
    "class_proof_for_single": Case("ClassNotAccepted", fill={"proof": (A100,)}),
    "isolation": Case("IsolationTooWeak", bid={"min_isolation": 5}),
    "short_for_bid": Case("DurationOutsideLimits", bid={"min_duration": HOUR + 1}),
    "long_for_bid": Case("DurationOutsideLimits", bid={"max_duration": HOUR - 1}),
    "long_for_bid_zero": Case("DurationOutsideLimits", bid={"max_duration": 0}),
    "short_for_ask": Case("DurationOutsideLimits", ask={"min_duration": HOUR + 1}),
    "long_for_ask": Case("DurationOutsideLimits", ask={"max_duration": HOUR - 1}),
    "over_a_week": Case("DurationOutsideLimits", fill={"duration": 169 * HOUR}),
    "duration_huge": Case(
        "DurationOutsideLimits", bid={"max_duration": 2**32 - 1}, fill={"duration": 2**32 - 1}
    ),
    "before_bid_window": Case(
        "WindowOutsideLimits", bid={"window_start": lambda now: now + 2 * HOUR}
    ),
    "before_ask_window": Case(
        "WindowOutsideLimits", ask={"window_start": lambda now: now + 2 * HOUR}
    ),
    "after_bid_window": Case("WindowOutsideLimits", bid={"window_end": lambda now: now + HOUR}),
    "after_ask_window": Case("WindowOutsideLimits", ask={"window_end": lambda now: now + HOUR}),
    "started": Case("StartOutsideLimits", fill={"start": lambda now: now - START_GRACE - 5}),
    "too_far_ahead": Case("StartOutsideLimits", fill={"start": lambda now: now + 90 * DAY + 60}),
    "start_huge": Case(
        "StartOutsideLimits",
        ask={"window_end": 2**40 - 1},
        bid={"window_end": 2**40 - 1},
        fill={"start": 2**40 - 1 - HOUR},
    ),
    "milli_over_bid": Case("MilliOutsideLimits", bid={"milli": 500}),
    "milli_under_bid": Case("MilliOutsideLimits", bid={"min_milli": 2000}),
    "milli_under_ask": Case("MilliOutsideLimits", ask={"min_milli": 2000}),
    "milli_over_ask": Case("MilliOutsideLimits", ask={"max_milli": 999}),
    "milli_off_step": Case("MilliOffStep", fill={"milli": 1500}),
    "milli_zero": Case("NotWholeLots", bid={"min_milli": 0}, fill={"milli": 0}),
    "not_whole_lots": Case("NotWholeLots", fill={"duration": 35}),
    "budget": Case("OverBudget", bid={"budget": PRICE - 1}),
    "balance": Case(
        "InsufficientBalance",
        bid={"max_duration": 168 * HOUR},
        fill={"milli": 4000, "duration": 168 * HOUR},
    ),
    "capacity": Case("OverCapacity", bid={"milli": 5000}, fill={"milli": 5000}),
    "capacity_huge": Case(
        "OverCapacity", bid={"milli": 600_000}, fill={"milli": 600_000, "duration": 36}
    ),
}


def refused(bourse: Bourse, case: Case) -> Any:
    if case.terms:
        bourse = on_terms(bourse, **case.terms)
    ask = bourse.ask(**resolved(case.ask))
    bid = bourse.bid(**resolved(case.bid))
    before = bourse.state()
    tx = bourse.fill(ask, Fill(bid, **resolved(case.fill)))
    assert tx.reasons == ((reason(case.error),),)
    assert str(tx.events["FillSkipped"]["reason"]) == reason(case.error)
    assert str(tx.events["FillSkipped"]["askDigest"]) == bourse.digest(ask)
    assert len(tx.events) == 1
    assert bourse.state() == before
    return bid, tx


@pytest.mark.parametrize("case", ASK_CASES.values(), ids=ASK_CASES)
def test_fill__bad_ask__group_skipped(bourse: Bourse, case: Case) -> None:
    _, tx = refused(bourse, case)
    assert int(str(tx.events["FillSkipped"]["bidDigest"]), 16) == 0


@pytest.mark.parametrize("case", BID_CASES.values(), ids=BID_CASES)
def test_fill__bad_bid__skipped(bourse: Bourse, case: Case) -> None:
    bid, tx = refused(bourse, case)
    assert str(tx.events["FillSkipped"]["bidDigest"]) == bourse.digest(bid)


FORGERIES: dict[str, Callable[[bytes], bytes]] = {
    "malleable": malleable,
    "empty": lambda signature: b"",
    "short": lambda signature: signature[:63],
    "long": lambda signature: signature + b"\x00",
    "zero": lambda signature: bytes(65),
    "v_without_27": lambda signature: signature[:64] + bytes([signature[64] - 27]),
    "garbage": lambda signature: b"\xff" * 65,
}


class TestSignatures:
    @pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
    def test_fill__forged_ask__refused(
        self, bourse: Bourse, forge: Callable[[bytes], bytes]
    ) -> None:
        ask, before = bourse.ask(), bourse.state()
        tx = bourse.fill(ask, Fill(bourse.bid()), signature=forge(bourse.sign(ask, "provider")))
        assert tx.reasons == ((reason("BadSignature"),),)
        assert bourse.state() == before

    @pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
    def test_fill__forged_bid__refused(
        self, bourse: Bourse, forge: Callable[[bytes], bytes]
    ) -> None:
        bid, before = bourse.bid(), bourse.state()
        tx = bourse.fill(bourse.ask(), Fill(bid, signature=forge(bourse.sign(bid, "buyer"))))
        assert tx.reasons == ((reason("BadSignature"),),)
        assert bourse.state() == before

    def test_fill__foreign_signer__refused(self, bourse: Bourse) -> None:
        ask, bid = bourse.ask(), bourse.bid()
        foreign_bid = bourse.fill(ask, Fill(bid, signature=bourse.sign(bid, "stranger")))
        assert foreign_bid.reasons == ((reason("BadSignature"),),)
        foreign_ask = bourse.fill(ask, Fill(bid), signature=bourse.sign(ask, "agent"))
        assert foreign_ask.reasons == ((reason("BadSignature"),),)

    def test_fill__other_chain_or_contract__refused(self, bourse: Bourse) -> None:
        bid = bourse.bid()
        market = bourse.market.address
        for domain in (Domain(chain.id + 1, market), Domain(chain.id, bourse.registry.address)):
            signature = bourse.keys["buyer"].sign(bid, domain)
            tx = bourse.fill(bourse.ask(), Fill(bid, signature=signature))
            assert tx.reasons == ((reason("BadSignature"),),)

    def test_fill__order_changed_after_signing__refused(self, bourse: Bourse) -> None:
        signed, filled = bourse.bid(nonce=5), bourse.bid(nonce=5, budget=1)
        tx = bourse.fill(bourse.ask(), Fill(signed, signature=bourse.sign(filled, "buyer")))
        assert tx.reasons == ((reason("BadSignature"),),)

    def test_fill__nobodys_bid__refused(self, bourse: Bourse) -> None:
        bid = bourse.bid(buyer="0x" + "00" * 20)
        free = Fill(bid, signature=bytes(65), duration=HOUR)
        tx = bourse.fill(bourse.ask(), free)
        assert tx.reasons[0][0] in (reason("InsufficientBalance"), reason("BadSignature"))


class TestRegistryRefuses:
    def test_fill__full_hour__refused_and_next_hour_free(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        bourse.lease(start=start, milli=4000)
        touching = Fill(bourse.bid(), start=start - 1800, duration=HOUR)
        later = Fill(bourse.bid(), start=start + HOUR)
        tx = bourse.fill(bourse.ask(), touching, later)
        assert tx.reasons == ((reason("OverCapacity"), OK),)

    def test_fill__class_never_attested__refused(self, bourse: Bourse) -> None:
        bourse.registry.registerTerms(terms(device_class=A100), bourse.sends("provider"))
        number = int(bourse.registry.termsCount())
        tx = bourse.fill(bourse.ask(terms=number), Fill(bourse.bid(device_classes=A100)))
        assert tx.reasons == ((reason("NotAttested"),),)

    def test_fill__attestation_expired__refused(self, bourse: Bourse) -> None:
        chain.sleep(200 * DAY + 10)
        chain.mine()
        tx = bourse.fill(bourse.ask(), Fill(bourse.bid()))
        assert tx.reasons == ((reason("AttestationExpired"),),)

    def test_fill__step_below_lane__refused(self, bourse: Bourse) -> None:
        bourse.registry.registerTerms(terms(isolation=MPS, step=250), bourse.sends("provider"))
        number = int(bourse.registry.termsCount())
        tx = bourse.fill(bourse.ask(terms=number), Fill(bourse.bid(), milli=250))
        assert tx.reasons == ((reason("StepMismatch"),),)

    def test_fill__bond_below_minimum__refused(self, bourse: Bourse) -> None:
        provider = bourse.sends("provider")
        bonded, _, _, required, _ = bourse.registry.bondOf(bourse.address("provider"))
        bourse.registry.requestUnbonding(bonded - required, provider)
        assert bourse.fill(bourse.ask(), Fill(bourse.bid())).reasons == ((OK,),)
        bourse.registry.requestUnbonding(1, provider)
        tx = bourse.fill(bourse.ask(), Fill(bourse.bid()))
        assert tx.reasons == ((reason("BondTooLow"),),)


def test_fill__final_position__refused(bourse: Bourse) -> None:
    start = chain.time() + 5
    series = bourse.lease(start=start)
    chain.sleep(10)
    final = bourse.voucher(series, 0, is_final=True)
    bourse.redeem(bourse.signed(final, agent="agent"))
    tx = bourse.fill(bourse.ask(), Fill(bourse.bid(), start=start))
    assert tx.reasons == ((reason("PositionNotOpen"),),)


@pytest.mark.parametrize("flags", [1, 2, 4, 8, 16])
def test_fill__flagged_position__refused(bourse: Bourse, flags: int) -> None:
    """Final, cut, with a case, claimed by the agent or at fault: nothing is added to it."""
    lease = lease_on(bourse, start=bourse.next_hour())
    by = acting(bourse.arbitration)
    if flags == 4:
        bourse.market.openCase(lease.series, bourse.address("buyer"), False, by)
    else:
        bourse.market.settleCase(lease.series, bourse.address("buyer"), 0, 0, flags, by)
    assert lease.position()[4] == flags
    before = bourse.state(lease.key)
    tx = bourse.fill(bourse.ask(), Fill(bourse.bid(), start=lease.start))
    assert tx.reasons == ((reason("PositionNotOpen"),),)
    assert bourse.state(lease.key) == before


class TestLimitsOfTheAsk:
    def test_fill__exactly_the_quantity__then_nothing(self, bourse: Bourse) -> None:
        ask = bourse.ask(quantity=2 * 3_600_000)
        two = bourse.fill(ask, Fill(bourse.bid()), Fill(bourse.bid()), Fill(bourse.bid()))
        assert two.reasons == ((OK, OK, reason("QuantityExceeded")),)
        later = bourse.fill(ask, Fill(bourse.bid(), duration=36))
        assert later.reasons == ((reason("QuantityExceeded"),),)

    def test_fill__as_many_fills_as_it_allows__then_none(self, bourse: Bourse) -> None:
        ask = bourse.ask(max_fills=2)
        two = bourse.fill(ask, Fill(bourse.bid()), Fill(bourse.bid()), Fill(bourse.bid()))
        assert two.reasons == ((OK, OK, reason("FillsExceeded")),)
        before = bourse.state()
        later = bourse.fill(ask, Fill(bourse.bid()))
        assert later.reasons == ((reason("FillsExceeded"),),)
        assert bourse.state() == before


class TestPaused:
    def test_fill__paused__reverts(self, bourse: Bourse) -> None:
        bourse.parameters.pause(DAY, {"from": accounts[1]})
        before, group = bourse.state(), bourse.group(bourse.ask(), Fill(bourse.bid()))
        with reverts("FillsPaused"):
            bourse.market.fill([group], bourse.sends("stranger"))
        assert bourse.state() == before

    def test_fill__pause_over__filled(self, bourse: Bourse) -> None:
        bourse.parameters.pause(HOUR, {"from": accounts[1]})
        chain.mine(timestamp=chain.time() + HOUR + 1)
        assert bourse.fill(bourse.ask(), Fill(bourse.bid())).reasons == ((OK,),)


def test_fill__cancelled_orders__refused(bourse: Bourse) -> None:
    ask, bid = bourse.ask(nonce=7), bourse.bid(nonce=9)
    bourse.market.cancel([9], bourse.sends("buyer"))
    assert bourse.fill(ask, Fill(bid)).reasons == ((reason("NonceSpent"),),)
    bourse.market.cancel([7], bourse.sends("provider"))
    assert bourse.fill(ask, Fill(bourse.bid())).reasons == ((reason("NonceSpent"),),)
