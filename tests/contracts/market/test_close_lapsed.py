"""Before the start, where the provider's attestation lapsed, the holder takes its money back."""

from __future__ import annotations

import pytest
from bourse import H100, HOUR, OK, USD, Bourse
from brownie import chain
from counting import accounted, lanes
from leases import Lease, lease_on
from words import reason

RENEWED = "GPU-SHORT"


@pytest.fixture
def lease(bourse: Bourse) -> Lease:
    """All five devices from four hours ahead; one is attested for two hours only."""
    bourse.attest(bourse.attestation(RENEWED, expiry=chain.time() + 2 * HOUR))
    start = bourse.next_hour(5)
    return lease_on(
        bourse,
        start=start,
        duration=2 * HOUR,
        milli=5000,
        reservation_fee_bps=5_000,
        sla_credit_bps=10_000,
    )


def lapse(lease: Lease) -> None:
    expiry = lease.bourse.registry.capacityOf(lease.bourse.address("provider"), H100)[2]
    chain.mine(timestamp=expiry)


def refused(lease: Lease, by: str) -> None:
    before = lease.bourse.state(lease.key)
    outcome = lease.bourse.close(lease.key, by=by)
    assert outcome.reasons == (reason("CloseTooEarly"),)
    assert lease.bourse.state(lease.key) == before


def test_close__lapsed_before_start__whole_refund_and_hours_free(lease: Lease) -> None:
    bourse = lease.bourse
    lapse(lease)
    events = lease.close(by="buyer").events
    assert events["Closed"]["refund"] == 20 * USD
    assert "ReservationFeePaid" not in events
    assert bourse.balance("buyer") == 1000 * USD
    assert lanes(bourse, lease.start, 2) == [0, 0]
    assert bourse.market.totalHeld() == accounted(bourse) == 2100 * USD


@pytest.mark.parametrize("by", ["stranger", "provider", "other"])
def test_close__lapsed__by_the_holder_only(lease: Lease, by: str) -> None:
    """It may rather wait for a renewal than lose the hours to a passer-by."""
    bourse = lease.bourse
    bourse.market.setDelegate(bourse.address("other"), bourse.sends("buyer"))
    lapse(lease)
    refused(lease, by)


def test_close__not_lapsed__too_early(lease: Lease) -> None:
    refused(lease, "buyer")


def test_close__renewed_in_time__too_early(lease: Lease) -> None:
    lapse(lease)
    lease.bourse.attest(lease.bourse.attestation(RENEWED, expiry=chain.time() + 100 * HOUR))
    refused(lease, "buyer")


def test_close__lapsed_after_start__too_early(lease: Lease) -> None:
    """Who started may be served: both sign, or the case of a no-show is opened."""
    lapse(lease)
    lease.until(1)
    refused(lease, "buyer")
    lease.until(61)
    refused(lease, "buyer")


def test_close__lapsed__one_holder_of_two__other_stays(bourse: Bourse) -> None:
    bourse.attest(bourse.attestation(RENEWED, expiry=chain.time() + 2 * HOUR))
    start = bourse.next_hour(5)
    mine = lease_on(bourse, start=start, milli=2000)
    theirs = lease_on(bourse, start=start, milli=3000, holder="other")
    lapse(mine)
    mine.close(by="buyer")
    assert lanes(bourse, start, 1) == [3]
    assert bourse.close(theirs.key, by="buyer").reasons == (reason("CloseTooEarly"),)
    assert bourse.close(theirs.key, by="other").reasons == (OK,)
