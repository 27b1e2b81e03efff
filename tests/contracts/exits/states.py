"""States of a lease without a case, each reached from the opening of the court."""

from __future__ import annotations

from dataclasses import replace

from arbiters import Court
from bourse import HOUR, OK, PRICE, Bourse, Fill
from brownie import accounts, chain
from exits.world import World, bill
from leases import Lease, lease_on
from secondary import offer, resell, taking

from contracts.bindings.tuples import as_tuple
from contracts.protocol.typed_data import UsageGroup
from contracts.protocol.units import share_down

PLAIN = 1
"""Terms without fees, credits, interruption and arbiters."""
HOUR_MS = HOUR * 1000


def plain(court: Court) -> Bourse:
    return replace(court.bourse, terms=PLAIN)


def of(court: Court, lease: Lease, used: int = 0, **others: int) -> World:
    """A lease of which so much is paid in the end."""
    sold = lease.milli * (lease.end - lease.start)
    bourse, changes = lease.bourse, bill(sold, used, **others)
    return World(court, bourse, [lease.key], lease.start, [lease.end], changes=changes)


# ---------------------------------------------------------------- not started


def held(court: Court) -> World:
    """Sold, not started."""
    bourse = plain(court)
    return of(court, lease_on(bourse, start=bourse.next_hour()))


def held_paused(court: Court) -> World:
    """Sold; then the pauser paused for as long as it may."""
    world = held(court)
    world.bourse.parameters.pause(7 * 24 * HOUR, {"from": accounts[1]})
    return world


def held_lapsed(court: Court) -> World:
    """Sold; then the attestation of the class expired."""
    bourse = plain(court)
    bourse.attest(bourse.attestation("GPU-SHORT", expiry=chain.time() + 2 * HOUR))
    lease = lease_on(bourse, start=bourse.next_hour(5))
    chain.mine(timestamp=chain.time() + 2 * HOUR)
    return of(court, lease)


def given(court: Court) -> World:
    """Half of it was sent to somebody else."""
    bourse = plain(court)
    lease = lease_on(bourse, start=bourse.next_hour(), milli=2000)
    buyer, other = bourse.address("buyer"), bourse.address("other")
    bourse.market.safeTransferFrom(buyer, other, lease.series, 1000, b"", bourse.sends("buyer"))
    world = of(court, lease)
    world.positions.append((lease.series, "other"))
    world.changes = {"buyer": -PRICE, "other": PRICE}
    return world


def resold(court: Court) -> World:
    """Bought from its first holder for three quarters of what the provider asked."""
    bourse, price = plain(court), PRICE * 3 // 4
    lease = lease_on(bourse, start=bourse.next_hour())
    ask = offer(bourse, lease.series, price_per_gpu_hour=price)
    assert resell(bourse, ask, taking(bourse, lease.series, price=price)).reasons == ((OK,),)
    fee = share_down(price, 100)
    world = of(court, replace(lease, holder="other"))
    world.changes = {"buyer": price - fee - PRICE, "other": PRICE - price, "treasury": fee}
    return world


def split(court: Court) -> World:
    """Cut in two before its start."""
    bourse = plain(court)
    lease = lease_on(bourse, start=bourse.next_hour(), duration=2 * HOUR)
    cut = (lease.series, lease.start + HOUR, 1000, bourse.sends("buyer"))
    parts = bourse.market.split.call(*cut)
    bourse.market.split(*cut)
    world = of(court, lease)
    world.positions = [(int(part), "buyer") for part in parts]
    world.ends = [lease.start + HOUR, lease.end]
    return world


def merged(court: Court) -> World:
    """Two hours that were bought apart, as one."""
    bourse = plain(court)
    first = lease_on(bourse, start=bourse.next_hour())
    second = lease_on(bourse, start=first.end)
    pair = (first.series, second.series, 1000, bourse.sends("buyer"))
    both = int(bourse.market.merge.call(*pair))
    bourse.market.merge(*pair)
    world = of(court, second)
    world.positions, world.start = [(both, "buyer")], first.start
    return world


