"""`Resale.fill`, one test for each reason to skip; each asserts that nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from bourse import A100, FREEZE, HOUR, OK, PRICE, Bourse, Fill, signer, terms
from brownie import accounts, chain
from counting import acting, position
from secondary import leaf, offer, resell, taking
from words import malleable, reason, reverts

from contracts.protocol.eip712 import Domain
from contracts.protocol.series import Series

OTHER = signer("other").address
Late = Callable[[int], int]


@dataclass
class Case:
    """What differs from a valid sale; a function gets the time."""

    error: str
    ask: dict[str, Any] = field(default_factory=dict)
    bid: dict[str, Any] = field(default_factory=dict)


def later(seconds: int) -> Late:
    return lambda now: now + seconds


def resolved(changes: dict[str, Any]) -> dict[str, Any]:
    now = chain.time()
    return {name: value(now) if callable(value) else value for name, value in changes.items()}


LIFE = {
    "not_yet": ("NotYetValid", {"valid_from": later(100), "deadline": later(200)}),
    "expired": ("OrderExpired", {"valid_from": later(-200), "deadline": later(-2)}),
    "open_too_long": ("OrderLifeTooLong", {"valid_from": later(-1), "deadline": later(300)}),
    "another_filler": ("WrongFiller", {"filler": OTHER}),
}
ASK = {
    "unlike_market": Case("WrongMarket", {"terms": 1}),
    "no_series": Case("WrongMarket", {"series": 0}),
    "made_up": Case("NoPosition", {"series": (1 << 256) - 1}),
    "old_epoch": Case("EpochMismatch", {"epoch": 1}),
    **{f"ask_{name}": Case(error, changes) for name, (error, changes) in LIFE.items()},
}
BID = {
    **{f"bid_{name}": Case(error, bid=changes) for name, (error, changes) in LIFE.items()},
    "start": Case("WindowOutsideLimits", bid={"start": later(3 * HOUR)}),
    "duration": Case("DurationOutsideLimits", bid={"duration": HOUR}),
    "ask_window_start": Case("WindowOutsideLimits", {"window_start": later(4 * HOUR)}),
    "ask_window_end": Case("WindowOutsideLimits", {"window_end": later(2 * HOUR)}),
    "bid_window_start": Case("WindowOutsideLimits", bid={"window_start": later(4 * HOUR)}),
    "bid_window_end": Case("WindowOutsideLimits", bid={"window_end": later(2 * HOUR)}),
    "ask_min_duration": Case("DurationOutsideLimits", {"min_duration": 2 * HOUR + 1}),
    "ask_max_duration": Case("DurationOutsideLimits", {"max_duration": HOUR}),
    "bid_min_duration": Case("DurationOutsideLimits", bid={"min_duration": 2 * HOUR + 1}),
    "bid_max_duration": Case("DurationOutsideLimits", bid={"max_duration": HOUR}),
    "price_zero": Case("PriceOffTick", bid={"price": 0}),
    "price_off_tick": Case("PriceOffTick", bid={"price": PRICE + 1}),
    "price_not_asks": Case("PriceOutsideLimits", bid={"price": PRICE - 1000}),
    "price_over_bid": Case("PriceOutsideLimits", bid={"max_price_per_gpu_hour": PRICE - 1}),
    "class": Case("ClassNotAccepted", bid={"device_classes": A100}),
    "class_proof": Case("ClassNotAccepted", bid={"proof": (A100,)}),
    "isolation": Case("IsolationTooWeak", bid={"min_isolation": 5}),
    "sla_credit": Case("SlaCreditTooLow", bid={"min_sla_credit_bps": 1}),
    "arbiters": Case("ArbitersNotAccepted", bid={"arbiter_set": 7}),
    "milli_off_step": Case("MilliOffStep", bid={"milli": 1500, "most": 4000}),
    "milli_zero": Case("NotWholeLots", bid={"milli": 0, "min_milli": 0}),
    "milli_over_bid": Case("MilliOutsideLimits", bid={"milli": 2000, "most": 1000}),
    "milli_under_bid": Case("MilliOutsideLimits", bid={"milli": 1000, "min_milli": 2000}),
    "milli_over_ask": Case("MilliOutsideLimits", {"max_milli": 1000}, {"milli": 2000}),
    "milli_under_ask": Case("MilliOutsideLimits", {"min_milli": 2000}),
    "more_than_held": Case("ERC1155InsufficientBalance", bid={"milli": 3000}),
    "milli_of_32_bits": Case(
        "ERC1155InsufficientBalance", bid={"milli": 4_294_967_000, "most": 4_294_967_295}
    ),
    "quantity": Case("QuantityExceeded", {"quantity": 7_199_999}),
    "budget": Case("OverBudget", bid={"budget": 2 * PRICE - 1}),
    "bid_epoch": Case("EpochMismatch", bid={"epoch": 1}),
}


def taken(bourse: Bourse, series: int, changes: dict[str, Any]) -> Fill:
    """A share whose milli are what it gets; `most` is what its bid wants."""
    changes = dict(changes)
    most, milli = changes.pop("most", 4000), changes.pop("milli", 1000)
    bid_changes = {name: v for name, v in changes.items() if name not in Fill.__annotations__}
    shape = {name: v for name, v in changes.items() if name in Fill.__annotations__}
    bid = bourse.bid("other", milli=most, **bid_changes)
    return taking(bourse, series, bid=bid, milli=milli, **shape)


class TestOrders:
    @pytest.mark.parametrize("name", ASK)
    def test_resell__ask_unfit__group_skipped(self, bourse: Bourse, name: str) -> None:
        case = ASK[name]
        series = bourse.lease(duration=2 * HOUR, milli=2000)
        before = bourse.state((series, "buyer"), (series, "other"))
        ask = replace(offer(bourse, series), **resolved(case.ask))
        outcome = resell(bourse, ask, taking(bourse, series), taking(bourse, series))
        assert outcome.reasons == ((reason(case.error),) * 2,)
        assert dict(outcome.events["ResaleSkipped"]) == {
            "askDigest": bourse.digest(ask),
            "bidDigest": "0x" + "00" * 32,
            "reason": reason(case.error),
        }
        assert bourse.state((series, "buyer"), (series, "other")) == before

    @pytest.mark.parametrize("name", BID)
    def test_resell__pair_unfit__bid_skipped(self, bourse: Bourse, name: str) -> None:
        case = BID[name]
        series = bourse.lease(duration=2 * HOUR, milli=2000)
        before = bourse.state((series, "buyer"), (series, "other"))
        ask = offer(bourse, series, **resolved(case.ask))
        wanted = taken(bourse, series, resolved(case.bid))
        outcome = resell(bourse, ask, wanted)
        assert outcome.reasons == ((reason(case.error),),)
        assert dict(outcome.events["ResaleSkipped"]) == {
            "askDigest": bourse.digest(ask),
            "bidDigest": bourse.digest(wanted.bid),
            "reason": reason(case.error),
        }
        assert bourse.state((series, "buyer"), (series, "other")) == before

    def test_resell__reservation_fee_and_notice_of_the_terms__are_the_bids_limits(
        self, bourse: Bourse
    ) -> None:
        plain = {"reservation_fee_bps": 100, "interruptible": True, "notice": 60}
        bourse.registry.registerTerms(terms(**plain), bourse.sends("provider"))
        number = int(bourse.registry.termsCount())
        start = bourse.next_hour()
        agreed = {"max_reservation_fee_bps": 100, "interruptible": True, "min_notice": 60}
        first = Fill(bourse.bid(**agreed), start=start)
        assert bourse.fill(bourse.ask(terms=number), first).reasons == ((OK,),)
        series = Series(start, HOUR, PRICE // 1000, 1000, number).id
        fills = [
            taking(bourse, series, **(agreed | change))
            for change in (
                {"max_reservation_fee_bps": 99},
                {"interruptible": False},
                {"min_notice": 61},
                {},
            )
        ]
        short = reason("NoticeTooShort")
        assert resell(bourse, offer(bourse, series), *fills).reasons == (
            (reason("ReservationFeeTooHigh"), short, short, OK),
        )

    def test_resell__to_oneself__skipped(self, bourse: Bourse) -> None:
        series = bourse.lease()
        before = bourse.state((series, "buyer"))
        outcome = resell(bourse, offer(bourse, series), taking(bourse, series, "buyer"))
        assert outcome.reasons == ((reason("SellerIsBuyer"),),)
        assert bourse.state((series, "buyer")) == before

    def test_resell__cancelled__skipped(self, bourse: Bourse) -> None:
        series = bourse.lease()
        ask, wanted = offer(bourse, series), taking(bourse, series)
        bourse.market.cancel([wanted.bid.nonce], bourse.sends("other"))
        assert resell(bourse, ask, wanted).reasons == ((reason("NonceSpent"),),)
        bourse.market.cancel([ask.nonce], bourse.sends("buyer"))
        assert resell(bourse, ask, taking(bourse, series)).reasons == ((reason("NonceSpent"),),)
        bourse.market.cancelAll(bourse.sends("buyer"))
        assert resell(bourse, ask, taking(bourse, series)).reasons == ((reason("EpochMismatch"),),)

    def test_resell__too_poor__skipped(self, bourse: Bourse) -> None:
        series = bourse.lease()
        before = bourse.state((series, "buyer"))
        outcome = resell(bourse, offer(bourse, series), taking(bourse, series, "rival"))
        assert outcome.reasons == ((reason("InsufficientBalance"),),)
        assert bourse.state((series, "buyer")) == before

    def test_resell__payment_over_64_bits__skipped(self, bourse: Bourse) -> None:
        """2^40 ticks times many units would not fit the sale's fields: the balance comes first."""
        top = ((1 << 40) - 1) * 1000
        ask = bourse.ask(price_per_gpu_hour=1000)
        start = bourse.next_hour()
        bourse.fill(ask, Fill(bourse.bid(milli=4000), 4000, start, 168 * HOUR, 1000))
        series = Series(start, 168 * HOUR, 1, 1000, bourse.terms).id
        assert position(bourse, series)[0] == 672_000
        offered = offer(bourse, series, price_per_gpu_hour=top)
        limits = {"max_price_per_gpu_hour": top, "device_classes": leaf(series)}
        wanted = taking(bourse, series, milli=4000, price=top, **limits)
        assert resell(bourse, offered, wanted).reasons == ((reason("InsufficientBalance"),),)


