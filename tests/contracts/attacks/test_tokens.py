"""Payment tokens that take, lie, shrink or grow, and money that nobody accounts for."""

from __future__ import annotations

from typing import Any

import pytest
from arbiters import Court, at
from attacks.loot import THIEF, money, refusal, sent
from bourse import PRICE, USD, Bourse, deploy, open_for_business
from brownie import FickleToken, accounts, chain
from words import reverts

HONEST, LIES, SAYS_NOTHING = range(3)
"""`FickleToken.Manner`."""
ALL = 2_100 * USD
"""What the provider and two buyers paid in."""


@pytest.fixture(scope="module")
def opened() -> Bourse:
    """A bourse of a token that does what a test wants; built once."""
    return open_for_business(deploy(accounts[1].deploy(FickleToken)), devices=1)


@pytest.fixture
def fickle(opened: Bourse) -> Any:
    """The thief has 100 of the token and has allowed the market to take them."""
    chain.snapshot()
    opened.nonces.clear()
    opened.token.mint(opened.address(THIEF), 100 * USD, opened.sends(THIEF))
    opened.token.approve(opened.market, 2**255, opened.sends(THIEF))
    yield opened
    chain.revert()


def books(of: Bourse) -> tuple[int, int, int]:
    """The thief's balance, what is accounted for, and what is there."""
    return of.balance(THIEF), int(of.market.totalHeld()), int(of.token.balanceOf(of.market))


class TestLies:
    @pytest.mark.parametrize("manner", [LIES, SAYS_NOTHING])
    def test_deposit__token_moves_nothing__credits_nothing(
        self, fickle: Bourse, manner: int
    ) -> None:
        """Whether it answers false or claims success: only what arrived counts."""
        fickle.token.behave(manner, {"from": accounts[1]})
        data = fickle.market.deposit.encode_input(100 * USD)
        assert sent(fickle.market, data, fickle.address(THIEF))
        assert books(fickle) == (0, ALL, ALL)
        assert fickle.token.balanceOf(fickle.address(THIEF)) == 100 * USD

    def test_withdraw__token_says_no__balance_stays(self, fickle: Bourse) -> None:
        before = fickle.balance("buyer")
        fickle.token.behave(LIES, {"from": accounts[1]})
        data = fickle.market.withdraw.encode_input(fickle.address("buyer"), before)
        assert sent(fickle.market, data, fickle.address("buyer"))
        assert fickle.balance("buyer") == before
        assert books(fickle) == (0, ALL, ALL)


class TestFees:
    def test_fee_on_transfer__depositor_and_withdrawer_bear_it_alone(self, fickle: Bourse) -> None:
        fickle.token.setFee(500, {"from": accounts[1]})
        fickle.market.deposit(100 * USD, fickle.sends(THIEF))
        assert books(fickle) == (95 * USD, ALL + 95 * USD, ALL + 95 * USD)
        fickle.market.withdraw(fickle.address(THIEF), 95 * USD, fickle.sends(THIEF))
        assert books(fickle) == (0, ALL, ALL)
        assert fickle.token.balanceOf(fickle.address(THIEF)) == 95 * USD * 95 // 100

    def test_fee_of_everything__is_no_deposit(self, fickle: Bourse) -> None:
        fickle.token.setFee(10_000, {"from": accounts[1]})
        with reverts("ZeroAmount"):
            fickle.market.deposit(100 * USD, fickle.sends(THIEF))
        assert books(fickle) == (0, ALL, ALL)


class TestRebase:
    def test_token_grows__nobody_gets_the_surplus(self, fickle: Bourse) -> None:
        fickle.market.deposit(100 * USD, fickle.sends(THIEF))
        fickle.token.rebase(fickle.market, 3 * ALL, {"from": accounts[1]})
        assert books(fickle) == (100 * USD, ALL + 100 * USD, 3 * ALL)
        with reverts("InsufficientBalance", 100 * USD, 100 * USD + 1):
            fickle.market.withdraw(fickle.address(THIEF), 100 * USD + 1, fickle.sends(THIEF))
        assert books(fickle) == (100 * USD, ALL + 100 * USD, 3 * ALL)

    def test_token_shrinks__the_first_out_are_whole_and_the_last_wait(self, fickle: Bourse) -> None:
        """The assumption about the token: such a one must not be listed. Books do not shrink with
        it, so what is missing is missing to whoever withdraws last, and to nobody else."""
        fickle.token.rebase(fickle.market, ALL - 50 * USD, {"from": accounts[1]})
        for name in ("buyer", "other"):
            fickle.market.withdraw(fickle.address(name), 1_000 * USD, fickle.sends(name))
            assert fickle.token.balanceOf(fickle.address(name)) == 1_000 * USD
        # The provider has 50 in its account and 50 bonded; 50 are there.
        fickle.market.withdraw(fickle.address("provider"), 50 * USD, fickle.sends("provider"))
        fickle.registry.requestUnbonding(50 * USD, fickle.sends("provider"))
        chain.mine(timestamp=int(fickle.registry.bondOf(fickle.address("provider"))[2]))
        fickle.market.releaseBond(fickle.address("provider"), fickle.sends(THIEF))
        with reverts("ERC20InsufficientBalance", fickle.market.address, 0, 50 * USD):
            fickle.market.withdraw(fickle.address("provider"), 50 * USD, fickle.sends("provider"))
        assert fickle.balance("provider") == 50 * USD


class TestDonation:
    def test_tokens_sent_to_the_market__are_nobodys_and_change_no_price(self, court: Court) -> None:
        of, lease = court.bourse, court.running()
        of.token.mint(of.market, 777 * USD, of.sends(THIEF))
        held = int(of.market.totalHeld())
        assert of.token.balanceOf(of.market) == held + 777 * USD
        assert refusal(court, THIEF, of.market, "withdraw", of.address(THIEF), 777 * USD) == (
            "InsufficientBalance"
        )
        at(lease.end)

        def live() -> None:
            court.redeem(lease, 1000 * 3600, is_final=True)
            court.close(lease)

        fee = PRICE // 100
        assert money(court, live, lease) == {
            "provider": PRICE - fee,
            "treasury": fee,
            "escrow": -PRICE,
        }
        assert of.market.totalHeld() == held