def filled_in_part(court: Court) -> World:
    """A bid and an ask of which half is left, and a stranger who has both."""
    bourse = plain(court)
    start = bourse.next_hour()
    ask = bourse.ask(quantity=2 * HOUR_MS)
    half = Fill(bourse.bid(milli=2000, max_fills=2), start=start)
    assert bourse.fill(ask, half).reasons == ((OK,),)
    rest = bourse.group(ask, half)
    world = of(court, Lease(bourse, bourse.series(start=start), start, start + HOUR, 1000))
    world.signed.append(lambda by: by.send("fill", [rest]))
    return world


def filled_later(court: Court) -> World:
    """The same; the stranger sells the rest after everybody fell silent."""
    return filled_in_part(court)


# ---------------------------------------------------------------- started


def running(court: Court) -> World:
    """Started, no voucher ever."""
    lease = lease_on(plain(court))
    lease.until(1800)
    return of(court, lease)


def running_used(court: Court) -> World:
    """Usage was paid once."""
    lease = lease_on(plain(court))
    lease.until(1800)
    lease.redeem(900_001)
    return of(court, lease, 900_001)


def running_cut(court: Court) -> World:
    """The holder split a running lease; both parts wait for their ends."""
    bourse = plain(court)
    start = bourse.next_hour()
    lease = lease_on(bourse, start=start, duration=3 * HOUR)
    lease.until(600)
    lease.redeem(300_000)
    cut = (lease.series, start + HOUR, 1000, bourse.sends("buyer"))
    _, tail = bourse.market.split.call(*cut)
    bourse.market.split(*cut)
    world = of(court, lease, 300_000)
    world.positions.append((int(tail), "buyer"))
    return world


def running_lapsed(court: Court) -> World:
    """The auditors fell silent long ago: no device is attested any more."""
    bourse = plain(court)
    lease = lease_on(bourse, start=chain.time() + 80 * 24 * HOUR, duration=168 * HOUR)
    bourse.attest(bourse.attestation("GPU-SHORT", expiry=lease.start + HOUR))
    lease.until(2 * HOUR)
    assert bourse.registry.isLapsed(bourse.terms)
    return of(court, lease)


# ---------------------------------------------------------------- signed, not sent


def signed_not_redeemed(court: Court) -> World:
    """The provider has a voucher and sent nothing."""
    lease = lease_on(plain(court))
    lease.until(1800)
    voucher = lease.signed(900_001, agent=None)
    world = of(court, lease, 900_001)
    world.signed.append(lambda by: by.redeem(voucher))
    return world


def group_not_redeemed(court: Court) -> World:
    """The same in the form of a group."""
    bourse = plain(court)
    lease = lease_on(bourse)
    lease.until(1800)
    item = (lease.series & ((1 << 104) - 1)) | 900_001 << 104
    group = UsageGroup(bourse.address("buyer"), bourse.terms, 1000, (item,))
    signature = bourse.keys["buyer"].sign(group, bourse.market_domain)
    world = of(court, lease, 900_001)
    world.signed.append(
        lambda by: by.market.redeemGroup(as_tuple(group), signature, by.sends("stranger"))
    )
    return world


def missed_not_redeemed(court: Court) -> World:
    """Both signed an outage of ten minutes, for which the bond pays a quarter."""
    lease = lease_on(plain(court), sla_credit_bps=2_500)
    lease.until(1800)
    voucher = lease.signed(600_000, missed_intervals=10)
    world = of(court, lease, 600_000, missed=600_000, credit_bps=2_500)
    world.signed.append(lambda by: by.redeem(voucher))
    return world


def final(court: Court) -> World:
    """Both said on chain that no more is used."""
    lease = lease_on(plain(court))
    lease.until(1800)
    lease.redeem(900_001, is_final=True)
    return of(court, lease, 900_001)


def final_not_redeemed(court: Court) -> World:
    """Both signed it, and sent nothing."""
    lease = lease_on(plain(court))
    lease.until(1800)
    voucher = lease.signed(900_001, is_final=True)
    world = of(court, lease, 900_001)
    world.signed.append(lambda by: by.redeem(voucher))
    return world