class TestSignatures:
    def test_resell__foreign_or_malleable__skipped(self, bourse: Bourse) -> None:
        series = bourse.lease()
        ask, bid = offer(bourse, series), bourse.bid("other")
        bad = (
            bourse.sign(bid, "stranger"),
            malleable(bourse.sign(bid, "other")),
            b"",
            b"\x01" * 65,
        )
        fills = [taking(bourse, series, bid=bid, signature=signature) for signature in bad]
        assert resell(bourse, ask, *fills).reasons == ((reason("BadSignature"),) * 4,)
        for signature in (bourse.sign(ask, "other"), malleable(bourse.sign(ask, "buyer")), b""):
            outcome = resell(bourse, ask, taking(bourse, series), signature=signature)
            assert outcome.reasons == ((reason("BadSignature"),),)

    def test_resell__domain_of_the_resale_or_another_chain__skipped(self, bourse: Bourse) -> None:
        series = bourse.lease()
        ask, bid = offer(bourse, series), bourse.bid("other")
        for domain in (
            Domain(chain.id, bourse.resale.address),
            Domain(chain.id + 1, bourse.market.address),
        ):
            signature = bourse.keys["other"].sign(bid, domain)
            wanted = taking(bourse, series, bid=bid, signature=signature)
            assert resell(bourse, ask, wanted).reasons == ((reason("BadSignature"),),)

    def test_fill__resale_ask_in_the_market__skipped(self, bourse: Bourse) -> None:
        series = bourse.lease()
        ask, wanted = offer(bourse, series), taking(bourse, series)
        assert bourse.fill(ask, wanted).reasons == ((reason("WrongMarket"),),)

    def test_resell__primary_ask__skipped(self, bourse: Bourse) -> None:
        series = bourse.lease()
        outcome = resell(bourse, bourse.ask(), taking(bourse, series))
        assert outcome.reasons == ((reason("WrongMarket"),),)


