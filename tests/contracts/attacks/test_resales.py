"""Leases made in order to be resold: too cheap, too dear, spent, claimed, soon taken back."""

from __future__ import annotations

import pytest
from arbiters import Court, Lease, at
from attacks.loot import THIEF, money, unharmed
from bourse import FREEZE, HOUR, OK, PRICE, REDEEM_GRACE, Fill
from brownie import chain
from secondary import leaf, offer, resell, taking
from words import reason

PLAIN = 1
LIMITS = {"max_reservation_fee_bps": 1_000, "interruptible": True}


class TestSelfMade:
    def test_cheap_series__resold_at_the_market_price__nobody_pays_it(self, court: Court) -> None:
        """Provider and thief are one: a refund at a thousandth of what the buyer would pay."""
        of = court.bourse
        lease = court.lease(THIEF, start=of.next_hour(4), price=1_000, terms=PLAIN)
        ask = offer(of, lease.series, THIEF, price_per_gpu_hour=PRICE)
        wanted = taking(of, lease.series, price=PRICE)
        with unharmed(court):
            assert resell(of, ask, wanted).reasons == ((reason("AboveSeriesPrice"),),)

    def test_dear_series__resold_at_the_market_price__unserved_gives_the_buyer_more_than_it_paid(
        self, court: Court
    ) -> None:
        """The other way round the pair gives its own escrow away, less the fee it reserves."""
        of = court.bourse
        dear = 20 * PRICE
        lease = court.lease(THIEF, start=of.next_hour(4), price=dear)
        theirs = Lease(lease.series, "other", lease.start, lease.end)

        def plot() -> None:
            ask = offer(of, lease.series, THIEF, price_per_gpu_hour=PRICE)
            outcome = resell(of, ask, taking(of, lease.series, price=PRICE, **LIMITS))
            assert outcome.reasons == ((OK,),)
            at(lease.end + REDEEM_GRACE + 1)
            court.close(theirs)

        assert money(court, plot, lease, theirs) == {
            THIEF: PRICE - PRICE // 100,
            "treasury": PRICE // 100,
            "other": dear * 9 // 10 - PRICE,
            "provider": dear // 10,
            "escrow": -dear,
        }

    def test_premium__for_a_named_series_that_is_interrupted__is_all_that_the_buyer_loses(
        self, court: Court
    ) -> None:
        """Residual: who names the series accepts that the premium is gone with it."""
        of = court.bourse
        lease = court.lease(THIEF, start=of.next_hour(4))
        theirs = Lease(lease.series, "other", lease.start, lease.end)
        premium = 500_000

        def plot() -> None:
            price = PRICE + premium
            ask = offer(of, lease.series, THIEF, price_per_gpu_hour=price)
            named = {"price": price, "device_classes": leaf(lease.series), **LIMITS}
            assert resell(of, ask, taking(of, lease.series, **named)).reasons == ((OK,),)
            court.interrupt(theirs)
            at(lease.start + REDEEM_GRACE + 1)
            court.close(theirs)

        fee = (PRICE + premium) // 100
        assert money(court, plot, lease, theirs) == {
            THIEF: PRICE + premium - fee,
            "treasury": fee,
            "other": -premium,
            "escrow": -PRICE,
        }


class TestUsedUp:
    @pytest.mark.parametrize("state", ["frozen", "running", "spent", "claimed", "released"])
    def test_lease__of_which_little_is_left__is_not_sold(self, court: Court, state: str) -> None:
        of = court.bourse
        lease = court.lease(THIEF, start=chain.time() + FREEZE + 200)
        price = {"price_per_gpu_hour": PRICE}
        if state != "frozen":
            at(lease.start + HOUR // 2)
        else:
            at(lease.start - FREEZE)
        if state == "spent":
            court.redeem(lease, 1_800_000)
        if state == "claimed":
            court.claim(lease, 60_000)
        if state == "released":
            court.release(lease)
        error = "PositionNotOpen" if state in ("claimed", "released") else "TransfersFrozen"
        with unharmed(court):
            ask = offer(of, lease.series, THIEF, **price)
            outcome = resell(of, ask, taking(of, lease.series, **LIMITS))
            assert outcome.reasons == ((reason(error),),)

    def test_tail__of_a_spent_lease__is_sold_unspent(self, court: Court) -> None:
        """What can be sold of a running lease is a tail that has not begun: nothing of it is used,
        and the head's usage stays with the head."""
        of = court.bourse
        lease = court.lease(THIEF, start=of.next_hour(1), duration=3 * HOUR, terms=PLAIN)
        at(lease.start + HOUR // 2)
        court.redeem(lease, 1_800_000)
        of.market.split(lease.series, lease.start + 2 * HOUR, 1000, of.sends(THIEF))
        tail = of.series(start=lease.start + 2 * HOUR) & ~(2**256 - 2**120) | PLAIN << 120
        theirs = Lease(tail, "other", lease.start + 2 * HOUR, lease.end)
        sold = resell(of, offer(of, tail, THIEF), taking(of, tail))
        assert sold.reasons == ((OK,),)
        assert tuple(of.market.positionOf(tail, of.address("other"))) == (
            1000, 1000, 0, lease.end, 0, 0,
        )  # fmt: skip
        at(lease.end + REDEEM_GRACE + 1)
        gains = money(court, lambda: court.close(theirs), theirs)
        assert gains == {"other": PRICE, "escrow": -PRICE}


def test_provider__buys_back_what_it_sold__has_no_claim_on_itself(court: Court) -> None:
    """A bid of the provider's own for its own time: its money goes round, less the fee."""
    of = court.bourse
    own = Fill(of.bid("provider"), start=of.next_hour())
    assert of.fill(of.ask(terms=PLAIN), own).reasons == ((OK,),)
    lease = Lease(
        of.series(start=own.start) & ~(2**256 - 2**120) | PLAIN << 120, "provider", own.start, 0
    )
    at(own.start + HOUR)
    fee = PRICE // 100

    def use() -> None:
        court.redeem(lease, 1000 * HOUR, is_final=True)
        court.close(lease)

    assert money(court, use, lease) == {
        "provider": PRICE - fee,
        "treasury": fee,
        "escrow": -PRICE,
    }
