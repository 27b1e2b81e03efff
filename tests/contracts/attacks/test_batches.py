"""An element that should sink, block or overcharge the batch that it is put into."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arbiters import Court, Lease, at
from attacks.loot import THIEF, money, sent, unharmed
from bourse import HOUR, OK, PRICE, USD, Fill
from brownie import HostileWallet, accounts
from secondary import offer, resell_all, taking
from words import reason

from contracts.protocol.hashing import keccak

PLAIN = 1
WALLET_GAS = 50_000
BURN, BOMB, REVERT_BOMB = 8, 5, 7
"""`HostileWallet.Answer`."""


def hostile(court: Court, answer: int) -> Any:
    """A funded wallet that answers a question about a signature like this."""
    of, wallet = court.bourse, accounts[1].deploy(HostileWallet)
    wallet.set(answer, {"from": accounts[1]})
    of.token.mint(of.address(THIEF), 10 * USD, of.sends(THIEF))
    of.token.approve(of.market, 10 * USD, of.sends(THIEF))
    of.market.depositFor(wallet, 10 * USD, of.sends(THIEF))
    return wallet


def bad_bids(court: Court, wallets: list[Any], start: int) -> list[Fill]:
    """Three of wallets, and eight that are wrong in ways of their own."""
    of = court.bourse
    bad = [
        *(Fill(replace(of.bid(nonce=0), buyer=wallet.address), signature=b"\1" * 65)
          for wallet in wallets),
        Fill(of.bid("stranger")),
        Fill(of.bid(THIEF, max_price_per_gpu_hour=2**64 - 1), milli=2**32 - 1),
        Fill(of.bid(THIEF), duration=2**32 - 1),
        Fill(of.bid(THIEF), start=2**40 - 1, duration=2**32 - 1),
        Fill(of.bid(THIEF), proof=tuple(keccak(bytes([i])) for i in range(200))),
        Fill(of.bid(THIEF, budget=1)),
        Fill(of.bid(THIEF, deadline=2**40 - 1)),
        Fill(of.bid(THIEF, nonce=2**64 - 1)),
    ]  # fmt: skip
    return [wanted if wanted.start else replace(wanted, start=start) for wanted in bad]


class TestFill:
    def test_batch__full_of_bad_bids__fills_the_good_one_at_their_cost_only(
        self, court: Court
    ) -> None:
        of, start = court.bourse, court.bourse.next_hour()
        wallets = [hostile(court, answer) for answer in (BURN, BOMB, REVERT_BOMB)]
        bad = bad_bids(court, wallets, start)
        good = Fill(of.bid(), start=start)
        ask = of.ask(terms=PLAIN)
        addresses = tuple(wallet.address for wallet in wallets)
        spent: list[int] = []

        def attack() -> None:
            outcome = of.fill(ask, *bad, good)
            assert outcome.reasons == (
                (
                    *(reason("BadSignature"),) * 3,
                    reason("InsufficientBalance"),
                    reason("MilliOutsideLimits"),
                    reason("DurationOutsideLimits"),
                    reason("DurationOutsideLimits"),
                    reason("ClassNotAccepted"),
                    reason("OverBudget"),
                    reason("OrderLifeTooLong"),
                    reason("NonceSpent"),
                    OK,
                ),
            )
            spent.append(outcome.tx.gas_used)

        lease = Lease(of.series(start=start) & ~(2**256 - 2**120) | PLAIN << 120, "buyer", start, 0)
        gains = money(court, attack, lease, others=addresses)
        assert gains == {"buyer": -PRICE, "escrow": PRICE}
        alone = of.fill(ask, Fill(of.bid("other"), start=start + HOUR)).tx.gas_used
        # Three wallets burn what they are given; the rest, calldata included, is cheap.
        assert spent[0] < alone + 3 * WALLET_GAS + len(bad) * 25_000 + 200 * 1_200

    def test_batch__groups_that_fail__leave_the_others_alone(self, court: Court) -> None:
        of, start = court.bourse, court.bourse.next_hour()
        good = of.group(of.ask(terms=PLAIN), Fill(of.bid(), start=start))
        lies = [
            of.group(of.ask(terms=2**64 - 1), Fill(of.bid(THIEF))),
            of.group(of.ask(terms=PLAIN, seller=of.address(THIEF)), Fill(of.bid(THIEF))),
            of.group(of.ask(terms=PLAIN, series=1), Fill(of.bid(THIEF))),
            of.group(of.ask(terms=PLAIN, epoch=9), Fill(of.bid(THIEF))),
            of.group(of.ask(terms=PLAIN)),
        ]
        outcome = of.send("fill", [*lies, good])
        assert outcome.reasons == (
            (reason("TermsNotSellers"),),
            (reason("TermsNotSellers"),),
            (reason("WrongMarket"),),
            (reason("EpochMismatch"),),
            (),
            (OK,),
        )
        assert of.balance("buyer") == 1_000 * USD - PRICE

    def test_filler__gives_too_little_gas__changes_nothing(self, court: Court) -> None:
        """Gas that runs out inside a wallet's answer skips its bid; outside, all is undone."""
        of, start = court.bourse, court.bourse.next_hour()
        wanted = Fill(of.bid(), start=start)
        group = of.group(of.ask(terms=PLAIN), wanted)
        with unharmed(court):
            for gas in (60_000, 100_000, 140_000):
                data = of.market.fill.encode_input([group])
                assert sent(of.market, data, of.address(THIEF), gas)


