"""What people do with their accounts."""

from __future__ import annotations

from collections.abc import Sequence

from model.parts import ZERO, Account, Refused
from model.state import State


def deposit(state: State, caller: str, account: str, amount: int) -> None:
    if account == ZERO:
        raise Refused("ZeroAddress")
    if amount > state.tokens[caller]:
        raise Refused("ERC20InsufficientBalance")
    if amount == 0:
        raise Refused("ZeroAmount")
    state.tokens[caller] -= amount
    state.tokens[state.market] += amount
    state.credit(account, amount)


def withdraw(state: State, caller: str, to: str, amount: int) -> None:
    if to in (ZERO, state.market):
        raise Refused("ZeroAddress")
    if amount == 0:
        raise Refused("ZeroAmount")
    state.debit(caller, amount)
    state.tokens[state.market] -= amount
    state.tokens[to] += amount


def donate(state: State, caller: str, amount: int) -> None:
    """Tokens sent without `deposit` are nobody's."""
    if amount > state.tokens[caller]:
        raise Refused("ERC20InsufficientBalance")
    state.tokens[caller] -= amount
    state.tokens[state.market] += amount
    state.donated += amount


def set_delegate(state: State, caller: str, delegate: str) -> None:
    previous = state.delegates.pop(caller, caller)
    if delegate not in (ZERO, caller):
        state.delegates[caller] = delegate
    if state.delegates.get(caller, caller) != previous:
        state.delegate_until[caller, previous] = state.now + state.times.redeem_grace


def cancel(state: State, caller: str, nonces: Sequence[int]) -> None:
    for nonce in nonces:
        state.accounts[caller].spend(nonce)


def cancel_all(state: State, caller: str) -> None:
    account = state.accounts[caller]
    state.accounts[caller] = Account(account.balance, account.epoch + 1)


def bond(state: State, caller: str, amount: int) -> None:
    if amount == 0:
        raise Refused("ZeroAmount")
    state.debit(caller, amount)
    state.bonds[caller].bonded += amount


def request_unbonding(state: State, caller: str, amount: int) -> None:
    bonded = state.bonds[caller]
    if amount == 0:
        raise Refused("ZeroAmount")
    if amount > bonded.bonded:
        raise Refused("InsufficientBond")
    ends = [c.last_sold_end for (owner, _), c in state.capacities.items() if owner == caller]
    last_sold = max([state.now, *ends])
    bonded.bonded -= amount
    bonded.unbonding += amount
    bonded.unbonding_ends = last_sold + state.times.redeem_grace + state.times.longest_case


def release_bond(state: State, caller: str, account: str) -> None:
    del caller  # anybody
    leaving = state.bonds[account]
    if leaving.unbonding == 0:
        raise Refused("NothingUnbonding")
    if state.now < leaving.unbonding_ends:
        raise Refused("UnbondingNotOver")
    state.credit(account, leaving.unbonding)
    leaving.unbonding = leaving.unbonding_ends = 0
