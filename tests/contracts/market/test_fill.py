"""`fill`, where both orders agree."""

from __future__ import annotations

from typing import Any

import pytest
from bourse import A100, H100, HOUR, OK, PRICE, USD, Bourse, Fill, compact
from brownie import HostileReceiver, accounts, chain
from leases import on_terms
from words import reason

from contracts.protocol.hashing import keccak


class TestAccepted:
    def test_fill__one_pair__moves_cost_and_mints(self, bourse: Bourse) -> None:
        ask, bid = bourse.ask(), bourse.bid()
        before = bourse.balance("buyer")
        start = bourse.next_hour()
        tx = bourse.fill(ask, Fill(bid, milli=2000, start=start, duration=2 * HOUR))

        series = bourse.series(start=start, duration=2 * HOUR)
        buyer = bourse.address("buyer")
        assert before - bourse.balance("buyer") == 4 * PRICE
        assert bourse.market.balanceOf(buyer, series) == 4000
        position = bourse.market.positionOf(series, buyer)
        assert position == (4000, 2000, 0, start + 2 * HOUR, 0, 0)
        assert tx.reasons == ((OK,),)

        transfer = tx.events["TransferSingle"]
        assert (
            transfer["operator"],
            transfer["from"],
            transfer["to"],
            transfer["id"],
            transfer["value"],
        ) == (
            bourse.address("stranger"),
            "0x" + "00" * 20,
            buyer,
            series,
            4000,
        )
        filled = tx.events["Filled"]
        assert str(filled["askDigest"]) == bourse.digest(ask)
        assert filled["provider"] == bourse.address("provider")
        assert filled["terms"] == bourse.terms
        assert filled["fills"] == ((bourse.digest(bid), buyer, series, 2000, 4000),)

    def test_fill__window_inside_two_hours__charges_both(self, bourse: Bourse) -> None:
        start = bourse.next_hour() + 1800
        bourse.lease(start=start, milli=3000)
        sold = [
            bourse.registry.soldLanes(bourse.address("provider"), H100, start // HOUR + i)
            for i in (-1, 0, 1, 2)
        ]
        assert sold == [0, 3, 3, 0]

    def test_fill__nonces__bid_spent_ask_not(self, bourse: Bourse) -> None:
        ask, bid = bourse.ask(), bourse.bid()
        bourse.fill(ask, Fill(bid))
        assert not bourse.market.isNonceOpen(bid.buyer, bid.nonce)
        assert bourse.market.isNonceOpen(ask.seller, ask.nonce)
        again = bourse.fill(ask, Fill(bid), Fill(bourse.bid()))
        assert again.reasons == ((reason("NonceSpent"), OK),)

    def test_fill__same_series__adds_to_position(self, bourse: Bourse) -> None:
        series = bourse.lease(milli=1000)
        bourse.lease(milli=2000)
        assert bourse.market.positionOf(series, bourse.address("buyer"))[:2] == (3000, 3000)

    def test_fill__one_bad_bid__others_filled(self, bourse: Bourse) -> None:
        poor = bourse.bid("stranger")
        tx = bourse.fill(bourse.ask(), Fill(bourse.bid()), Fill(poor), Fill(bourse.bid("other")))
        assert tx.reasons == ((OK, reason("InsufficientBalance"), OK),)
        assert [fill[1] for fill in tx.events["Filled"]["fills"]] == [
            bourse.address("buyer"),
            bourse.address("other"),
        ]
        skipped = tx.events["FillSkipped"]
        assert str(skipped["bidDigest"]) == bourse.digest(poor)
        assert str(skipped["reason"]) == reason("InsufficientBalance")

    def test_fill__one_bad_group__others_filled(self, bourse: Bourse) -> None:
        bad = bourse.group(bourse.ask(series=1), Fill(bourse.bid()), Fill(bourse.bid()))
        good = bourse.group(bourse.ask(), Fill(bourse.bid()))
        tx = bourse.send("fill", [bad, good])
        refused = reason("WrongMarket")
        assert tx.reasons == ((refused, refused), (OK,))
        assert len(tx.events["FillSkipped"]) == 1
        assert int(str(tx.events["FillSkipped"]["bidDigest"]), 16) == 0
        assert len(tx.events["Filled"]["fills"]) == 1

    def test_fill__nothing_filled__no_filled_event(self, bourse: Bourse) -> None:
        tx = bourse.fill(bourse.ask(), Fill(bourse.bid(budget=1)))
        assert "Filled" not in tx.events

    @pytest.mark.parametrize("short", [False, True])
    def test_fill__both_forms_of_signature__taken(self, bourse: Bourse, short: bool) -> None:
        ask, bid = bourse.ask(), bourse.bid()
        form = compact if short else bytes
        tx = bourse.fill(
            ask,
            Fill(bid, signature=form(bourse.sign(bid, "buyer"))),
            signature=form(bourse.sign(ask, "provider")),
        )
        assert tx.reasons == ((OK,),)

    def test_fill__class_set__by_merkle_proof(self, bourse: Bourse) -> None:
        third = keccak(b"third")
        first = keccak(b"".join(sorted((H100, A100))))
        root = keccak(b"".join(sorted((first, third))))
        bid = bourse.bid(device_classes=root)
        wrong = bourse.fill(bourse.ask(), Fill(bid, proof=(third, A100)))
        assert wrong.reasons == ((reason("ClassNotAccepted"),),)
        right = bourse.fill(bourse.ask(), Fill(bid, proof=(A100, third)))
        assert right.reasons == ((OK,),)

    @pytest.mark.parametrize(
        ("offered", "wanted"),
        [
            ({"arbiter_set": 1}, {"arbiter_set": 1}),
            ({"arbiter_set": 1}, {}),
            ({"sla_credit_bps": 100}, {"min_sla_credit_bps": 100}),
            ({"reservation_fee_bps": 5000}, {"max_reservation_fee_bps": 5000}),
            ({}, {"min_notice": HOUR}),
            ({}, {"interruptible": True}),
            (
                {"interruptible": True, "notice": HOUR},
                {"interruptible": True, "min_notice": HOUR},
            ),
        ],
        ids=str,
    )
    def test_fill__terms_keep_what_the_bid_wants__filled(
        self, bourse: Bourse, offered: dict[str, Any], wanted: dict[str, Any]
    ) -> None:
        on = on_terms(bourse, **offered)
        assert on.fill(on.ask(), Fill(on.bid(**wanted))).reasons == ((OK,),)

    @pytest.mark.parametrize("price", [PRICE, PRICE + 1000, 2 * PRICE])
    def test_fill__same_filler__chooses_inside_limits(self, bourse: Bourse, price: int) -> None:
        filler = bourse.address("stranger")
        now = chain.time()
        life = {"filler": filler, "valid_from": now - 10, "deadline": now + 86_000}
        before = bourse.balance("buyer")
        tx = bourse.fill(bourse.ask(**life), Fill(bourse.bid(**life), price=price))
        assert tx.reasons == ((OK,),)
        assert before - bourse.balance("buyer") == price

    def test_fill__receiver_without_callback__minted_all_the_same(self, bourse: Bourse) -> None:
        refusing = accounts[1].deploy(HostileReceiver)
        refusing.refuse(True, {"from": accounts[1]})
        tx = bourse.fill(bourse.ask(), Fill(bourse.bid()), by="stranger")
        assert tx.reasons == ((OK,),)

    def test_fill__exact_balance__empties_account(self, bourse: Bourse) -> None:
        bourse.market.withdraw(bourse.address("buyer"), 1_000 * USD - PRICE, bourse.sends("buyer"))
        bourse.lease()
        assert bourse.balance("buyer") == 0

    def test_fill__anybody__may_submit(self, bourse: Bourse) -> None:
        for name in ("buyer", "provider", "other", "stranger"):
            tx = bourse.fill(bourse.ask(), Fill(bourse.bid()), by=name)
            assert tx.reasons == ((OK,),)
