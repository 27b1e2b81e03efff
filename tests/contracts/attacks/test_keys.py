"""Keys that outlive their office: delegates, agents, operators."""

from __future__ import annotations

from dataclasses import replace

from arbiters import Court, at, paid
from attacks.loot import THIEF, money, refusal, sent, unharmed
from bourse import HOUR, OK, PRICE, REDEEM_GRACE, USD, Fill
from brownie import chain
from words import reason

from contracts.bindings.tuples import as_tuple
from contracts.protocol.typed_data import AcknowledgedAction, Acknowledgement

PLAIN = 1


class TestDelegate:
    def test_delegate__after_its_revocation__signs_away_what_elapses_in_the_grace(
        self, court: Court
    ) -> None:
        """Residual: a stolen delegate, sold to the provider, signs time that was not served, of any
        lease of that holder, for REDEEM_GRACE after it was replaced, and not a second longer."""
        of = court.bourse
        of.market.setDelegate(of.address("delegate"), of.sends("buyer"))
        lease = court.lease(duration=48 * HOUR, terms=PLAIN)
        at(lease.start + HOUR)
        revoked = of.market.setDelegate(of.address("other"), of.sends("buyer")).timestamp
        at(revoked + REDEEM_GRACE - 10)
        elapsed = (revoked + REDEEM_GRACE - 10 - lease.start) * 1000
        signed = of.signed(court.voucher(lease, elapsed), by="delegate")
        too_much = of.signed(court.voucher(lease, 48 * HOUR * 1000), by="delegate")
        cost = paid(elapsed)

        def steal() -> None:
            outcome = of.redeem(too_much, signed, by="provider")
            assert outcome.reasons == (reason("MoreThanElapsed"), OK)

        assert money(court, steal, lease) == {
            "provider": cost - cost // 100,
            "treasury": cost // 100,
            "escrow": -cost,
        }
        at(revoked + REDEEM_GRACE + 1)
        later = court.voucher(lease, elapsed + 1_000)
        with unharmed(court):
            assert of.redeem(of.signed(later, by="delegate")).reasons == (reason("BadSignature"),)
            shown = ("claimNoShow", *court.key(lease), b"\1" * 32)
            assert refusal(court, "delegate", court.call, *shown) == "OnlyHolder"

    def test_delegate__in_office__moves_no_money_units_orders_or_keys(self, court: Court) -> None:
        of = court.bourse
        of.market.setDelegate(of.address("delegate"), of.sends("buyer"))
        lease = court.lease(start=of.next_hour(4), terms=PLAIN)
        thief = of.address("delegate")
        own = of.balance("delegate")
        bid = of.bid()
        with unharmed(court):
            forged = of.fill(of.ask(terms=PLAIN), Fill(bid, signature=of.sign(bid, "delegate")))
            assert forged.reasons == ((reason("BadSignature"),),)
            assert refusal(court, "delegate", of.market, "withdraw", thief, own + 1) == (
                "InsufficientBalance"
            )
            move = (of.address("buyer"), thief, lease.series, 1000, b"")
            assert sent(of.market, of.market.safeTransferFrom.encode_input(*move), thief)
            cut = (lease.series, lease.start + 1, 1000)
            assert sent(of.market, of.market.split.encode_input(*cut), thief)
        assert of.market.delegateOf(of.address("buyer")) == thief


