"""Code of the thief that runs in the middle of a call: by the token, by a receiver of units, by a
wallet that is asked for a signature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from arbiters import Court, Lease
from attacks.loot import THIEF, money, unharmed
from bourse import HOUR, OK, PRICE, USD, Bourse, Fill, deploy, open_for_business
from brownie import HostileToken, Thief, accounts, chain
from counting import accounted, position
from secondary import offer, resell, taking
from words import reason

from contracts.bindings.tuples import as_tuple

Step = tuple[Any, str, tuple[Any, ...]]


def armed(thief: Any, *steps: Step) -> None:
    """The next time anything calls it, the thief takes these steps."""
    targets = [contract.address for contract, _, _ in steps]
    data = [getattr(contract, name).encode_input(*args) for contract, name, args in steps]
    thief.arm(targets, data, {"from": accounts[1]})


def done(thief: Any, steps: int) -> list[bool]:
    """Which of its steps went through."""
    assert thief.strikes() == 1
    return [bool(thief.went(i)) for i in range(steps)]


@dataclass(frozen=True)
class Raided:
    """A bourse whose token works for the thief, who has 100 USD in it."""

    bourse: Bourse
    thief: Any

    def held(self) -> tuple[int, int, int]:
        market = self.bourse.market
        return (
            int(market.accountOf(self.thief)[0]),
            int(market.totalHeld()),
            int(self.bourse.token.balanceOf(market)),
        )


@pytest.fixture(scope="module")
def opened() -> Raided:
    """Built once; tests ask for `raided`."""
    token = accounts[1].deploy(HostileToken)
    bourse = open_for_business(deploy(token), devices=1)
    thief = accounts[1].deploy(Thief)
    token.mint(thief, 200 * USD, {"from": accounts[1]})
    sender = {"from": accounts[1]}
    thief.run(token, token.approve.encode_input(bourse.market, 2**255), sender)
    thief.run(bourse.market, bourse.market.deposit.encode_input(100 * USD), sender)
    return Raided(bourse, thief)


@pytest.fixture
def raided(opened: Raided) -> Any:
    """The market holds 2,200 USD of others."""
    chain.snapshot()
    opened.bourse.nonces.clear()
    yield opened
    chain.revert()


class TestToken:
    def steps(self, raided: Raided) -> list[Step]:
        """All that moves tokens, and what moves money inside."""
        market, thief = raided.bourse.market, raided.thief
        return [
            (market, "withdraw", (thief.address, 100 * USD)),
            (market, "deposit", (50 * USD,)),
            (market, "depositFor", (thief.address, 50 * USD)),
            (market, "depositWithPermit", (50 * USD, 2**40, 27, b"\1" * 32, b"\1" * 32)),
            (market, "bond", (100 * USD,)),
            (market, "releaseBond", (thief.address,)),
        ]

    def test_deposit__token_calls_back__credited_once_by_what_arrived(self, raided: Raided) -> None:
        of, thief = raided.bourse, raided.thief
        steps = self.steps(raided)
        armed(thief, *steps)
        of.token.arm(thief, thief.strike.encode_input(), {"from": accounts[1]})
        thief.run(of.market, of.market.deposit.encode_input(10 * USD), {"from": accounts[1]})
        # Bonding what is its own is no theft; nothing that moves tokens went through.
        assert done(thief, len(steps)) == [False, False, False, False, True, False]
        assert raided.held() == (10 * USD, 2_210 * USD, 2_210 * USD)
        assert of.registry.bondOf(thief)[0] == 100 * USD

    def test_withdraw__token_calls_back__paid_once(self, raided: Raided) -> None:
        of, thief = raided.bourse, raided.thief
        steps = self.steps(raided)
        armed(thief, *steps)
        of.token.arm(thief, thief.strike.encode_input(), {"from": accounts[1]})
        everything = of.market.withdraw.encode_input(thief, 100 * USD)
        thief.run(of.market, everything, {"from": accounts[1]})
        assert done(thief, len(steps)) == [False] * 6
        assert raided.held() == (0, 2_100 * USD, 2_100 * USD)
        assert of.token.balanceOf(thief) == 200 * USD

    def test_deposit__token_sends_more_meanwhile__counted_once(self, raided: Raided) -> None:
        """A transfer inside the transfer arrives too, and is counted once."""
        of, thief = raided.bourse, raided.thief
        armed(thief, (of.token, "transfer", (of.market.address, 5 * USD)))
        of.token.arm(thief, thief.strike.encode_input(), {"from": accounts[1]})
        thief.run(of.market, of.market.deposit.encode_input(10 * USD), {"from": accounts[1]})
        assert done(thief, 1) == [True]
        assert raided.held() == (115 * USD, 2_215 * USD, 2_215 * USD)
        assert of.token.balanceOf(thief) == 85 * USD


class TestReceiver:
    def test_transfer__receiver_moves_cuts_sells_and_closes__units_and_money_stay(
        self, court: Court
    ) -> None:
        of, sender = court.bourse, {"from": accounts[1]}
        lease = court.lease(THIEF, start=of.next_hour(4), duration=2 * HOUR, terms=1)
        thief = accounts[1].deploy(Thief)
        series, units = lease.series, 2_000
        steps: list[Step] = [
            (of.market, "safeTransferFrom", (thief.address, of.address(THIEF), series, units, b"")),
            (of.market, "safeTransferFrom", (thief.address, of.address(THIEF), series, units, b"")),
            (of.market, "split", (series, lease.start + HOUR, 1000)),
            (of.market, "close", ([(series, thief.address)],)),
            (of.market, "withdraw", (thief.address, 1)),
            (of.market, "bond", (1,)),
        ]
        armed(thief, *steps)
        theirs = Lease(series, thief.address, lease.start, lease.end)

        def send() -> None:
            args = (of.address(THIEF), thief.address, series, units, b"")
            of.market.safeTransferFrom(*args, of.sends(THIEF))

        assert money(court, send, lease, theirs, others=(thief.address,)) == {}
        # It gave back what it had just got, and then had nothing to give, cut, close or take.
        assert done(thief, 6) == [True, False, False, True, False, False]
        assert position(of, series, thief.address) == (0,) * 6
        assert position(of, series, THIEF) == (units, 1000, 0, lease.end, 0, 0)
        assert accounted(of, (series, THIEF), others=(of.arbitration.address,)) == (
            of.market.totalHeld()
        )
        assert sender

    def test_batch_transfer__receiver_spends_what_comes__each_unit_once(self, court: Court) -> None:
        of = court.bourse
        start = of.next_hour(4)
        leases = [court.lease(THIEF, start=start + i * HOUR, terms=1) for i in range(2)]
        ids = [lease.series for lease in leases]
        thief = accounts[1].deploy(Thief)
        back = (thief.address, of.address(THIEF), ids, [1000, 1000], b"")
        armed(
            thief,
            (of.market, "merge", (*ids, 1000)),
            (of.market, "safeBatchTransferFrom", back),
        )
        there = (of.address(THIEF), thief.address, ids, [1000, 1000], b"")
        of.market.safeBatchTransferFrom(*there, of.sends(THIEF))
        assert done(thief, 2) == [True, False]
        merged = of.series(start=start, duration=2 * HOUR) & ~(2**256 - 2**120) | 1 << 120
        assert position(of, merged, thief.address) == (2000, 1000, 0, start + 2 * HOUR, 0, 0)
        for series in ids:
            assert position(of, series, THIEF) == position(of, series, thief.address) == (0,) * 6


class TestWallet:
    def test_wallet__asked_for_a_signature__cannot_move_anything(self, court: Court) -> None:
        """It is asked by a static call: every step fails, and yet it says yes, to its own cost."""
        of = court.bourse
        thief = accounts[1].deploy(Thief)
        of.pay_in(THIEF, 10 * USD)
        of.token.mint(of.address(THIEF), 10 * USD, of.sends(THIEF))
        of.token.approve(of.market, 10 * USD, of.sends(THIEF))
        of.market.depositFor(thief, 10 * USD, of.sends(THIEF))
        steps: list[Step] = [
            (of.market, "withdraw", (thief.address, 10 * USD)),
            (of.market, "cancelAll", ()),
            (of.market, "bond", (10 * USD,)),
        ]
        armed(thief, *steps)
        bid = replace(of.bid(nonce=0), buyer=thief.address)
        start = of.next_hour()
        wanted = Fill(bid, start=start, signature=b"")
        assert of.fill(of.ask(terms=1), wanted).reasons == ((OK,),)
        assert thief.strikes() == 0
        assert tuple(of.market.accountOf(thief))[:2] == (10 * USD - PRICE, 0)
        assert of.registry.bondOf(thief)[0] == 0

    def test_wallet__says_yes_to_anybody__loses_its_own_only(self, court: Court) -> None:
        """Units of one that never asks are sold by whoever likes, and nobody else's."""
        of = court.bourse
        thief = accounts[1].deploy(Thief)
        lease = court.lease("buyer", start=of.next_hour(4), terms=1)
        ask = offer(of, lease.series, "buyer", nonce=5)
        lie = replace(ask, seller=thief.address)
        with unharmed(court):
            outcome = resell(of, lie, taking(of, lease.series), signature=b"")
            assert outcome.reasons == ((reason("NoPosition"),),)
            outcome = resell(of, ask, taking(of, lease.series), signature=b"")
            assert outcome.reasons == ((reason("BadSignature"),),)
        assert as_tuple(ask)[0] == of.address("buyer")
