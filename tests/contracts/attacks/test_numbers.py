"""Numbers at the ends of their ranges: nonces, epochs, money, milli, times."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arbiters import Court
from attacks.loot import THIEF, refusal, sent, unharmed
from bourse import HOUR, OK, PRICE, USD, Fill
from brownie import chain, web3
from words import reason

from contracts.protocol.hashing import keccak

PLAIN = 1
LAST_NONCE = 2**32 - 1
LAST_EPOCH = 2**32 - 1
ALL_MONEY = 2**64 - 1


def account_slot(court: Court, name: str) -> int:
    """Where the account's word lies: found by its content, whatever comes before it."""
    of = court.bourse
    address = int(of.address(name), 16).to_bytes(32, "big")
    state = of.market.accountOf(of.address(name))
    word = int(state[0]) | int(state[1]) << 64 | int(state[2]) << 96 | int(state[3]) << 128
    for place in range(20):
        slot = int.from_bytes(keccak(address + place.to_bytes(32, "big")), "big")
        if int.from_bytes(web3.eth.get_storage_at(of.market.address, slot), "big") == word:
            return slot
    raise AssertionError("no such word")


class TestNonces:
    def test_nonce__far_ahead__kills_the_makers_own_older_orders_only(self, court: Court) -> None:
        """Whoever signs the last nonce has 128 orders left in this epoch; nobody else can do it
        to an account, and a new epoch begins at 0."""
        of, start = court.bourse, court.bourse.next_hour()
        far, near = of.bid(THIEF, nonce=LAST_NONCE), of.bid(THIEF, nonce=5)
        others = of.bid("buyer", nonce=5)
        beyond = of.bid(THIEF, nonce=LAST_NONCE + 1)
        ask = of.ask(terms=PLAIN)
        wanted = [Fill(bid, 1000, start + i * HOUR) for i, bid in enumerate((far, near, others))]
        outcome = of.fill(ask, *wanted, Fill(beyond, start=start))
        assert outcome.reasons == ((OK, reason("NonceSpent"), OK, reason("NonceSpent")),)
        state = tuple(of.market.accountOf(of.address(THIEF)))
        assert state[1:] == (0, LAST_NONCE - 127, 1 << 127)
        inside = of.bid(THIEF, nonce=LAST_NONCE - 127)
        again = of.fill(ask, Fill(inside, start=start + 3 * HOUR))
        assert again.reasons == ((OK,),)
        of.market.cancelAll(of.sends(THIEF))
        assert tuple(of.market.accountOf(of.address(THIEF)))[1:] == (1, 0, 0)
        begun = replace(near, epoch=1, nonce=0)
        assert of.fill(ask, Fill(begun, start=start + 4 * HOUR)).reasons == ((OK,),)

    def test_cancel__nonces_out_of_range__moves_no_window(self, court: Court) -> None:
        of = court.bourse
        with unharmed(court):
            data = of.market.cancel.encode_input([LAST_NONCE + 1, 2**64 - 1])
            assert sent(of.market, data, of.address(THIEF)) == ""

    def test_epoch__at_its_end__stops_and_does_not_begin_again(self, court: Court) -> None:
        """After four billion epochs the count stops: old orders do not come back to life."""
        of, slot = court.bourse, account_slot(court, THIEF)
        word = 500 * USD | LAST_EPOCH << 64
        web3.provider.make_request(
            "evm_setAccountStorageAt", [of.market.address, hex(slot), f"0x{word:064x}"]
        )
        assert tuple(of.market.accountOf(of.address(THIEF))) == (500 * USD, LAST_EPOCH, 0, 0)
        with unharmed(court):
            assert sent(of.market, of.market.cancelAll.encode_input(), of.address(THIEF))
        bid, old = (of.bid(THIEF, nonce=0, epoch=epoch) for epoch in (LAST_EPOCH, 0))
        outcome = of.fill(of.ask(terms=PLAIN), Fill(old), Fill(bid))
        assert outcome.reasons == ((reason("EpochMismatch"), OK),)