class TestState:
    def test_resell__frozen__skipped(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, milli=2000)
        chain.mine(timestamp=start - FREEZE - 10)
        assert resell(bourse, offer(bourse, series), taking(bourse, series)).reasons == ((OK,),)
        chain.mine(timestamp=start - FREEZE)
        outcome = resell(bourse, offer(bourse, series), taking(bourse, series))
        assert outcome.reasons == ((reason("TransfersFrozen"),),)

    def test_resell__interrupted_seller_or_buyer__skipped(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=2 * HOUR)
        bourse.lease("other", start=start, duration=2 * HOUR)
        module = acting(bourse.arbitration)
        bourse.market.shorten(series, bourse.address("other"), start + HOUR, module)
        outcome = resell(bourse, offer(bourse, series), taking(bourse, series))
        assert outcome.reasons == ((reason("PositionNotOpen"),),)
        bourse.pay_in("rival", 100_000_000)
        outcome = resell(bourse, offer(bourse, series, "other"), taking(bourse, series, "rival"))
        assert outcome.reasons == ((reason("PositionNotOpen"),),)

    def test_resell__attestation_expired__skipped(self, bourse: Bourse) -> None:
        """Nobody vouches for the class any more; the holder closes with a full refund instead."""
        bourse.registry.registerTerms(terms(device_class=A100), bourse.sends("provider"))
        number = int(bourse.registry.termsCount())
        bourse.attest(bourse.attestation("GPU-A", device_class=A100, expiry=chain.time() + 2000))
        start = bourse.next_hour(3)
        wanted = Fill(bourse.bid(device_classes=A100), start=start)
        assert bourse.fill(bourse.ask(terms=number), wanted).reasons == ((OK,),)
        series = Series(start, HOUR, PRICE // 1000, 1000, number).id
        chain.mine(timestamp=chain.time() + 2100)
        outcome = resell(bourse, offer(bourse, series), taking(bourse, series, device_classes=A100))
        assert outcome.reasons == ((reason("AttestationExpired"),),)
        before = bourse.balance("buyer")
        assert bourse.close((series, "buyer"), by="buyer").reasons == (OK,)
        assert bourse.balance("buyer") == before + PRICE

    def test_resell__bond_below_the_minimum__sells_all_the_same(self, bourse: Bourse) -> None:
        """The lease exists, and what covers it stays bonded until its last case is over."""
        series = bourse.lease()
        bonded = bourse.registry.bondOf(bourse.address("provider"))[0]
        bourse.registry.requestUnbonding(bonded, bourse.sends("provider"))
        assert bourse.fill(bourse.ask(), Fill(bourse.bid())).reasons == ((reason("BondTooLow"),),)
        assert resell(bourse, offer(bourse, series), taking(bourse, series)).reasons == ((OK,),)

    def test_resell__paused__reverts_and_units_still_move(self, bourse: Bourse) -> None:
        series = bourse.lease()
        group = bourse.group(offer(bourse, series), taking(bourse, series))
        bourse.parameters.pause(HOUR, {"from": accounts[1]})
        with reverts("FillsPaused"):
            bourse.resale.fill([group], bourse.sends("stranger"))
        names = (bourse.address("buyer"), bourse.address("other"))
        bourse.market.safeTransferFrom(*names, series, 1000, b"", bourse.sends("buyer"))

    def test_resell__called_by_anybody_else__refused(self, bourse: Bourse) -> None:
        series = bourse.lease()
        names = (bourse.address("buyer"), bourse.address("other"))
        sale = (bytes(32), bytes(32), *names, series, 1000, 1, 0, 0, False, 0, 0)
        with reverts("OnlyModule", bourse.address("stranger")):
            bourse.market.resell(sale, bourse.sends("stranger"))


def test_resale__built__knows_its_market(bourse: Bourse) -> None:
    assert bourse.resale.market() == bourse.market
    assert bourse.market.resale() == bourse.resale
    assert bourse.parameters.paused() is False
