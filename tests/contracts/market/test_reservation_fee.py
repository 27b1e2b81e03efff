"""The reservation fee: part of what was not used, for having stood ready."""

from __future__ import annotations

import pytest
from bourse import FEE_BPS, HOUR, OK, PRICE, USD, Bourse
from counting import CUT, FAULT, FINAL, accounted, acting
from leases import INTERVAL, Lease, lease_on

from contracts.protocol.units import TICK, payment_down, share_down

ONE = INTERVAL * 1000
WHOLE = HOUR * 1000


def worth(gpu_ms: int) -> int:
    return payment_down(gpu_ms, PRICE // TICK)


def settled(lease: Lease, used: int, fee: int) -> None:
    """The money of a closed lease to the unit: usage less 1 %, the fee whole, the rest back."""
    bourse, payment = lease.bourse, worth(used)
    cut = share_down(payment, FEE_BPS)
    assert bourse.balance("provider") == 50 * USD + payment - cut + fee
    assert bourse.balance("treasury") == cut
    assert bourse.balance("buyer") == 1000 * USD - payment - fee
    assert bourse.market.totalHeld() == accounted(bourse) == 2100 * USD


@pytest.mark.parametrize("bps", [1, 3_333, 5_000])
@pytest.mark.parametrize("used", [0, 1, 1_234_567, WHOLE - 1])
def test_close__partly_used__share_of_the_rest(bourse: Bourse, bps: int, used: int) -> None:
    lease = lease_on(bourse, reservation_fee_bps=bps)
    lease.until(HOUR + 1)
    if used:
        lease.redeem(used)
    fee = share_down(worth(WHOLE - used), bps)
    events = lease.close_at_end().events
    assert events["Closed"]["refund"] == PRICE - worth(used) - fee
    if fee:
        assert dict(events["ReservationFeePaid"]) == {
            "series": lease.series,
            "holder": bourse.address("buyer"),
            "provider": bourse.address("provider"),
            "amount": fee,
        }
    settled(lease, used, fee)


def test_close__wholly_used__no_fee(bourse: Bourse) -> None:
    lease = lease_on(bourse, reservation_fee_bps=5_000)
    lease.until(HOUR + 1)
    lease.redeem(WHOLE)
    assert "ReservationFeePaid" not in lease.close_at_end().events
    settled(lease, WHOLE, 0)


def test_close__rounds_to_nothing__no_event(bourse: Bourse) -> None:
    lease = lease_on(bourse, reservation_fee_bps=5_000)
    lease.until(HOUR + 1)
    lease.redeem(WHOLE - 3)  # worth one unit, of which half is none
    assert "ReservationFeePaid" not in lease.close_at_end().events
    settled(lease, WHOLE - 3, 0)


def test_close__final_early__fee_of_all_that_was_reserved(bourse: Bourse) -> None:
    lease = lease_on(bourse, reservation_fee_bps=5_000)
    lease.until(600)
    lease.redeem(5 * ONE, is_final=True)
    lease.close()
    settled(lease, 5 * ONE, share_down(worth(WHOLE - 5 * ONE), 5_000))


def test_close__missed_time__earns_no_fee(bourse: Bourse) -> None:
    lease = lease_on(bourse, reservation_fee_bps=5_000)
    lease.until(HOUR + 1)
    lease.redeem(30 * ONE, missed_intervals=10)
    lease.close_at_end()
    settled(lease, 30 * ONE, share_down(worth(20 * ONE), 5_000))


def test_close__all_the_rest_missed__no_fee(bourse: Bourse) -> None:
    lease = lease_on(bourse, reservation_fee_bps=5_000)
    lease.until(HOUR + 1)
    lease.redeem(30 * ONE, missed_intervals=30)
    assert "ReservationFeePaid" not in lease.close_at_end().events
    settled(lease, 30 * ONE, 0)


def test_close__provider_at_fault__fee_waived(bourse: Bourse) -> None:
    lease = lease_on(bourse, reservation_fee_bps=5_000)
    lease.until(HOUR // 2)
    lease.redeem(5 * ONE)
    by = acting(bourse.arbitration)
    bourse.market.settleCase(lease.series, bourse.address("buyer"), 0, 0, FINAL | FAULT, by)
    assert "ReservationFeePaid" not in lease.close().events
    settled(lease, 5 * ONE, 0)


def test_close__shortened__fee_up_to_the_new_end_only(bourse: Bourse) -> None:
    lease = lease_on(bourse, reservation_fee_bps=5_000)
    lease.until(600)
    end, by = lease.start + 1800, acting(bourse.arbitration)
    bourse.market.shorten(lease.series, bourse.address("buyer"), end, by)
    lease.until(1800)
    lease.redeem(10 * ONE)
    assert lease.position()[3:5] == (end, CUT)
    lease.close_at_end()
    settled(lease, 10 * ONE, share_down(worth(20 * ONE), 5_000))


def test_close__shortened_to_the_start__whole_refund(bourse: Bourse) -> None:
    start = bourse.next_hour()
    lease = lease_on(bourse, start=start, reservation_fee_bps=5_000)
    by = acting(bourse.arbitration)
    bourse.market.shorten(lease.series, bourse.address("buyer"), start, by)
    lease.close_at_end()
    settled(lease, 0, 0)


def test_close__credit_and_fee__both_paid(bourse: Bourse) -> None:
    """Missed intervals cost the bond; the hours beside them earn the fee all the same."""
    lease = lease_on(bourse, reservation_fee_bps=5_000, sla_credit_bps=10_000)
    lease.until(HOUR + 1)
    lease.redeem(30 * ONE, missed_intervals=10)
    assert bourse.close(lease.key).reasons != (OK,)
    lease.close_at_end()
    fee, credit = share_down(worth(20 * ONE), 5_000), worth(10 * ONE)
    assert bourse.balance("buyer") == 1000 * USD - worth(30 * ONE) - fee + credit
    assert bourse.registry.bondOf(bourse.address("provider"))[0] == 50 * USD - credit
    assert bourse.market.totalHeld() == accounted(bourse) == 2100 * USD