class TestMoney:
    def test_deposit__up_to_64_bits__then_no_unit_more(self, court: Court) -> None:
        """The whole of the books fits an account, so no credit can carry into an epoch."""
        of = court.bourse
        rest = ALL_MONEY - int(of.market.totalHeld())
        of.pay_in(THIEF, rest)
        of.token.mint(of.address(THIEF), 1, of.sends(THIEF))
        of.token.approve(of.market, 1, of.sends(THIEF))
        with unharmed(court):
            assert refusal(court, THIEF, of.market, "deposit", 1) == "HeldLimit"
        assert tuple(of.market.accountOf(of.address(THIEF)))[1:] == (0, 0, 0)
        assert of.balance(THIEF) == rest + 500 * USD

    def test_fill__dearest_price_and_longest_window__costs_what_it_says_or_nothing(
        self, court: Court
    ) -> None:
        """Products of units and ticks beyond 64 bits are too dear, not small."""
        of, start = court.bourse, court.bourse.next_hour()
        of.pay_in(THIEF, ALL_MONEY - int(of.market.totalHeld()))
        highest = (2**40 - 1) * 1_000
        ask = of.ask(terms=PLAIN, price_per_gpu_hour=highest)
        bid = of.bid(THIEF, milli=400_000, max_price_per_gpu_hour=2**64 - 1)
        week = Fill(bid, 400_000, start, 168 * HOUR, highest)
        assert 400_000 * 168 * highest // 1_000 > ALL_MONEY
        above = replace(week, price=highest + 1_000)
        with unharmed(court):
            outcome = of.fill(ask, week, above)
            expected = (reason("InsufficientBalance"), reason("PriceOffTick"))
            assert outcome.reasons == (expected,)
        before = of.balance(THIEF)
        hour = Fill(bid, 1000, start, HOUR, highest)
        assert of.fill(ask, hour).reasons == ((OK,),)
        assert before - of.balance(THIEF) == highest

    def test_bond__of_everything__counts_and_comes_back(self, court: Court) -> None:
        of = court.bourse
        of.pay_in(THIEF, ALL_MONEY - int(of.market.totalHeld()))
        everything = of.balance(THIEF)
        of.market.bond(everything, of.sends(THIEF))
        with unharmed(court):
            assert refusal(court, THIEF, of.market, "bond", 1) == "InsufficientBalance"
        of.registry.requestUnbonding(everything, of.sends(THIEF))
        chain.mine(timestamp=int(of.registry.bondOf(of.address(THIEF))[2]))
        of.market.releaseBond(of.address(THIEF), of.sends("stranger"))
        assert of.balance(THIEF) == everything


class TestTimes:
    def test_fill__absurd_times_and_amounts__skipped_without_a_revert(self, court: Court) -> None:
        of, now = court.bourse, chain.time()
        ask = of.ask(terms=PLAIN)
        wide: dict[str, Any] = {
            "milli": 2**32 - 1,
            "window_start": 0,
            "window_end": 2**40 - 1,
            "max_duration": 2**32 - 1,
        }
        far = of.ask(terms=PLAIN, window_start=0, window_end=2**40 - 1)
        bids = [of.bid(THIEF, **wide) for _ in range(5)]
        wanted = [
            Fill(bids[0], 1000, 2**40 - HOUR - 1, HOUR),
            Fill(bids[1], 1000, now + 91 * 24 * HOUR, HOUR),
            Fill(bids[2], 2**32 - 1 - (2**32 - 1) % 1000, of.next_hour(), 36),
            Fill(bids[3], 1000, of.next_hour(), 2**32 - 1),
            Fill(bids[4], 1000, now - 3_000, HOUR),
        ]
        with unharmed(court):
            outcome = of.fill(far, *wanted)
            start, poor = reason("StartOutsideLimits"), reason("InsufficientBalance")
            long = reason("DurationOutsideLimits")
            assert outcome.reasons == ((start, start, poor, long, start),)
        assert ask.price_per_gpu_hour == PRICE
