"""Rule 6: from every state all money leaves in time, by calls of a stranger, whoever is silent.

A row of the table is a state, who is silent from then on, the calls that are left, and the latest
time at which the last of them is possible. Rows of other contracts are added to `ROWS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import pytest
from bourse import HOUR, OK, PRICE, REDEEM_GRACE, START_GRACE, USD, Bourse
from brownie import accounts, chain
from counting import FAULT, FINAL, NOBODY, accounted, acting, position
from leases import LONGEST_CASE, UNBONDING, Lease, lease_on

from contracts.bindings.tuples import as_tuple
from contracts.protocol.typed_data import UsageGroup
from contracts.protocol.units import TICK, payment_down, share_down

SIX_DAYS = 6 * 24 * HOUR
SLACK = 60
"""Seconds that a few blocks may take."""
ROLES = ("holder", "delegate", "provider", "agent", "auditors", "arbiters", "governor")
PARTIES = (*ROLES, "everybody")
HOLDERS = ("buyer", "other")
SUPPLY = ("provider", "agent", "auditors")


class Silent(Bourse):
    """A bourse in which nobody signs any more."""

    def sign(self, order: Any, name: str) -> bytes:
        raise AssertionError(f"{name} is silent")


@dataclass
class World:
    """A state that was reached, and what is expected of its end."""

    bourse: Bourse
    lease: Lease
    positions: list[tuple[int, str]] = field(default_factory=list)
    signed: list[Callable[[Bourse], Any]] = field(default_factory=list)
    """Calls with what was signed before the silence."""
    paid: int = 0
    """GPU-ms that the provider gets in the end, at `PRICE`."""
    credit: int = 0
    """From the provider's bond to the holder."""

    def __post_init__(self) -> None:
        self.positions = self.positions or [self.lease.key]

    def silence(self, party: str) -> None:
        """Only a stranger calls from now on, and who is not silent."""
        silent = {
            "holder": HOLDERS,
            "delegate": (),
            "provider": ("provider",),
            "everybody": tuple(set(self.bourse.accounts) - {"stranger"}),
        }.get(party, ())
        values = {f.name: getattr(self.bourse, f.name) for f in fields(self.bourse)}
        able = {name: a for name, a in self.bourse.accounts.items() if name not in silent}
        self.bourse = Silent(**values | {"accounts": able})


@dataclass(frozen=True)
class Row:
    reach: Callable[[Bourse], World]
    silent: tuple[str, ...]
    steps: tuple[Callable[[World], None], ...]
    deadline: Callable[[World], int]


# ---------------------------------------------------------------- states


def held(bourse: Bourse) -> World:
    """Sold, not started."""
    return World(bourse, lease_on(bourse, start=bourse.next_hour()))


def held_paused(bourse: Bourse) -> World:
    """Sold; then the pauser paused for as long as it may."""
    world = held(bourse)
    bourse.parameters.pause(7 * 24 * HOUR, {"from": accounts[1]})
    return world


def held_lapsed(bourse: Bourse) -> World:
    """Sold; then the attestation of the class expired."""
    bourse.attest(bourse.attestation("GPU-SHORT", expiry=chain.time() + 2 * HOUR))
    lease = lease_on(bourse, start=bourse.next_hour(5))
    chain.mine(timestamp=chain.time() + 2 * HOUR)
    return World(bourse, lease)


def given(bourse: Bourse) -> World:
    """Half of it was sent to somebody else."""
    lease = lease_on(bourse, start=bourse.next_hour(), milli=2000)
    buyer, other = bourse.address("buyer"), bourse.address("other")
    bourse.market.safeTransferFrom(buyer, other, lease.series, 1000, b"", bourse.sends("buyer"))
    return World(bourse, lease, [lease.key, (lease.series, "other")])


def running(bourse: Bourse) -> World:
    """Started, no voucher ever."""
    lease = lease_on(bourse)
    lease.until(1800)
    return World(bourse, lease)


def running_used(bourse: Bourse) -> World:
    """Usage was paid once."""
    world = running(bourse)
    world.lease.redeem(900_001)
    world.paid = 900_001
    return world


