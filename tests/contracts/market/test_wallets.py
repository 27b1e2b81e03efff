"""Orders signed by contract wallets, well-behaved and not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bourse import H100, HOUR, OK, PRICE, USD, Bourse, Fill, signer, terms
from brownie import HostileWallet, OwnedWallet, accounts, chain
from counting import accounted, position
from secondary import offer, resell, resell_all, taking
from words import halves, reason

from contracts.bindings.tuples import as_tuple
from contracts.protocol.typed_data import Bid

ANSWERS = (
    "YES",
    "NO",
    "NOTHING",
    "SHORT",
    "DIRTY",
    "BOMB",
    "REVERT",
    "REVERT_BOMB",
    "BURN",
    "REENTER",
)
"""`HostileWallet.Answer`."""
WALLET_GAS = 50_000


def pay_in_for(bourse: Bourse, wallet: Any, amount: int = 100 * USD) -> None:
    stranger = bourse.sends("stranger")
    bourse.token.mint(bourse.address("stranger"), amount, stranger)
    bourse.token.approve(bourse.market, amount, stranger)
    bourse.market.depositFor(wallet, amount, stranger)


def owned(bourse: Bourse, owner: str = "delegate") -> Any:
    wallet = accounts[1].deploy(OwnedWallet, bourse.address(owner))
    pay_in_for(bourse, wallet)
    return wallet


def hostile(bourse: Bourse, answer: str) -> Any:
    wallet = accounts[1].deploy(HostileWallet)
    wallet.set(ANSWERS.index(answer), {"from": accounts[1]})
    pay_in_for(bourse, wallet)
    return wallet


def bid_of(bourse: Bourse, wallet: Any, nonce: int = 0, **changes: Any) -> Bid:
    return bourse.bid(nonce=nonce, buyer=wallet.address, **changes)


class TestConfirmed:
    def test_fill__owners_signature__filled(self, bourse: Bourse) -> None:
        wallet = owned(bourse)
        bid = bid_of(bourse, wallet)
        start = bourse.next_hour()
        fills = [
            Fill(bid, start=start, signature=bourse.sign(bid, name))
            for name in ("stranger", "delegate")
        ]
        outcome = bourse.fill(bourse.ask(), *fills)
        assert outcome.reasons == ((reason("BadSignature"), OK),)
        series = bourse.series(start=start)
        assert position(bourse, series, wallet.address) == (1000, 1000, 0, start + HOUR, 0, 0)
        assert bourse.market.accountOf(wallet)[0] == 100 * USD - PRICE
        held = ((series, wallet.address),)
        total = accounted(bourse, *held, others=(wallet.address,))
        assert total == bourse.market.totalHeld()

    def test_fill__always_yes__its_own_loss(self, bourse: Bourse) -> None:
        wallet = hostile(bourse, "YES")
        bid = bid_of(bourse, wallet)
        assert bourse.fill(bourse.ask(), Fill(bid, signature=b"")).reasons == ((OK,),)

    def test_fill__changes_its_mind__asked_each_time(self, bourse: Bourse) -> None:
        wallet = owned(bourse)
        bid = bid_of(bourse, wallet, milli=3000, max_fills=3)
        wanted = Fill(bid, 1000, signature=bourse.sign(bid, "delegate"))
        assert bourse.fill(bourse.ask(), wanted).reasons == ((OK,),)
        wallet.setOwner(bourse.address("agent"), {"from": accounts[1]})
        assert bourse.fill(bourse.ask(), wanted).reasons == ((reason("BadSignature"),),)
        renewed = replace(wanted, signature=bourse.sign(bid, "agent"))
        assert bourse.fill(bourse.ask(), renewed).reasons == ((OK,),)
        assert bourse.market.recordOf(bourse.digest(bid)) >> 96 & (1 << 32) - 1 == 2

    def test_fill__wallet_sells__asked_too(self, bourse: Bourse) -> None:
        wallet, sender = owned(bourse), {"from": accounts[1]}
        agent = bourse.address("agent")
        wallet.run(bourse.registry, bourse.registry.register.encode_input(agent), sender)
        plain = bourse.registry.registerTerms.encode_input(terms())
        wallet.run(bourse.registry, plain, sender)
        number = int(bourse.registry.termsCount())
        wallet.run(bourse.market, bourse.market.bond.encode_input(50 * USD), sender)
        bourse.attest(bourse.attestation("GPU-W", provider=wallet.address))
        ask = bourse.ask(seller=wallet.address, terms=number)
        start = bourse.next_hour()
        for name, expected in (("provider", reason("BadSignature")), ("delegate", OK)):
            wanted = Fill(bourse.bid(), start=start)
            outcome = bourse.fill(ask, wanted, signature=bourse.sign(ask, name))
            assert outcome.reasons == ((expected,),)
        assert bourse.registry.soldLanes(wallet, H100, start // HOUR) == 1

    def test_resell__wallets_on_both_sides__asked_in_the_markets_domain(
        self, bourse: Bourse
    ) -> None:
        seller, buyer = owned(bourse), owned(bourse, "agent")
        start = bourse.next_hour()
        bid = bid_of(bourse, seller)
        first = Fill(bid, start=start, signature=bourse.sign(bid, "delegate"))
        assert bourse.fill(bourse.ask(), first).reasons == ((OK,),)
        series = bourse.series(start=start)
        ask = replace(offer(bourse, series), seller=seller.address, nonce=1)
        wanted = bid_of(bourse, buyer)
        signed = taking(bourse, series, bid=wanted, signature=bourse.sign(wanted, "agent"))
        wrong = resell(bourse, ask, signed, signature=bourse.sign(ask, "agent"))
        assert wrong.reasons == ((reason("BadSignature"),),)
        done = resell(bourse, ask, signed, signature=bourse.sign(ask, "delegate"))
        assert done.reasons == ((OK,),)
        assert position(bourse, series, buyer.address)[:2] == (1000, 1000)

    def test_fill__long_signature__passed_on(self, bourse: Bourse) -> None:
        wallet = hostile(bourse, "YES")
        bid = bid_of(bourse, wallet)
        outcome = bourse.fill(bourse.ask(), Fill(bid, signature=b"\x01" * 3000))
        assert outcome.reasons == ((OK,),)


class TestRefused:
    @pytest.mark.parametrize("answer", [name for name in ANSWERS[1:] if name != "REENTER"])
    def test_fill__hostile__skipped_alone_at_bounded_cost(
        self, bourse: Bourse, answer: str
    ) -> None:
        wallet = hostile(bourse, answer)
        start = bourse.next_hour()
        spent = []
        for count in (0, 8, 16):
            bids = [bid_of(bourse, wallet, nonce) for nonce in range(count)]
            bad = [Fill(bid, start=start, signature=b"\x01" * 65) for bid in bids]
            good = Fill(bourse.bid(), start=start, duration=36)
            outcome = bourse.fill(bourse.ask(), *bad, good)
            assert outcome.reasons == ((*[reason("BadSignature")] * count, OK),)
            spent.append(outcome.tx.gas_used)
        assert bourse.market.accountOf(wallet) == (100 * USD, 0, 0, 0)
        # Calldata, hash and event of a bid are about 30,000; nothing grows with their number.
        assert spent[1] - spent[0] < 8 * (WALLET_GAS + 35_000)
        assert spent[2] - spent[1] < 8 * (WALLET_GAS + 35_000)

    def test_fill__reenters__nothing_changes(self, bourse: Bourse) -> None:
        wallet = hostile(bourse, "NO")
        market = bourse.market
        attacks = (
            market.cancelAll.encode_input(),
            market.withdraw.encode_input(accounts[5], USD),
            market.fill.encode_input([]),
            market.deposit.encode_input(1),
        )
        for nonce, attack in enumerate(attacks):
            wallet.arm(market, attack, {"from": accounts[1]})
            bid = bid_of(bourse, wallet, nonce)
            outcome = bourse.fill(bourse.ask(), Fill(bid, signature=b""))
            # An empty `fill` changes nothing: it may be called, and the wallet then says yes.
            expected = OK if nonce == 2 else reason("BadSignature")
            assert outcome.reasons == ((expected,),)
        assert market.accountOf(wallet)[:2] == (100 * USD - PRICE, 0)

    @pytest.mark.parametrize("answer", ["NO", "SHORT", "BOMB", "BURN"])
    def test_resell__seller_is_hostile__group_skipped(self, bourse: Bourse, answer: str) -> None:
        wallet = hostile(bourse, "YES")
        start = bourse.next_hour()
        bought = Fill(bid_of(bourse, wallet), start=start, signature=b"")
        assert bourse.fill(bourse.ask(), bought).reasons == ((OK,),)
        series = bourse.series(start=start)
        ask = replace(offer(bourse, series), seller=wallet.address, nonce=1)
        fair = bourse.lease("other", start=start + HOUR)
        wallet.set(ANSWERS.index(answer), {"from": accounts[1]})
        groups = [
            bourse.group(ask, taking(bourse, series), signature=b""),
            bourse.group(offer(bourse, fair, "other"), taking(bourse, fair, "buyer")),
        ]
        assert resell_all(bourse, groups).reasons == ((reason("BadSignature"),), (OK,))
        assert position(bourse, series, wallet.address)[0] == 1000

    def test_fill__no_code__not_asked(self, bourse: Bourse) -> None:
        nobody = signer("nobody")
        bid = bourse.bid(nonce=0, buyer=nobody.address)
        pay_in_for(bourse, nobody.address)
        outcome = bourse.fill(bourse.ask(), Fill(bid, signature=bourse.sign(bid, "stranger")))
        assert outcome.reasons == ((reason("BadSignature"),),)

    def test_redeem__wallets_own_signature__refused(self, bourse: Bourse) -> None:
        """A voucher pays at once, so its signer must not be able to change its mind."""
        wallet = owned(bourse)
        start = chain.time() + 5
        bid = bid_of(bourse, wallet)
        bought = Fill(bid, start=start, signature=bourse.sign(bid, "delegate"))
        assert bourse.fill(bourse.ask(), bought).reasons == ((OK,),)
        chain.sleep(600)
        chain.mine()
        series = bourse.series(start=start)
        voucher = replace(bourse.voucher(series, 100_000), holder=wallet.address)
        signed = (as_tuple(voucher), halves(bourse.sign(voucher, "delegate")), halves(b""))
        assert bourse.redeem(signed).reasons == (reason("BadSignature"),)
        named = bourse.market.setDelegate.encode_input(bourse.address("delegate"))
        wallet.run(bourse.market, named, {"from": accounts[1]})
        assert bourse.redeem(signed).reasons == (OK,)
