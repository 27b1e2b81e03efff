"""Keys rotated in the middle of a lease, and keys lost."""

from __future__ import annotations

import pytest
from bourse import FEE_BPS, HOUR, OK, PRICE, REDEEM_GRACE, USD, ZERO, Bourse
from brownie import chain
from counting import accounted
from leases import Lease, lease_on
from words import reason

from contracts.protocol.units import TICK, payment_down, share_down

DAY = 24 * HOUR


@pytest.fixture
def lease(bourse: Bourse) -> Lease:
    """One device for three days, an hour old."""
    found = lease_on(bourse, duration=72 * HOUR)
    found.until(HOUR)
    return found


def sent(lease: Lease, used: int, by: str, agent: str | None = None, **changes: bool) -> str:
    """The reason of one voucher signed by these keys."""
    signed = lease.bourse.signed(lease.voucher(used, **changes), by=by, agent=agent)
    return str(lease.bourse.redeem(signed).reasons[0])


def test_delegate__rotated_twice__totals_go_on(lease: Lease) -> None:
    """What an earlier key signed is not paid again, and what it signs late pays for its grace."""
    bourse, stale = lease.bourse, reason("VoucherNotNewer")
    bourse.market.setDelegate(bourse.address("delegate"), bourse.sends("buyer"))
    assert sent(lease, 10_000, "delegate") == OK
    bourse.market.setDelegate(bourse.address("rival"), bourse.sends("buyer"))
    assert sent(lease, 20_000, "rival") == OK
    assert sent(lease, 15_000, "delegate") == stale
    assert sent(lease, 25_000, "delegate") == OK
    bourse.market.setDelegate(ZERO, bourse.sends("buyer"))
    assert sent(lease, 30_000, "rival") == OK
    assert sent(lease, 40_000, "buyer") == OK
    chain.mine(timestamp=chain.time() + REDEEM_GRACE + 5)
    late = [sent(lease, 50_000, name) for name in ("delegate", "rival")]
    assert late == [reason("BadSignature")] * 2
    payment = payment_down(40_000, PRICE // TICK)
    assert bourse.balance("provider") + bourse.balance("treasury") == 50 * USD + payment


def test_delegate__back_again__counts_without_end(lease: Lease) -> None:
    bourse = lease.bourse
    for name in ("delegate", "rival", "delegate"):
        bourse.market.setDelegate(bourse.address(name), bourse.sends("buyer"))
    chain.mine(timestamp=chain.time() + REDEEM_GRACE + 5)
    assert sent(lease, 10_000, "delegate") == OK
    assert sent(lease, 20_000, "rival") == reason("BadSignature")


def test_agent__rotated__old_key_ends_the_lease_for_its_grace(lease: Lease) -> None:
    bourse = lease.bourse
    bourse.registry.setAgent(bourse.address("rival"), bourse.sends("provider"))
    bourse.registry.setAgent(bourse.address("delegate"), bourse.sends("provider"))
    chain.mine(timestamp=chain.time() + REDEEM_GRACE + 5)
    for old in ("agent", "rival"):
        assert sent(lease, 5, "buyer", old, is_final=True) == reason("BadSignature")
    assert sent(lease, 5, "buyer", "delegate", is_final=True) == OK


def test_agent__key_lost__usage_pays_and_a_new_key_ends_it(lease: Lease) -> None:
    bourse = lease.bourse
    assert sent(lease, 10_000, "buyer") == OK
    assert sent(lease, 10_000, "buyer", is_final=True) == reason("BadSignature")
    bourse.registry.setAgent(bourse.address("rival"), bourse.sends("provider"))
    assert sent(lease, 10_000, "buyer", "rival", is_final=True) == OK
    lease.close()


def test_delegate__lost__holder_signs_itself(lease: Lease) -> None:
    lease.bourse.market.setDelegate(lease.bourse.address("delegate"), lease.bourse.sends("buyer"))
    assert sent(lease, 10_000, "buyer") == OK
    assert sent(lease, 10_000, "buyer", "agent", is_final=True) == OK


def test_holder__key_lost__delegate_ends_and_stranger_closes(lease: Lease) -> None:
    bourse = lease.bourse
    bourse.market.setDelegate(bourse.address("delegate"), bourse.sends("buyer"))
    assert sent(lease, 1_000_003, "delegate", "agent", is_final=True) == OK
    lease.close()
    payment = payment_down(1_000_003, PRICE // TICK)
    assert bourse.balance("buyer") == 1000 * USD - payment
    assert bourse.balance("treasury") == share_down(payment, FEE_BPS)
    assert bourse.market.totalHeld() == accounted(bourse) == 2100 * USD


def test_everybody__keys_lost__money_back_after_the_grace(lease: Lease) -> None:
    bourse = lease.bourse
    assert sent(lease, 1_000_003, "buyer") == OK
    lease.close_at_end()
    assert bourse.balance("buyer") == 1000 * USD - payment_down(1_000_003, PRICE // TICK)
    assert bourse.market.totalHeld() == accounted(bourse)
