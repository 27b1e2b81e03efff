"""Units that are cut, joined, passed on and sold again: leases and books follow, to the unit."""

from __future__ import annotations

import pytest

from contracts.protocol.lifecycle import LeaseStatus
from contracts.protocol.series import Series, group_item
from contracts.protocol.typed_data import UsageGroup
from contracts.protocol.units import cost, lots
from marketplace_api.db import session_scope
from marketplace_api.models import Account
from tests.settlement.trade import HOUR, Trade, next_hour
from tests.settlement.world import FUNDS, MILLI, World

pytestmark = pytest.mark.integration

TICKS = 2000


@pytest.fixture
def trade(market: World, monkeypatch: pytest.MonkeyPatch) -> Trade:
    """A market with orders of its own."""
    return Trade(market, monkeypatch)


def hours(count: int) -> int:
    """Units of whole hours."""
    return lots(MILLI, count * HOUR)


def holding(trade: Trade, series: int, holder: str = "") -> tuple[LeaseStatus, int, int, int]:
    """Status, units, milli and end of a lease."""
    lease = trade.lease(series, holder)
    return lease.status, lease.units, lease.milli, lease.end


def balance_of(owner: str) -> int:
    """What the API would read."""
    with session_scope() as session:
        return session.get_one(Account, owner).balance


def test_split__before_the_start__makes_two_leases(trade: Trade) -> None:
    """Each with its own window; the first one is gone."""
    start = next_hour()
    whole = trade.buy(start, 3 * HOUR)
    series = Series.from_id(whole)
    head = int(series.between(start, start + HOUR).id)
    tail = int(series.between(start + HOUR, series.end).id)
    market = trade.market
    data = market.split(whole, start + HOUR, MILLI)
    trade.again(lambda: trade.send(trade.world.buyer, market.address, data))
    assert holding(trade, whole)[0] is LeaseStatus.MOVED
    assert holding(trade, head) == (LeaseStatus.ACTIVE, hours(1), MILLI, start + HOUR)
    assert holding(trade, tail) == (LeaseStatus.ACTIVE, hours(2), MILLI, start + 3 * HOUR)
    assert trade.lease(tail).bid_digest == trade.lease(whole).bid_digest


def test_split__while_it_runs__head_keeps_its_lease_and_usage(trade: Trade) -> None:
    """Only the tail is new; the head ends earlier and closes in its time."""
    start = next_hour()
    whole = trade.buy(start, 3 * HOUR)
    trade.jump(start - int(trade.world.node.web3.eth.get_block("latest")["timestamp"]) + 10)
    trade.redeem(trade.voucher(whole, 7_001))
    tail = int(Series.from_id(whole).between(start + 2 * HOUR, start + 3 * HOUR).id)
    market = trade.market
    data = market.split(whole, start + 2 * HOUR, MILLI)
    trade.again(lambda: trade.send(trade.world.buyer, market.address, data))
    assert holding(trade, whole) == (LeaseStatus.ACTIVE, hours(2), MILLI, start + 2 * HOUR)
    assert trade.lease(whole).used_gpu_ms == 7_001
    assert holding(trade, tail) == (LeaseStatus.ACTIVE, hours(1), MILLI, start + 3 * HOUR)
    trade.jump(3 * HOUR)
    trade.close()
    assert {trade.lease(part).status for part in (whole, tail)} == {LeaseStatus.CLOSED}


def test_merge__two_adjacent_parts__become_one_lease(trade: Trade) -> None:
    """Both parts are gone."""
    start = next_hour()
    first, second = trade.buy(start, HOUR), trade.buy(start + HOUR, HOUR)
    merged = int(Series.from_id(first).between(start, start + 2 * HOUR).id)
    market = trade.market
    data = market.merge(first, second, MILLI)
    trade.again(lambda: trade.send(trade.world.buyer, market.address, data))
    assert holding(trade, merged) == (LeaseStatus.ACTIVE, hours(2), MILLI, start + 2 * HOUR)
    assert {holding(trade, part)[0] for part in (first, second)} == {LeaseStatus.MOVED}


def test_transfer__whole_position__lease_goes_to_the_new_holder(trade: Trade) -> None:
    """And comes back with the units."""
    start = next_hour()
    series = trade.buy(start, HOUR)
    other, buyer, market = trade.rich(), trade.world.buyer, trade.market
    there = market.transfer(buyer.address, other.address, series, hours(1))
    trade.again(lambda: trade.send(buyer, market.address, there))
    assert holding(trade, series)[0] is LeaseStatus.MOVED
    assert holding(trade, series, other.address)[:2] == (LeaseStatus.ACTIVE, hours(1))
    back = market.transfer(other.address, buyer.address, series, hours(1))
    trade.send(other, market.address, back)
    assert holding(trade, series)[:2] == (LeaseStatus.ACTIVE, hours(1))
    trade.jump(start + HOUR + 60 - int(trade.world.node.web3.eth.get_block("latest")["timestamp"]))
    trade.close()
    assert trade.lease(series).status is LeaseStatus.CLOSED


def test_resale__at_another_price__pays_seller_and_treasury(trade: Trade) -> None:
    """The escrow goes with the units; the bid is done."""
    start = next_hour()
    series = trade.buy(start, HOUR)
    other, seller = trade.rich(), trade.world.buyer
    price = cost(hours(1), 1_500)
    fee = price * 100 // 10_000
    before = balance_of(seller.address)
    trade.again(lambda: trade.resell(series, seller, other, 1_500_000))
    assert holding(trade, series)[0] is LeaseStatus.MOVED
    assert holding(trade, series, other.address)[:2] == (LeaseStatus.ACTIVE, hours(1))
    assert balance_of(seller.address) == before + price - fee
    assert balance_of(other.address) == FUNDS - price
    assert balance_of(trade.world.treasury.address) == fee


def test_redeem_group__several_leases__each_is_paid_to_the_unit(trade: Trade) -> None:
    """Also one that comes twice, and one that the contract skips."""
    start = int(trade.world.node.web3.eth.get_block("latest")["timestamp"]) - 3
    trade.world.post_inventory("GPU-second", "GPU-third")
    trade.world.work()
    one, two = trade.buy(start, 36), trade.buy(start, 72)
    trade.jump(20)
    items = (group_item(one, 1_001), group_item(two, 999), group_item(one, 5_003), 1)
    group = UsageGroup(trade.world.buyer.address, trade.world.terms, 1000, items)
    domain = trade.world.context.deployment.market_domain
    data = trade.market.redeem_group(group, trade.world.buyer.sign(group, domain))
    trade.again(lambda: trade.send(trade.world.owner, trade.market.address, data))
    first, second = trade.lease(one), trade.lease(two)
    assert (first.used_gpu_ms, first.paid) == (5_003, 5_003 * TICKS // 3_600)
    assert (second.used_gpu_ms, second.paid) == (999, 999 * TICKS // 3_600)
    parts = (1_001 * TICKS // 3_600, 5_003 * TICKS // 3_600 - 1_001 * TICKS // 3_600)
    assert first.fee == sum(part * 100 // 10_000 for part in parts)