def running_cut(bourse: Bourse) -> World:
    """The holder split a running lease; both parts wait for their ends."""
    start = bourse.next_hour()
    lease = lease_on(bourse, start=start, duration=3 * HOUR)
    lease.until(600)
    lease.redeem(300_000)
    by = bourse.sends("buyer")
    _, tail = bourse.market.split.call(lease.series, start + HOUR, 1000, by)
    bourse.market.split(lease.series, start + HOUR, 1000, by)
    return World(bourse, lease, [lease.key, (int(tail), "buyer")], paid=300_000)


def running_lapsed(bourse: Bourse) -> World:
    """The auditors fell silent long ago: no device is attested any more."""
    lease = lease_on(bourse, start=chain.time() + 80 * 24 * HOUR, duration=168 * HOUR)
    bourse.attest(bourse.attestation("GPU-SHORT", expiry=lease.start + HOUR))
    lease.until(2 * HOUR)
    assert bourse.registry.isLapsed(bourse.terms)
    return World(bourse, lease)


def signed_not_redeemed(bourse: Bourse) -> World:
    """The provider has a voucher and sent nothing."""
    world = running(bourse)
    voucher = world.lease.signed(900_001, agent=None)
    world.signed.append(lambda by: by.redeem(voucher))
    world.paid = 900_001
    return world


def group_not_redeemed(bourse: Bourse) -> World:
    """The same in the form of a group."""
    world = running(bourse)
    item = (world.lease.series & ((1 << 104) - 1)) | 900_001 << 104
    group = UsageGroup(bourse.address("buyer"), bourse.terms, 1000, (item,))
    signature = bourse.keys["buyer"].sign(group, bourse.market_domain)
    world.signed.append(
        lambda by: by.market.redeemGroup(as_tuple(group), signature, by.sends("stranger"))
    )
    world.paid = 900_001
    return world


