"""Money in and out, delegates, cancellation and the bond."""

from __future__ import annotations

import brownie
import pytest
from bourse import HOUR, OK, REDEEM_GRACE, USD, ZERO, Bourse, Fill, deploy
from brownie import HostileToken, accounts, chain
from leases import UNBONDING
from words import reason, reverts

from contracts.protocol.hashing import keccak


class TestDeposit:
    def test_deposit__own__credited(self, bourse: Bourse) -> None:
        held = bourse.market.totalHeld()
        bourse.token.mint(bourse.address("stranger"), 7, bourse.sends("stranger"))
        bourse.token.approve(bourse.market, 7, bourse.sends("stranger"))
        tx = bourse.market.deposit(7, bourse.sends("stranger"))
        assert bourse.balance("stranger") == 7
        assert bourse.market.totalHeld() == held + 7
        stranger = bourse.address("stranger")
        assert dict(tx.events["Deposited"]) == {"account": stranger, "from": stranger, "amount": 7}

    def test_deposit__for_somebody__credited_to_them(self, bourse: Bourse) -> None:
        bourse.token.mint(bourse.address("stranger"), 7, bourse.sends("stranger"))
        bourse.token.approve(bourse.market, 7, bourse.sends("stranger"))
        bourse.market.depositFor(bourse.address("rival"), 7, bourse.sends("stranger"))
        assert (bourse.balance("rival"), bourse.balance("stranger")) == (7, 0)

    def test_deposit__zero_account__refused(self, bourse: Bourse) -> None:
        with reverts("ZeroAddress"):
            bourse.market.depositFor(ZERO, 1, bourse.sends("buyer"))

    def test_deposit__nothing__refused(self, bourse: Bourse) -> None:
        with reverts("ZeroAmount"):
            bourse.market.deposit(0, bourse.sends("buyer"))

    def test_deposit__without_allowance__refused(self, bourse: Bourse) -> None:
        before = bourse.state()
        with brownie.reverts():
            bourse.market.deposit(1, bourse.sends("buyer"))
        assert bourse.state() == before

    def test_deposit__over_64_bits_in_total__refused(self, bourse: Bourse) -> None:
        room = 2**64 - 1 - bourse.market.totalHeld()
        bourse.pay_in("stranger", room)
        bourse.token.mint(bourse.address("rival"), 1, bourse.sends("rival"))
        bourse.token.approve(bourse.market, 1, bourse.sends("rival"))
        with reverts("HeldLimit", 2**64, 2**64 - 1):
            bourse.market.deposit(1, bourse.sends("rival"))

    def test_deposit__donation__ignored(self, bourse: Bourse) -> None:
        held = bourse.market.totalHeld()
        bourse.token.mint(bourse.market, 5, bourse.sends("stranger"))
        assert bourse.market.totalHeld() == held


class TestWithdraw:
    def test_withdraw__to_another__moves_tokens(self, bourse: Bourse) -> None:
        held, balance = bourse.market.totalHeld(), bourse.balance("buyer")
        rival = bourse.address("rival")
        tx = bourse.market.withdraw(rival, 3 * USD, bourse.sends("buyer"))
        assert bourse.token.balanceOf(rival) == 3 * USD
        assert bourse.balance("buyer") == balance - 3 * USD
        assert bourse.market.totalHeld() == held - 3 * USD
        assert dict(tx.events["Withdrawn"]) == {
            "account": bourse.address("buyer"),
            "to": rival,
            "amount": 3 * USD,
        }

    def test_withdraw__more_than_balance__refused(self, bourse: Bourse) -> None:
        before = bourse.state()
        with reverts("InsufficientBalance", 1000 * USD, 1000 * USD + 1):
            bourse.market.withdraw(bourse.address("buyer"), 1000 * USD + 1, bourse.sends("buyer"))
        assert bourse.state() == before

    def test_withdraw__huge__refused(self, bourse: Bourse) -> None:
        with reverts("InsufficientBalance", 1000 * USD, 2**256 - 1):
            bourse.market.withdraw(bourse.address("buyer"), 2**256 - 1, bourse.sends("buyer"))

    def test_withdraw__zero_amount__refused(self, bourse: Bourse) -> None:
        with reverts("ZeroAmount"):
            bourse.market.withdraw(bourse.address("buyer"), 0, bourse.sends("buyer"))

    def test_withdraw__to_nobody_or_market__refused(self, bourse: Bourse) -> None:
        for to in (ZERO, bourse.market.address):
            with reverts("ZeroAddress"):
                bourse.market.withdraw(to, 1, bourse.sends("buyer"))


