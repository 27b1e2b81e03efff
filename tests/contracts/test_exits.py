"""Rule 6: from every state all money leaves in time, by calls of a stranger, whoever is silent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bourse import HOUR, OK, REDEEM_GRACE, USD, Bourse
from brownie import chain
from leases import UNBONDING

SIX_DAYS = 6 * 24 * HOUR


def held(bourse: Bourse, series: int, start: int) -> int:
    """Sold, not started."""
    return 0


def running_unused(bourse: Bourse, series: int, start: int) -> int:
    """Started, no voucher ever: buyer, delegate or agent silent."""
    chain.mine(timestamp=start + 1800)
    return 0


def running_used(bourse: Bourse, series: int, start: int) -> int:
    """A voucher was redeemed, then silence."""
    chain.mine(timestamp=start + 1800)
    bourse.redeem(bourse.signed(bourse.voucher(series, 900_000)))
    return 900_000


def signed_not_redeemed(bourse: Bourse, series: int, start: int) -> int:
    """The provider is silent: a stranger submits the voucher for it."""
    chain.mine(timestamp=start + 1800)
    assert bourse.redeem(bourse.signed(bourse.voucher(series, 900_000)), by="stranger").reasons == (
        OK,
    )
    return 900_000


def final(bourse: Bourse, series: int, start: int) -> int:
    """Both said that no more is used, then silence."""
    chain.mine(timestamp=start + 1800)
    voucher = bourse.voucher(series, 900_000, is_final=True)
    bourse.redeem(bourse.signed(voucher, agent="agent"))
    return 900_000


def attestation_lapsed(bourse: Bourse, series: int, start: int) -> int:
    """The auditors are silent: the device is taken out after its expiry and its last sold hour."""
    chain.mine(timestamp=start + 300 * 24 * HOUR)
    return 0


STATES = (held, running_unused, running_used, signed_not_redeemed, final, attestation_lapsed)


@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
def test_exit__position__everything_out_by_stranger(
    bourse: Bourse, reach: Callable[[Bourse, int, int], int]
) -> None:
    start = bourse.next_hour()
    series = bourse.lease(start=start)
    used = reach(bourse, series, start)
    latest = start + HOUR + SIX_DAYS
    if chain.time() < start + HOUR + REDEEM_GRACE:
        chain.mine(timestamp=start + HOUR + REDEEM_GRACE + 1)
        assert chain.time() < latest
    assert bourse.close((series, "buyer"), by="stranger").reasons == (OK,)
    paid = used * 2000 // 3600
    assert bourse.balance("buyer") == 1000 * USD - paid
    assert bourse.balance("provider") + bourse.balance("treasury") == 50 * USD + paid
    assert bourse.market.totalHeld() == 2100 * USD


def test_exit__bond__out_by_stranger(bourse: Bourse) -> None:
    start = bourse.next_hour()
    bourse.lease(start=start)
    bourse.registry.requestUnbonding(50 * USD, bourse.sends("provider"))
    chain.mine(timestamp=start + HOUR + UNBONDING)
    bourse.market.releaseBond(bourse.address("provider"), bourse.sends("stranger"))
    assert bourse.balance("provider") == 100 * USD


def test_exit__account__own_call_needs_nobody(bourse: Bourse) -> None:
    bourse.market.withdraw(bourse.address("buyer"), 1000 * USD, bourse.sends("buyer"))
    assert bourse.token.balanceOf(bourse.address("buyer")) == 1000 * USD
