"""`depositWithPermit`: allow and pay in with one transaction (ERC-2612)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import brownie
import pytest
from bourse import HOUR, USD, Bourse
from brownie import chain
from words import reverts

from contracts.protocol.hashing import keccak

AMOUNT = 7 * USD
PERMIT = keccak(
    b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)


@dataclass(frozen=True)
class Permit:
    """What the owner signs."""

    owner: str
    spender: str
    value: int
    nonce: int
    deadline: int


def permit(bourse: Bourse, **changes: Any) -> Permit:
    owner = bourse.address("buyer")
    plain = Permit(
        owner, bourse.market.address, AMOUNT, bourse.token.nonces(owner), chain.time() + HOUR
    )
    return replace(plain, **changes)


def signature(bourse: Bourse, given: Permit, by: str = "buyer") -> tuple[int, bytes, bytes]:
    """v, r and s."""
    words = (int(given.owner, 16), int(given.spender, 16), given.value, given.nonce, given.deadline)
    struct = keccak(PERMIT + b"".join(word.to_bytes(32, "big") for word in words))
    separator = bytes(bourse.token.DOMAIN_SEPARATOR())
    signed = bourse.keys[by].sign_digest(keccak(b"\x19\x01" + separator + struct))
    return signed[64], signed[:32], signed[32:64]


def pay_in(bourse: Bourse, given: Permit, by: str = "buyer") -> Any:
    call = bourse.market.depositWithPermit
    return call(AMOUNT, given.deadline, *signature(bourse, given, by), bourse.sends("buyer"))


@pytest.fixture
def rich(bourse: Bourse) -> Bourse:
    """The buyer holds tokens and has allowed nothing."""
    bourse.token.mint(bourse.address("buyer"), AMOUNT, bourse.sends("buyer"))
    bourse.token.approve(bourse.market, 0, bourse.sends("buyer"))
    return bourse


def holdings(bourse: Bourse) -> tuple[int, ...]:
    buyer, market = bourse.address("buyer"), bourse.market
    return (
        bourse.balance("buyer"),
        bourse.token.balanceOf(buyer),
        bourse.token.balanceOf(market),
        bourse.token.allowance(buyer, market),
        market.totalHeld(),
    )


def paid_in(before: tuple[int, ...]) -> tuple[int, ...]:
    balance, tokens, held, _, total = before
    return (balance + AMOUNT, tokens - AMOUNT, held + AMOUNT, 0, total + AMOUNT)


def test_permit__valid__pays_in_at_once(rich: Bourse) -> None:
    before = holdings(rich)
    tx = pay_in(rich, permit(rich))
    assert holdings(rich) == paid_in(before)
    buyer = rich.address("buyer")
    assert dict(tx.events["Deposited"]) == {"account": buyer, "from": buyer, "amount": AMOUNT}


def test_permit__submitted_by_somebody_first__pays_in_all_the_same(rich: Bourse) -> None:
    before, given = holdings(rich), permit(rich)
    front_run = (given.owner, given.spender, AMOUNT, given.deadline, *signature(rich, given))
    rich.token.permit(*front_run, rich.sends("stranger"))
    pay_in(rich, given)
    assert holdings(rich) == paid_in(before)


def test_permit__used_twice__second_pays_nothing(rich: Bourse) -> None:
    rich.token.mint(rich.address("buyer"), AMOUNT, rich.sends("buyer"))
    given = permit(rich)
    pay_in(rich, given)
    before = holdings(rich)
    with reverts("ERC20InsufficientAllowance", rich.market.address, 0, AMOUNT):
        pay_in(rich, given)
    assert holdings(rich) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"deadline": 1},
        {"value": AMOUNT - 1},
        {"spender": "0x" + "11" * 20},
        {"nonce": 9},
        {"owner": "0x" + "22" * 20},
    ],
)
def test_permit__unfit__reverts_unless_allowed(rich: Bourse, changes: dict[str, Any]) -> None:
    before, given = holdings(rich), permit(rich, **changes)
    with reverts("ERC20InsufficientAllowance", rich.market.address, 0, AMOUNT):
        pay_in(rich, given)
    assert holdings(rich) == before
    rich.token.approve(rich.market, AMOUNT, rich.sends("buyer"))
    pay_in(rich, given)
    assert holdings(rich) == paid_in(before)


def test_permit__signed_by_another__refused(rich: Bourse) -> None:
    before = holdings(rich)
    with reverts("ERC20InsufficientAllowance", rich.market.address, 0, AMOUNT):
        pay_in(rich, permit(rich), by="stranger")
    assert holdings(rich) == before


def test_permit__of_another_sent_as_ones_own__moves_nothing_of_the_owner(rich: Bourse) -> None:
    """The permit counts for the caller only: whoever copies it pays in its own tokens or none."""
    before, given = holdings(rich), permit(rich)
    call = rich.market.depositWithPermit
    with brownie.reverts():
        call(AMOUNT, given.deadline, *signature(rich, given), rich.sends("other"))
    assert holdings(rich) == before