class TestHostileToken:
    def test_token__takes_fee__credited_by_what_arrived(self, isolated: None) -> None:
        token = accounts[1].deploy(HostileToken)
        hostile = deploy(token)
        token.setFee(1000, {"from": accounts[1]})
        hostile.pay_in("buyer", 1000)
        assert (hostile.balance("buyer"), hostile.market.totalHeld()) == (900, 900)

    @pytest.mark.parametrize("inner", ["deposit", "withdraw"])
    @pytest.mark.parametrize("outer", ["deposit", "withdraw"])
    def test_token__reenters__guarded(self, isolated: None, inner: str, outer: str) -> None:
        token = accounts[1].deploy(HostileToken)
        hostile = deploy(token)
        hostile.pay_in("buyer", 100)
        token.mint(hostile.address("buyer"), 100, {"from": accounts[1]})
        token.approve(hostile.market, 100, hostile.sends("buyer"))
        attack = {
            "deposit": hostile.market.depositFor.encode_input(token.address, 10),
            "withdraw": hostile.market.withdraw.encode_input(token.address, 10),
        }[inner]
        token.arm(hostile.market, attack, {"from": accounts[1]})
        if outer == "deposit":
            hostile.market.deposit(50, hostile.sends("buyer"))
        else:
            hostile.market.withdraw(hostile.address("buyer"), 50, hostile.sends("buyer"))
        assert not token.attackSucceeded()
        guard = keccak(b"ReentrancyGuardReentrantCall()")[:4]
        assert bytes(token.attackResult()) == guard
        expected = 150 if outer == "deposit" else 50
        assert hostile.balance("buyer") == expected == token.balanceOf(hostile.market)


class TestDelegate:
    def test_delegate__none_set__account_itself(self, bourse: Bourse) -> None:
        buyer = bourse.address("buyer")
        assert bourse.market.delegateOf(buyer) == buyer
        assert bourse.market.isDelegate(buyer, buyer)
        assert not bourse.market.isDelegate(buyer, ZERO)

    def test_delegate__replaced_twice__both_count_for_grace(self, bourse: Bourse) -> None:
        buyer, first, second = (bourse.address(n) for n in ("buyer", "delegate", "rival"))
        tx = bourse.market.setDelegate(first, bourse.sends("buyer"))
        event = tx.events["DelegateChanged"]
        assert (event["delegate"], event["previous"]) == (first, buyer)
        assert event["previousUntil"] == tx.timestamp + REDEEM_GRACE
        bourse.market.setDelegate(second, bourse.sends("buyer"))
        assert bourse.market.delegateOf(buyer) == second
        assert all(bourse.market.isDelegate(buyer, key) for key in (buyer, first, second))
        chain.mine(timestamp=chain.time() + REDEEM_GRACE + 5)
        assert [bourse.market.isDelegate(buyer, key) for key in (buyer, first, second)] == [
            True,  # the account itself always counts
            False,
            True,
        ]

    def test_delegate__zero__account_itself_again(self, bourse: Bourse) -> None:
        buyer = bourse.address("buyer")
        bourse.market.setDelegate(bourse.address("delegate"), bourse.sends("buyer"))
        bourse.market.setDelegate(ZERO, bourse.sends("buyer"))
        assert bourse.market.delegateOf(buyer) == buyer

    def test_delegate__unchanged__no_event(self, bourse: Bourse) -> None:
        for same in (ZERO, bourse.address("buyer")):
            assert len(bourse.market.setDelegate(same, bourse.sends("buyer")).events) == 0


