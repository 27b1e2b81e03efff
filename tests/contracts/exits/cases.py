"""States of a lease with a case, or that ended before its window; and bonds on their way out."""

from __future__ import annotations

from arbiters import (
    DISPUTE_FEE,
    FAULTY,
    PROVIDER_BOND,
    ROLE_BOND,
    Court,
    Lease,
    at,
)
from bourse import PRICE, REDEEM_GRACE
from exits.states import HOUR_MS, held
from exits.world import Changes, World, bill, together, worth
from leases import LONGEST_CASE

CLAIMED = 200_001
"""GPU-ms that the agent claims alone, less than it may."""
HALF = CLAIMED // 2
LAST_MOMENT = 60
"""Seconds before the end of a stage in which the next one begins."""
RATES = {"reservation_bps": 1_000, "credit_bps": 5_000}
"""Of the court's terms."""
NOTICE = 600
FEES = {"arbiter1": DISPUTE_FEE // 2, "arbiter2": DISPUTE_FEE // 2}
PAID_ARBITERS = sum(FEES.values())


def of(court: Court, lease: Lease, since: int = 0, *parts: Changes) -> World:
    changes = together(*(parts or (bill(HOUR_MS, **RATES),)))
    key, ends = (lease.series, lease.holder), [lease.end]
    return World(court, court.bourse, [key], lease.start, ends, since, changes)


def at_last(court: Court) -> Lease:
    """A lease on which a case can just be opened."""
    lease = court.lease()
    at(lease.end + REDEEM_GRACE - LAST_MOMENT)
    return lease


# ---------------------------------------------------------------- usage claimed by the agent


def claimed(court: Court) -> World:
    lease = court.running()
    since = court.claim(lease, CLAIMED).timestamp
    return of(court, lease, since, bill(HOUR_MS, CLAIMED, **RATES))


def claimed_at_last(court: Court) -> World:
    """In the last minute of the grace."""
    lease = at_last(court)
    since = court.claim(lease, CLAIMED).timestamp
    return of(court, lease, since, bill(HOUR_MS, CLAIMED, **RATES))


def challenged(court: Court) -> World:
    lease = court.running()
    court.claim(lease, CLAIMED)
    since = court.challenge(lease).timestamp
    return of(court, lease, since, bill(HOUR_MS, HALF, **RATES))


def challenged_at_last(court: Court) -> World:
    """Claim and challenge in the last minute of their times: the latest exit there is."""
    lease = at_last(court)
    court.claim(lease, CLAIMED)
    at(court.case(lease)[4] - LAST_MOMENT)
    since = court.challenge(lease).timestamp
    return of(court, lease, since, bill(HOUR_MS, HALF, **RATES))


def challenged_without_arbiters(court: Court) -> World:
    """The terms name nobody who could decide."""
    lease = court.running(terms=court.silent_terms)
    court.claim(lease, CLAIMED)
    since = court.challenge(lease).timestamp
    return of(court, lease, since, bill(HOUR_MS, HALF, **RATES))


# ---------------------------------------------------------------- no-show claimed by the holder


def all_missed() -> Changes:
    """Nothing was used, nothing is due for standing ready, half of it comes from the bond."""
    return bill(HOUR_MS, missed=HOUR_MS, **RATES)


def no_show(court: Court) -> World:
    lease = court.running()
    return of(court, lease, court.no_show(lease).timestamp, all_missed())


def no_show_at_last(court: Court) -> World:
    lease = at_last(court)
    return of(court, lease, court.no_show(lease).timestamp, all_missed())


def answered(court: Court) -> World:
    """By the provider, without a claim of its own."""
    lease = court.running()
    court.no_show(lease)
    return of(court, lease, court.answer(lease).timestamp)


def answered_at_last(court: Court) -> World:
    """Claim and answer in the last minute of their times; the answer claims usage."""
    lease = at_last(court)
    court.no_show(lease)
    at(court.case(lease)[4] - LAST_MOMENT)
    since = court.answer(lease, CLAIMED).timestamp
    return of(court, lease, since, bill(HOUR_MS, HALF, **RATES))


# ---------------------------------------------------------------- ended against the provider


def fault_decided(court: Court) -> World:
    """Arbiters found a fault: no reservation fee, a credit, and the bond pays the arbiters."""
    lease = court.running()
    court.redeem(lease, 900_000)
    court.no_show(lease)
    court.answer(lease)
    court.decide(lease, FAULTY)
    found = bill(HOUR_MS, 900_000, missed=HOUR_MS - 900_000, **RATES)
    return of(court, lease, 0, found, FEES, {"bond of provider": -PAID_ARBITERS})


def fraud_proven(court: Court) -> World:
    """Two receipts that contradict each other: what the holder paid comes back from the bond."""
    lease = court.running()
    court.redeem(lease, 900_001)
    receipts = (court.receipt(lease), court.receipt(lease, used_gpu_ms=59_999))
    proof = court.signed_receipts(*receipts)
    court.call.proveReceipts(*proof, court.bourse.sends("stranger"))
    refund = worth(900_001)
    slashed = {"buyer": refund, "burned": PRICE - refund, "bond of provider": -PRICE}
    return of(court, lease, 0, bill(HOUR_MS, 900_001), slashed)


# ---------------------------------------------------------------- ended early


def ended(court: Court, lease: Lease, end: int, used: int = 0) -> World:
    """The reservation fee counts up to the new end only."""
    sold = (end - lease.start) * 1000
    world = of(court, lease, 0, bill(sold, used, reservation_bps=1_000))
    world.ends = [end]
    return world


def released(court: Court) -> World:
    """The provider got no signature and stopped."""
    lease = court.running()
    return ended(court, lease, court.release(lease).timestamp)


def interrupted_before_start(court: Court) -> World:
    lease = court.lease(start=court.bourse.next_hour())
    court.interrupt(lease)
    return ended(court, lease, lease.start)


def interruption_announced(court: Court) -> World:
    """The notice runs, and so does the lease."""
    lease = court.running()
    court.redeem(lease, 900_001)
    return ended(court, lease, court.interrupt(lease).timestamp + NOTICE, 900_001)


def interrupted(court: Court) -> World:
    """The notice is over."""
    world = interruption_announced(court)
    at(world.ends[0] + 1)
    return world


# ---------------------------------------------------------------- bonds on their way out


def unbonding_provider(court: Court) -> World:
    """All of it, while an hour is sold."""
    world = held(court)
    world.bourse.registry.requestUnbonding(PROVIDER_BOND, world.bourse.sends("provider"))
    world.bonded, world.since = "provider", world.ends[0]
    world.changes = bond_of("provider", PROVIDER_BOND)
    return world


def _unbonding(court: Court, name: str) -> World:
    tx = court.bourse.registry.requestUnbonding(ROLE_BOND, court.bourse.sends(name))
    changes = bond_of(name, ROLE_BOND)
    return World(court, court.bourse, [], 0, [tx.timestamp], tx.timestamp, changes, bonded=name)


def unbonding_arbiter(court: Court) -> World:
    return _unbonding(court, "arbiter1")


def unbonding_auditor(court: Court) -> World:
    return _unbonding(court, "auditor1")


def unbonding_operator(court: Court) -> World:
    return _unbonding(court, "operator")


def bond_of(name: str, amount: int) -> Changes:
    return {name: amount, f"bond of {name}": -amount}


def unbonded(world: World) -> int:
    """When a bond is free: the last sold end or the request, and all that can still be claimed."""
    return world.since + REDEEM_GRACE + LONGEST_CASE
