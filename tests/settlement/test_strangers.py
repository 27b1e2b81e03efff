"""Fills by strangers: the log is public, and anybody may pair orders that name no filler."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from sqlalchemy import select

from contracts.bindings.market import AskGroup, BidFill
from contracts.protocol.eip712 import digest
from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import LeaseStatus, OrderStatus
from contracts.protocol.series import Series
from contracts.protocol.typed_data import Ask, Bid
from contracts.protocol.units import lots, price_ticks
from contracts.protocol.wire import from_wire, to_hex
from marketplace_api.db import session_scope
from marketplace_api.matching import repository
from marketplace_api.models import Lease, LogKind, OrderLogEntry, OutboxKind
from settlement import reconcile
from tests.settlement.world import CLASS, DURATION, MILLI, PRICE, World

pytestmark = pytest.mark.integration


def digest_of(world: World, order: Ask | Bid) -> str:
    """Name of an order."""
    return to_hex(digest(order, world.context.deployment.market_domain))


def fill_by_stranger(world: World, seller: Signer, ask: Ask, begin: int, *bids: Bid) -> str:
    """Pair orders as somebody who only reads the log; the transaction."""
    stranger = Signer.generate()
    world.node.fund(stranger.address)
    domain, market = world.context.deployment.market_domain, world.context.market
    fills = tuple(
        BidFill(bid, world.buyer.sign(bid, domain), MILLI, begin, DURATION, PRICE) for bid in bids
    )
    data = market.fill((AskGroup(ask, seller.sign(ask, domain), fills),))
    receipt = world.node.send(stranger, market.address, data)
    world.watch()
    return to_hex(bytes(receipt["transactionHash"]))


def leases() -> list[Lease]:
    """All of them, oldest first."""
    with session_scope() as session:
        return list(session.scalars(select(Lease).order_by(Lease.created_at)).all())


def assert_says(world: World, lease: Lease, ask: Ask, bid: Bid, begin: int) -> None:
    """The row is what the chain has."""
    series = Series(begin, DURATION, price_ticks(PRICE), 1000, ask.terms)
    assert (lease.status, lease.series) == (LeaseStatus.ACTIVE, int(series.id))
    assert (lease.bid_digest, lease.ask_digest) == (digest_of(world, bid), digest_of(world, ask))
    assert (lease.holder, lease.provider, lease.terms) == (bid.buyer, ask.seller, ask.terms)
    assert (lease.milli, lease.units) == (MILLI, lots(MILLI, DURATION))
    assert (lease.start, lease.end) == (begin, begin + DURATION)
    assert lease.ticks == price_ticks(PRICE)
    assert (lease.isolation, lease.simulated) == (4, True)


def other_provider(world: World) -> World:
    """The same market seen by a second provider."""
    other = replace(world, owner=Signer.generate(), agent=Signer.generate(), inventories=0)
    other.enrol()
    return other


def close_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the windows pass on this chain of our own, and reconcile."""
    ahead = 30
    world.node.rpc("evm_increaseTime", hex(ahead))
    world.node.mine()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    reconcile.run(world.context)
    world.work()


@pytest.mark.parametrize("is_posted", [True, False])
def test_fill__by_a_stranger_without_a_lease__makes_one_that_ends(
    market: World, monkeypatch: pytest.MonkeyPatch, is_posted: bool
) -> None:
    """Also of orders that were never posted here: holder and provider stand in the event."""
    begin = int(time.time()) - 3
    ask, bid = market.ask(begin), market.bid(begin)
    if is_posted:
        market.post(LogKind.ASK, ask, market.owner)
        market.post(LogKind.BID, bid, market.buyer)
    transaction = fill_by_stranger(market, market.owner, ask, begin, bid)
    (lease,) = leases()
    assert_says(market, lease, ask, bid, begin)
    assert lease.fill_transaction == transaction
    if is_posted:
        assert market.order_status(lease.bid_digest) is OrderStatus.FILLED
    with session_scope() as session:
        sold = repository.sold_by_hour(session, market.owner.address, lease.device_class, begin)
    assert sold[begin // 3600] == MILLI, CLASS
    assert reconcile.run(market.context) == []
    close_all(market, monkeypatch)
    closed = market.lease(lease.id)
    assert (closed.status, closed.refunded) == (LeaseStatus.CLOSED, closed.cost)
    assert reconcile.run(market.context) == []


def test_fill__by_a_stranger_from_another_ask__overwrites_the_pending_lease(
    market: World,
) -> None:
    """Provider, terms and ask are the chain's; our own fill ends without harm."""
    begin = int(time.time()) - 3
    other = other_provider(market)
    lease_id = market.match(start=begin)
    ask = other.ask(begin)
    market.post(LogKind.ASK, ask, other.owner)
    with session_scope() as session:
        entry = session.scalars(
            select(OrderLogEntry).where(OrderLogEntry.digest == market.lease(lease_id).bid_digest)
        ).one()
        bid = from_wire(Bid, entry.payload)
    fill_by_stranger(market, other.owner, ask, begin, bid)
    assert_says(market, market.lease(lease_id), ask, bid, begin)
    market.work()
    (message,) = market.messages(OutboxKind.LEASE_FILL)
    assert (message.done_at is not None, message.failed_at) == (True, None)
    lease = market.lease(lease_id)
    assert (lease.status, lease.provider) == (LeaseStatus.ACTIVE, other.owner.address)
    assert market.order_status(lease.bid_digest) is OrderStatus.FILLED
    assert reconcile.run(market.context) == []


def test_fill__by_a_stranger_into_a_held_series__grows_its_lease(market: World) -> None:
    """One position on chain, one lease: a pending one of that series gives way."""
    begin = int(time.time()) - 3
    market.post_inventory("GPU-second", "GPU-third")
    market.work()
    ask = market.ask(begin)
    pending = market.match_ask(ask, begin)
    first, second = market.bid(begin), market.bid(begin)
    fill_by_stranger(market, market.owner, ask, begin, first, second)
    assert market.lease(pending).status is LeaseStatus.FAILED
    (lease,) = [found for found in leases() if found.id != pending]
    assert (lease.status, lease.milli) == (LeaseStatus.ACTIVE, 2 * MILLI)
    assert lease.units == 2 * lots(MILLI, DURATION)
    assert reconcile.run(market.context) == []


def test_reorg__takes_a_strangers_fill_away__lease_fails_and_comes_back(market: World) -> None:
    """Nothing of ours would send it again, so nothing waits for it."""
    begin = int(time.time()) - 3
    ask, bid = market.ask(begin), market.bid(begin)
    snapshot = market.node.rpc("evm_snapshot")
    fill_by_stranger(market, market.owner, ask, begin, bid)
    (lease,) = leases()
    assert market.node.rpc("evm_revert", snapshot)
    market.node.mine(3)
    market.watch()
    gone = market.lease(lease.id)
    assert (gone.status, gone.reason) == (LeaseStatus.FAILED, "fill-reverted")
    fill_by_stranger(market, market.owner, ask, begin, bid)
    assert_says(market, market.lease(lease.id), ask, bid, begin)
    assert reconcile.run(market.context) == []