class TestCancel:
    def test_cancel__in_window__only_those_spent(self, bourse: Bourse) -> None:
        buyer = bourse.address("buyer")
        tx = bourse.market.cancel([3, 5, 127], bourse.sends("buyer"))
        assert tx.events["NoncesCancelled"]["nonces"] == (3, 5, 127)
        spent = [n for n in range(130) if not bourse.market.isNonceOpen(buyer, n)]
        assert spent == [3, 5, 127]
        assert bourse.balance("buyer") == 1000 * USD

    def test_cancel__beyond_window__moves_it(self, bourse: Bourse) -> None:
        buyer = bourse.address("buyer")
        bourse.market.cancel([1, 100], bourse.sends("buyer"))
        bourse.market.cancel([150], bourse.sends("buyer"))
        assert bourse.market.accountOf(buyer)[2] == 23
        open_ = [
            bourse.market.isNonceOpen(buyer, n) for n in (0, 22, 23, 99, 100, 101, 149, 150, 151)
        ]
        assert open_ == [False, False, True, True, False, True, True, False, True]
        bourse.market.cancel([1000], bourse.sends("buyer"))
        assert bourse.market.accountOf(buyer)[2:] == (873, 1 << 127)

    def test_cancel__spent_or_out_of_range__changes_nothing(self, bourse: Bourse) -> None:
        buyer = bourse.address("buyer")
        bourse.market.cancel([200], bourse.sends("buyer"))
        before = bourse.market.accountOf(buyer)
        bourse.market.cancel([200, 5, 2**32, 2**64 - 1], bourse.sends("buyer"))
        assert bourse.market.accountOf(buyer) == before
        assert not bourse.market.isNonceOpen(buyer, 2**32)
        assert bourse.market.isNonceOpen(buyer, 2**32 - 1)

    def test_cancel_all__raises_epoch__nonces_begin_again(self, bourse: Bourse) -> None:
        old = bourse.bid(nonce=0)
        bourse.market.cancel([0, 500], bourse.sends("buyer"))
        tx = bourse.market.cancelAll(bourse.sends("buyer"))
        assert tx.events["EpochRaised"]["epoch"] == 1
        assert bourse.market.accountOf(bourse.address("buyer")) == (1000 * USD, 1, 0, 0)
        assert bourse.fill(bourse.ask(), Fill(old)).reasons == ((reason("EpochMismatch"),),)
        new = bourse.bid(nonce=0, epoch=1)
        assert bourse.fill(bourse.ask(), Fill(new)).reasons == ((OK,),)


class TestBond:
    def test_bond__from_balance__counted(self, bourse: Bourse) -> None:
        provider, held = bourse.address("provider"), bourse.market.totalHeld()
        tx = bourse.market.bond(10 * USD, bourse.sends("provider"))
        assert bourse.balance("provider") == 40 * USD
        assert bourse.registry.bondOf(provider)[0] == 60 * USD
        assert bourse.market.totalHeld() == held
        assert dict(tx.events["Bonded"]) == {"account": provider, "amount": 10 * USD}
        assert dict(tx.events["BondAdded"]) == {
            "account": provider,
            "amount": 10 * USD,
            "bonded": 60 * USD,
        }

    def test_bond__zero__refused(self, bourse: Bourse) -> None:
        with reverts("ZeroAmount"):
            bourse.market.bond(0, bourse.sends("provider"))

    def test_bond__over_balance__refused(self, bourse: Bourse) -> None:
        with reverts("InsufficientBalance", 50 * USD, 50 * USD + 1):
            bourse.market.bond(50 * USD + 1, bourse.sends("provider"))

    def test_bond__not_a_provider__counted_all_the_same(self, bourse: Bourse) -> None:
        """Auditors, arbiters and operators have bonds too."""
        bourse.market.bond(3 * USD, bourse.sends("buyer"))
        assert bourse.balance("buyer") == 997 * USD
        assert bourse.registry.bondOf(bourse.address("buyer")) == (3 * USD, 0, 0, 0, 0)

    def test_release__after_last_sold_hour_grace_and_case__by_anybody(self, bourse: Bourse) -> None:
        provider = bourse.address("provider")
        series = bourse.lease()
        end = bourse.market.positionOf(series, bourse.address("buyer"))[3]
        tx = bourse.registry.requestUnbonding(20 * USD, bourse.sends("provider"))
        assert tx.events["UnbondingRequested"]["ends"] == end + UNBONDING
        chain.mine(timestamp=end + UNBONDING - 5)
        with brownie.reverts(revert_pattern="UnbondingNotOver: .*"):
            bourse.market.releaseBond(provider, bourse.sends("stranger"))
        chain.mine(timestamp=end + UNBONDING)
        tx = bourse.market.releaseBond(provider, bourse.sends("stranger"))
        assert dict(tx.events["BondReleased"]) == {"account": provider, "amount": 20 * USD}
        assert bourse.balance("provider") == 70 * USD
        assert bourse.registry.bondOf(provider)[:3] == (30 * USD, 0, 0)
        with reverts("NothingUnbonding", provider):
            bourse.market.releaseBond(provider, bourse.sends("stranger"))

    def test_release__unsold__after_grace_and_longest_case(self, bourse: Bourse) -> None:
        tx = bourse.registry.requestUnbonding(50 * USD, bourse.sends("provider"))
        assert tx.events["UnbondingRequested"]["ends"] == tx.timestamp + UNBONDING
        chain.sleep(UNBONDING + HOUR)
        bourse.market.releaseBond(bourse.address("provider"), bourse.sends("other"))
        assert bourse.balance("provider") == 100 * USD