class TestResale:
    def test_batch__bad_sales_first__good_one_goes_through(self, court: Court) -> None:
        of = court.bourse
        lease = court.lease("buyer", start=of.next_hour(4), terms=PLAIN)
        wallet = hostile(court, BURN)
        ask = offer(of, lease.series, "buyer")
        units_of_nobody = offer(of, lease.series, THIEF)
        bomb = taking(of, lease.series, bid=replace(of.bid(nonce=0), buyer=wallet.address),
                      signature=b"\1")  # fmt: skip
        good = taking(of, lease.series, "other")
        groups = [of.group(units_of_nobody, good), of.group(ask, bomb, good)]
        outcome = resell_all(of, groups)
        assert outcome.reasons == ((reason("NoPosition"),), (reason("BadSignature"), OK))


class TestRedeemAndClose:
    def test_vouchers__absurd_ones_first__good_one_pays(self, court: Court) -> None:
        of, lease = court.bourse, court.running()
        signed = of.signed
        absurd = [
            signed(court.voucher(lease, 2**64 - 1)),
            signed(court.voucher(lease, 1, missed_intervals=2**32 - 1), agent="agent"),
            signed(court.voucher(lease, 2**64 - 1, missed_intervals=2**32 - 1), agent="agent"),
            signed(replace(court.voucher(lease, 1), series=2**256 - 1)),
            signed(replace(court.voucher(lease, 1), series=0)),
        ]
        outcome = of.redeem(*absurd, signed(court.voucher(lease, 60_000)))
        more, none = reason("MoreThanElapsed"), reason("NoPosition")
        assert outcome.reasons == (more, more, more, none, none, OK)
        assert court.used(lease) == 60_000

    def test_closings__absurd_ones_first__good_one_refunds_once(self, court: Court) -> None:
        of, lease = court.bourse, court.lease(THIEF, terms=PLAIN)
        at(lease.end + 25 * HOUR)
        good = (lease.series, THIEF)
        bad = [(0, THIEF), (2**256 - 1, "buyer"), (lease.series, "buyer")]

        def attack() -> None:
            outcome = of.close(*bad, good, good, by=THIEF)
            none = reason("NoPosition")
            assert outcome.reasons == (none, none, none, OK, none)

        assert money(court, attack, lease) == {THIEF: PRICE, "escrow": -PRICE}