def missed_not_redeemed(bourse: Bourse) -> World:
    """Both signed an outage, for which the bond pays."""
    lease = lease_on(bourse, sla_credit_bps=2_500)
    lease.until(1800)
    voucher = lease.signed(600_000, missed_intervals=10)
    credit = share_down(payment_down(600_000, PRICE // TICK), 2_500)
    return World(bourse, lease, signed=[lambda by: by.redeem(voucher)], paid=600_000, credit=credit)


def final(bourse: Bourse) -> World:
    """Both said on chain that no more is used."""
    world = running(bourse)
    world.lease.redeem(900_001, is_final=True)
    world.paid = 900_001
    return world


def final_not_redeemed(bourse: Bourse) -> World:
    """Both signed it, and sent nothing."""
    world = running(bourse)
    voucher = world.lease.signed(900_001, is_final=True)
    world.signed.append(lambda by: by.redeem(voucher))
    world.paid = 900_001
    return world


def fault_found(bourse: Bourse) -> World:
    """A case ended against the provider: nothing more is used, no fee is due."""
    lease = lease_on(bourse, reservation_fee_bps=5_000)
    lease.until(1800)
    lease.redeem(900_001)
    by = acting(bourse.arbitration)
    bourse.market.settleCase(lease.series, bourse.address("buyer"), 0, 0, FINAL | FAULT, by)
    return World(bourse, lease, paid=900_001)


# ---------------------------------------------------------------- steps


def submit(world: World) -> None:
    """A stranger sends what was signed before."""
    for call in world.signed:
        call(world.bourse)


def wait(world: World) -> None:
    """Until the grace of the last part is over."""
    ends = [position(world.bourse, *key)[3] for key in world.positions]
    chain.mine(timestamp=max(max(ends) + REDEEM_GRACE, chain.time()) + 1)


def close(world: World) -> None:
    outcome = world.bourse.close(*world.positions, by="stranger")
    assert set(outcome.reasons) == {OK}


def close_by_holder(world: World) -> None:
    assert world.bourse.close(*world.positions, by="buyer").reasons == (OK,)


# ---------------------------------------------------------------- deadlines


def at_once(world: World) -> int:
    return int(chain.time()) + SLACK


def after_start(world: World) -> int:
    return max(world.lease.start + START_GRACE, int(chain.time())) + SLACK


def after_end(world: World) -> int:
    return world.lease.end + REDEEM_GRACE + SLACK


AT_END = (wait, close)
ROWS = (
    Row(held, PARTIES, AT_END, after_end),
    Row(held_paused, PARTIES, AT_END, after_end),
    Row(held_lapsed, (*SUPPLY, "delegate", "arbiters", "governor"), (close_by_holder,), at_once),
    Row(held_lapsed, ("holder", "everybody"), AT_END, after_end),
    Row(given, PARTIES, AT_END, after_end),
    Row(running, PARTIES, AT_END, after_end),
    Row(running_used, PARTIES, AT_END, after_end),
    Row(running_cut, PARTIES, AT_END, after_end),
    Row(running_lapsed, PARTIES, AT_END, after_end),
    Row(signed_not_redeemed, PARTIES, (submit, *AT_END), after_end),
    Row(group_not_redeemed, PARTIES, (submit, *AT_END), after_end),
    Row(missed_not_redeemed, PARTIES, (submit, *AT_END), after_end),
    Row(final, PARTIES, (close,), after_start),
    Row(final_not_redeemed, PARTIES, (submit, close), after_start),
    Row(fault_found, PARTIES, (close,), after_start),
)
CASES = [
    pytest.param(row, party, id=f"{row.reach.__name__}-{party}")
    for row in ROWS
    for party in row.silent
]


def test_table__every_state__has_a_row_for_every_party() -> None:
    listed = [(row.reach, party) for row in ROWS for party in row.silent]
    assert len(listed) == len(set(listed))
    assert set(listed) == {(row.reach, party) for row in ROWS for party in PARTIES}


@pytest.mark.parametrize(("row", "party"), CASES)
def test_exit__position__everything_out_by_stranger(bourse: Bourse, row: Row, party: str) -> None:
    world = row.reach(bourse)
    world.silence(party)
    deadline = row.deadline(world)
    for step in row.steps:
        step(world)
    assert chain[-1].timestamp <= deadline <= world.lease.end + SIX_DAYS
    assert [position(bourse, *key) for key in world.positions] == [NOBODY] * len(world.positions)
    paid = payment_down(world.paid, PRICE // TICK)
    back = sum(bourse.balance(name) for name in HOLDERS)
    assert back == 2000 * USD - paid + world.credit
    earned = bourse.balance("provider") + bourse.balance("treasury")
    assert earned == 50 * USD + paid
    assert bourse.market.totalHeld() == accounted(bourse) == 2100 * USD


@pytest.mark.parametrize("owner", ["provider", "other"])
def test_exit__bond__out_by_stranger(bourse: Bourse, owner: str) -> None:
    """Anybody's bond leaves after the last case of the last sold hour that it could pay for."""
    start = bourse.next_hour()
    bourse.lease(start=start)
    if owner == "other":
        bourse.market.bond(50 * USD, bourse.sends("other"))
    before = bourse.balance(owner)
    bourse.registry.requestUnbonding(50 * USD, bourse.sends(owner))
    ends = int(bourse.registry.bondOf(bourse.address(owner))[2])
    assert ends <= start + HOUR + UNBONDING <= start + HOUR + SIX_DAYS
    chain.mine(timestamp=ends)
    bourse.market.releaseBond(bourse.address(owner), bourse.sends("stranger"))
    assert bourse.balance(owner) == before + 50 * USD


def test_exit__longest_case__bond_waits_for_it() -> None:
    assert UNBONDING == REDEEM_GRACE + LONGEST_CASE
    assert UNBONDING <= SIX_DAYS


def test_exit__account__own_call_needs_nobody(bourse: Bourse) -> None:
    bourse.parameters.pause(7 * 24 * HOUR, {"from": accounts[1]})
    bourse.market.withdraw(bourse.address("buyer"), 1000 * USD, bourse.sends("buyer"))
    assert bourse.token.balanceOf(bourse.address("buyer")) == 1000 * USD
