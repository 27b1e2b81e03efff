"""Random calls of account owners, and of anybody for them."""

from __future__ import annotations

from model import accounts
from model.parts import ZERO

from stateful.play import Play

PEOPLE = ("buyer", "other", "provider", "rival", "stranger", "arbiter1", "auditor1", "treasury")


def deposit(play: Play) -> None:
    caller, account = play.address(play.pick(*PEOPLE)), play.address(play.pick(*PEOPLE, "wallet"))
    account = ZERO if play.one_in(20) else account
    amount = play.pick(0, 1, 77_777, 30_000_000, 10**12)
    play.call(caller, "market", "depositFor", [account, amount], accounts.deposit, account, amount)


def withdraw(play: Play) -> None:
    caller = play.address(play.pick(*PEOPLE))
    balance = play.model.accounts[caller].balance
    to = play.address(play.pick("stranger", "buyer"))
    to = play.pick(ZERO, play.model.market) if play.one_in(15) else to
    amount = play.pick(0, 1, balance // 3, balance // 3, balance, balance + 1)
    play.call(caller, "market", "withdraw", [to, amount], accounts.withdraw, to, amount)


def donate(play: Play) -> None:
    caller, amount = play.address("stranger"), 3
    play.call(caller, "token", "transfer", [play.model.market, amount], accounts.donate, amount)


def set_delegate(play: Play) -> None:
    caller = play.address(play.pick("buyer", "other"))
    delegate = play.pick(ZERO, caller, play.address("delegate"), play.address("treasury"))
    play.call(caller, "market", "setDelegate", [delegate], accounts.set_delegate, delegate)


def cancel(play: Play) -> None:
    who = play.address(play.pick("buyer", "other", "provider"))
    recent = play.nonces.get(who, 0)
    nonces = [recent + play.pick(0, 1, 2, 3, 140) for _ in range(play.pick(1, 2, 3))]
    nonces += [1 << 33] if play.one_in(10) else []
    play.call(who, "market", "cancel", [nonces], accounts.cancel, nonces)


def cancel_all(play: Play) -> None:
    who = play.address(play.pick("buyer", "other", "provider", "rival"))
    play.nonces.pop(who, None)
    play.call(who, "market", "cancelAll", [], accounts.cancel_all)


def bond(play: Play) -> None:
    caller = play.address(play.pick("provider", "rival", "stranger", "arbiter1", "auditor2"))
    amount = play.pick(0, 1_000_000, 5_000_000, 20_000_000)
    play.call(caller, "market", "bond", [amount], accounts.bond, amount)


def request_unbonding(play: Play) -> None:
    caller = play.address(play.pick("provider", "rival", "stranger", "arbiter1"))
    bonded = play.model.bonds[caller].bonded
    amount = play.pick(0, 1, 1, 250_000, bonded // 2, bonded + 1)
    play.call(caller, "registry", "requestUnbonding", [amount], accounts.request_unbonding, amount)


def release_bond(play: Play) -> None:
    leaving = [who for who, bonded in play.model.bonds.items() if bonded.unbonding]
    account = play.pick(*leaving, play.address("provider"))
    play.call(
        play.address("other"), "market", "releaseBond", [account], accounts.release_bond, account
    )
