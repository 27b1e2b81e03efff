"""`Resale.fill`: what a signed bid may be made to pay.

A bid that names classes never pays more than the price of the series, because no more than that
comes back to it for time that it does not get."""

from __future__ import annotations

from bourse import H100, HOUR, OK, PRICE, USD, Bourse, Fill, terms
from brownie import chain
from counting import accounted, position
from secondary import leaf, offer, resell, taking
from words import reason

from contracts.protocol.hashing import keccak
from contracts.protocol.series import Series

PREMIUM = PRICE + 500_000
OTHER_CLASS = b"\x07" * 32


def cheap_lease(bourse: Bourse, price: int = 1000) -> int:
    """The provider's own purchase of its own time, for next to nothing."""
    start = bourse.next_hour()
    ask = bourse.ask(price_per_gpu_hour=price)
    bourse.fill(ask, Fill(bourse.bid("rival"), start=start, price=price))
    return Series(start, HOUR, price // 1000, 1000, bourse.terms).id


class TestClasses:
    def test_resell__self_sold_for_nothing__no_bid_pays_more(self, bourse: Bourse) -> None:
        """Provider and rival are one: sell 1 GPU-hour for 0.001 USD, resell it for 2 USD, never
        serve. The buyer's refund would be a thousandth of what it paid."""
        bourse.pay_in("rival", USD)
        series = cheap_lease(bourse)
        before = bourse.state((series, "other"), (series, "rival"))
        ask = offer(bourse, series, "rival", price_per_gpu_hour=PRICE)
        outcome = resell(bourse, ask, taking(bourse, series, price=PRICE))
        assert outcome.reasons == ((reason("AboveSeriesPrice"),),)
        assert bourse.state((series, "other"), (series, "rival")) == before

    def test_resell__one_tick_above__refused(self, bourse: Bourse) -> None:
        series = bourse.lease()
        for price, expected in ((PRICE + 1000, reason("AboveSeriesPrice")), (PRICE, OK)):
            ask = offer(bourse, series, price_per_gpu_hour=price)
            wanted = taking(bourse, series, price=price)
            assert resell(bourse, ask, wanted).reasons == ((expected,),)

    def test_resell__filler_chooses__not_above_either(self, bourse: Bourse) -> None:
        series = bourse.lease()
        named = {"filler": bourse.address("stranger")}
        ask = offer(bourse, series, price_per_gpu_hour=PRICE // 2, **named)
        wanted = [taking(bourse, series, price=p, **named) for p in (PREMIUM, PRICE - 1000)]
        outcome = resell(bourse, ask, *wanted)
        assert outcome.reasons == ((reason("AboveSeriesPrice"), OK),)
        assert outcome.events["Resold"]["payment"] == PRICE - 1000


class TestSeriesNamed:
    def test_resell__bid_names_it__pays_the_premium(self, bourse: Bourse) -> None:
        series = bourse.lease()
        before = {name: bourse.balance(name) for name in ("buyer", "other")}
        ask = offer(bourse, series, price_per_gpu_hour=PREMIUM)
        wanted = taking(bourse, series, price=PREMIUM, device_classes=leaf(series))
        assert resell(bourse, ask, wanted).reasons == ((OK,),)
        assert bourse.balance("other") == before["other"] - PREMIUM
        assert bourse.balance("buyer") == before["buyer"] + PREMIUM - PREMIUM // 100
        held = ((series, "other"),)
        assert accounted(bourse, *held) == bourse.market.totalHeld()

    def test_resell__bid_names_it_beside_classes__by_the_proof_given(self, bourse: Bourse) -> None:
        series = bourse.lease(milli=3000)
        pair = sorted((leaf(series), H100))
        root = keccak(b"".join(pair))
        ask = offer(bourse, series, price_per_gpu_hour=PREMIUM)
        by_class = taking(bourse, series, price=PREMIUM, device_classes=root, proof=(leaf(series),))
        by_name = taking(bourse, series, price=PREMIUM, device_classes=root, proof=(H100,))
        outcome = resell(bourse, ask, by_class, by_name)
        assert outcome.reasons == ((reason("AboveSeriesPrice"), OK),)
        at_par = offer(bourse, series)
        again = taking(bourse, series, device_classes=root, proof=(leaf(series),))
        assert resell(bourse, at_par, again).reasons == ((OK,),)

    def test_resell__another_series_named__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series, other = bourse.lease(start=start), bourse.lease(start=start + HOUR)
        wanted = taking(bourse, series, device_classes=leaf(other))
        outcome = resell(bourse, offer(bourse, series), wanted)
        assert outcome.reasons == ((reason("ClassNotAccepted"),),)

    def test_resell__named_but_over_the_limit__refused(self, bourse: Bourse) -> None:
        series = bourse.lease()
        limits = {"device_classes": leaf(series), "max_price_per_gpu_hour": PREMIUM - 1000}
        ask = offer(bourse, series, price_per_gpu_hour=PREMIUM)
        outcome = resell(bourse, ask, taking(bourse, series, price=PREMIUM, **limits))
        assert outcome.reasons == ((reason("PriceOutsideLimits"),),)

    def test_fill__bid_that_names_a_series__no_provider_fills_it(self, bourse: Bourse) -> None:
        series = bourse.lease()
        bid = bourse.bid("other", device_classes=leaf(series))
        assert bourse.fill(bourse.ask(), Fill(bid)).reasons == ((reason("ClassNotAccepted"),),)


def test_resell__lapsed_after_the_sale__buyer_gets_more_than_it_paid(bourse: Bourse) -> None:
    """The reason for the rule, from its good side: at or below par nobody loses by a lapse."""
    bourse.attest(bourse.attestation("GPU-S", device_class=OTHER_CLASS, expiry=chain.time() + 4000))
    series = short_lease(bourse)
    before = bourse.balance("other")
    bid = {"device_classes": OTHER_CLASS, "price": PRICE - 1000}
    ask = offer(bourse, series, price_per_gpu_hour=PRICE - 1000)
    assert resell(bourse, ask, taking(bourse, series, **bid)).reasons == ((OK,),)
    chain.mine(timestamp=chain.time() + 4100)
    assert bourse.close((series, "other"), by="other").reasons == (OK,)
    assert bourse.balance("other") == before + 1000
    assert position(bourse, series, "other")[0] == 0


def short_lease(bourse: Bourse) -> int:
    """Of a class whose attestation ends before the lease starts."""
    bourse.registry.registerTerms(terms(device_class=OTHER_CLASS), bourse.sends("provider"))
    number = int(bourse.registry.termsCount())
    start = bourse.next_hour(4)
    bid = bourse.bid(device_classes=OTHER_CLASS)
    bourse.fill(bourse.ask(terms=number), Fill(bid, start=start))
    return Series(start, HOUR, PRICE // 1000, 1000, number).id