class TestAgent:
    def test_agent__replaced__gives_no_orders_although_its_signature_still_counts(
        self, court: Court
    ) -> None:
        """A stolen hot key loses at once what it could do alone; vouchers that it signed before
        are good for the grace, and they need the holder's side too."""
        of, lease = court.bourse, court.running()
        of.registry.setAgent(of.address(THIEF), of.sends("provider"))
        voucher = court.voucher(lease, 60_000)
        claim = ("claimUsage", as_tuple(voucher), of.sign(voucher, "agent"))
        shown = (*court.key(lease), b"\1" * 32)
        with unharmed(court):
            assert refusal(court, "agent", court.call, *claim) == "OnlyProvider"
            assert refusal(court, "agent", court.call, "release", *shown) == "OnlyProvider"
            assert refusal(court, "agent", court.call, "interrupt", *court.key(lease)) == (
                "OnlyProvider"
            )
        at(of.registry.setAgent(of.address("stranger"), of.sends("provider")).timestamp + 1)
        chain.mine(timestamp=chain.time() + REDEEM_GRACE)
        final = court.voucher(lease, 60_000, is_final=True)
        with unharmed(court):
            assert refusal(court, "provider", court.call, *claim) == "BadSignature"
            late = of.redeem(of.signed(final, agent="agent"))
            assert late.reasons == (reason("BadSignature"),)

    def test_agent__of_the_past__convicts_no_lease_of_the_present(self, court: Court) -> None:
        """It leaks long after it was replaced, and dates receipts back into its own time."""
        of = court.bourse
        of.registry.setAgent(of.address("stranger"), of.sends("provider"))
        chain.mine(timestamp=chain.time() + REDEEM_GRACE + HOUR)
        lease = court.lease()
        at(lease.start + HOUR // 2)
        old = {"interval_start": 1, "interval_end": 2}
        pair = (court.receipt(lease, **old), court.receipt(lease, samples_root=b"\1" * 32, **old))
        proof = ("proveReceipts", *court.signed_receipts(*pair))
        with unharmed(court):
            assert refusal(court, THIEF, court.call, *proof) == "BadSignature"

    def test_agent__in_office__moves_no_money_of_its_provider(self, court: Court) -> None:
        of = court.bourse
        agent = of.address("agent")
        ask = of.ask(terms=PLAIN)
        with unharmed(court):
            outcome = of.fill(ask, Fill(of.bid()), signature=of.sign(ask, "agent"))
            assert outcome.reasons == ((reason("BadSignature"),),)
            assert refusal(court, "agent", of.market, "withdraw", agent, 1) == "InsufficientBalance"
            assert refusal(court, "agent", of.registry, "requestUnbonding", 1) == "InsufficientBond"
            device = of.attestation("GPU-0").device
            assert refusal(court, "agent", of.registry, "removeDevice", device) == "NotRemovable"
            assert refusal(court, "agent", of.registry, "setAgent", agent) == "NotRegistered"


class TestOperator:
    def test_operator__fills_after_its_word__pays_the_maker_a_fifth(self, court: Court) -> None:
        of = court.bourse
        bid = of.bid(filler=of.address("operator"))
        word = Acknowledgement(
            bytes.fromhex(of.digest(bid)[2:]), AcknowledgedAction.CANCELLED.value, 1, chain.time()
        )
        chain.mine(timestamp=chain.time() + 5)
        assert of.fill(of.ask(terms=PLAIN), Fill(bid), by="operator").reasons == ((OK,),)
        proof = ("proveCancelledBid", as_tuple(bid), as_tuple(word), of.sign(word, "operator"))

        def prove() -> None:
            data = court.call.proveCancelledBid.encode_input(*proof[1:])
            assert sent(court.call, data, of.address("buyer")) == ""

        fifth = PRICE // 5
        assert money(court, prove) == {"buyer": fifth, "bond of operator": -fifth}
        with unharmed(court):
            assert refusal(court, THIEF, court.call, *proof) == "AlreadyProven"

    def test_operator__dates_its_word_ahead__cannot_be_convicted(self, court: Court) -> None:
        """Residual: a word of the future proves nothing. Whoever cancels must refuse it: `at` not
        after the own clock; and a cancel on chain needs nobody's word."""
        of = court.bourse
        bid = of.bid(filler=of.address("operator"))
        digest = bytes.fromhex(of.digest(bid)[2:])
        later = chain.time() + 24 * HOUR
        word = Acknowledgement(digest, AcknowledgedAction.CANCELLED.value, 1, later)
        assert of.fill(of.ask(terms=PLAIN), Fill(bid), by="operator").reasons == ((OK,),)
        proof = ("proveCancelledBid", as_tuple(bid), as_tuple(word), of.sign(word, "operator"))
        with unharmed(court):
            assert refusal(court, "buyer", court.call, *proof) == "NotFilledAfter"

    def test_operator__chooses_the_price__inside_both_signed_limits(self, court: Court) -> None:
        """In a pair that names it twice it may take the buyer's last cent, and no more."""
        of, start = court.bourse, court.bourse.next_hour()
        named = {"filler": of.address("operator")}
        ask, bid = of.ask(terms=PLAIN, **named), of.bid(**named)
        dear = Fill(bid, start=start, price=bid.max_price_per_gpu_hour + 1_000)
        cheap = replace(dear, price=PRICE - 1_000)
        with unharmed(court):
            outcome = of.fill(ask, dear, cheap, by="operator")
            assert outcome.reasons == ((reason("PriceOutsideLimits"),) * 2,)
        worst = replace(dear, price=bid.max_price_per_gpu_hour)
        assert of.fill(ask, worst, by="operator").reasons == ((OK,),)
        assert of.balance("buyer") == 1_000 * USD - bid.max_price_per_gpu_hour
