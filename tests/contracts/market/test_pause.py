"""A pause stops fills, and nothing else: every other call works while it lasts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bourse import HOUR, OK, USD, Bourse, Fill, terms
from brownie import accounts, chain
from counting import accounted
from leases import UNBONDING, lease_on
from words import reverts

from contracts.bindings.tuples import as_tuple
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import UsageGroup

DAY = 24 * HOUR


def pause(bourse: Bourse) -> None:
    bourse.parameters.pause(7 * DAY, {"from": accounts[1]})


def money(bourse: Bourse) -> None:
    pause(bourse)
    bourse.pay_in("buyer", 5 * USD)
    bourse.market.withdraw(bourse.address("buyer"), 1005 * USD, bourse.sends("buyer"))
    assert bourse.token.balanceOf(bourse.address("buyer")) == 1005 * USD


def keys(bourse: Bourse) -> None:
    pause(bourse)
    bourse.market.setDelegate(bourse.address("delegate"), bourse.sends("buyer"))
    bourse.registry.setAgent(bourse.address("rival"), bourse.sends("provider"))
    assert bourse.market.isDelegate(bourse.address("buyer"), bourse.address("delegate"))


def cancels(bourse: Bourse) -> None:
    pause(bourse)
    bourse.market.cancel([1], bourse.sends("buyer"))
    bourse.market.cancelAll(bourse.sends("buyer"))
    assert bourse.market.accountOf(bourse.address("buyer"))[1] == 1


def usage_and_close(bourse: Bourse) -> None:
    lease = lease_on(bourse)
    lease.until(600)
    pause(bourse)
    lease.redeem(5_000)
    lease.redeem(6_000, missed_intervals=1, is_final=True)
    lease.close()


def group(bourse: Bourse) -> None:
    lease = lease_on(bourse)
    lease.until(600)
    pause(bourse)
    items = ((lease.series & ((1 << 104) - 1)) | 5_000 << 104,)
    usage = UsageGroup(bourse.address("buyer"), bourse.terms, 1000, items)
    signature = bourse.keys["buyer"].sign(usage, bourse.market_domain)
    bourse.market.redeemGroup(as_tuple(usage), signature, bourse.sends("stranger"))
    assert lease.position()[2] == 5_000


def refund_at_end(bourse: Bourse) -> None:
    lease = lease_on(bourse)
    pause(bourse)
    lease.close_at_end()
    assert bourse.balance("buyer") == 1000 * USD


def units(bourse: Bourse) -> None:
    start = bourse.next_hour()
    lease = lease_on(bourse, start=start, duration=2 * HOUR, milli=2000)
    pause(bourse)
    by, buyer, other = bourse.sends("buyer"), bourse.address("buyer"), bourse.address("other")
    bourse.market.safeTransferFrom(buyer, other, lease.series, 2000, b"", by)
    head, tail = bourse.market.split.call(lease.series, start + HOUR, 1000, by)
    bourse.market.split(lease.series, start + HOUR, 1000, by)
    bourse.market.merge(head, tail, 1000, by)
    assert lease.position()[:2] == (2000, 1000)


def supply(bourse: Bourse) -> None:
    pause(bourse)
    provider = bourse.sends("provider")
    bourse.registry.registerTerms(terms(), provider)
    bourse.attest(bourse.attestation("GPU-NEW"))
    bourse.registry.removeDevice(device_hash("GPU-NEW"), provider)
    bourse.registry.register(bourse.address("rival"), bourse.sends("rival"))
    assert bourse.registry.termsCount() == bourse.terms + 1


def bonds(bourse: Bourse) -> None:
    provider, by = bourse.address("provider"), bourse.sends("provider")
    bourse.registry.requestUnbonding(USD, by)
    chain.mine(timestamp=chain.time() + UNBONDING)
    pause(bourse)
    bourse.market.bond(USD, by)
    bourse.registry.requestUnbonding(USD, bourse.sends("provider"))
    chain.mine(timestamp=chain.time() + UNBONDING)
    pause(bourse)
    bourse.market.releaseBond(provider, bourse.sends("stranger"))
    assert bourse.registry.bondOf(provider)[:3] == (49 * USD, 0, 0)


STEPS = (money, keys, cancels, usage_and_close, group, refund_at_end, units, supply, bonds)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_paused__everything_but_fills__works(
    bourse: Bourse, step: Callable[[Bourse], None]
) -> None:
    step(bourse)
    assert bourse.parameters.paused()
    refused = bourse.group(bourse.ask(), Fill(bourse.bid("other")))
    with reverts("FillsPaused"):
        bourse.market.fill([refused], bourse.sends("stranger"))


def test_paused__over__fills_and_books_stand(bourse: Bourse) -> None:
    pause(bourse)
    chain.mine(timestamp=chain.time() + 7 * DAY + 1)
    start = bourse.next_hour()
    assert bourse.fill(bourse.ask(), Fill(bourse.bid(), start=start)).reasons == ((OK,),)
    held = (bourse.series(start=start), "buyer")
    assert bourse.market.totalHeld() == accounted(bourse, held)
