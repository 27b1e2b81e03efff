"""A lease from match to closed books, on PostgreSQL and Ganache, with exact figures."""

from __future__ import annotations

import pytest

from contracts.protocol.lifecycle import LeaseStatus, OrderStatus
from contracts.protocol.units import LOT_GPU_MS
from marketplace_api.db import session_scope
from marketplace_api.models import Account, OutboxKind
from settlement import ledger, reconcile
from settlement.ledger import Kind
from tests.settlement.chain_node import START_GRACE
from tests.settlement.world import FUNDS, World

pytestmark = pytest.mark.integration

COST = 5 * 2000
USED = 2000
PAID = USED * 2000 // LOT_GPU_MS
FEE = PAID * 100 // 10_000


def balance_of(owner: str) -> int:
    """What the API would read."""
    with session_scope() as session:
        return session.get_one(Account, owner).balance


def test_lease__used_in_part__is_paid_refunded_and_closed_to_the_unit(market: World) -> None:
    """The whole life."""
    lease_id = market.match()
    market.work()
    lease = market.lease(lease_id)
    assert lease.status is LeaseStatus.ACTIVE
    assert lease.fill_transaction is not None
    assert market.order_status(lease.bid_digest) is OrderStatus.FILLED
    assert balance_of(market.buyer.address) == FUNDS - COST

    market.countersign(lease_id, USED, is_final=True)
    market.work()
    lease = market.lease(lease_id)
    assert lease.status is LeaseStatus.CLOSING
    assert (lease.paid, lease.fee, lease.used_gpu_ms) == (PAID, FEE, USED)
    assert balance_of(market.treasury.address) == FEE

    (message,) = market.messages(OutboxKind.LEASE_CLOSE)
    assert message.available_at.timestamp() == pytest.approx(lease.start + START_GRACE + 1, abs=1)
    market.wait_closable(lease_id)
    market.work()
    lease = market.lease(lease_id)
    assert lease.status is LeaseStatus.CLOSED
    assert lease.refunded == COST - PAID
    assert balance_of(market.buyer.address) == FUNDS - PAID
    with session_scope() as session:
        for owner, kind, amount in (
            (market.owner.address, Kind.USED, USED),
            (market.owner.address, Kind.UNUSED, 5 * LOT_GPU_MS - USED),
            (market.owner.address, Kind.ISSUED, -5 * LOT_GPU_MS),
            (market.buyer.address, Kind.UNITS, 0),
        ):
            key = ledger.gpu_time(owner, kind, lease.series)
            assert ledger.balance(session, key) == amount
        escrow = ledger.money(market.buyer.address, Kind.ESCROW, lease.series)
        assert ledger.balance(session, escrow) == 0
    assert reconcile.run(market.context) == []
    assert all(m.done_at for kind in OutboxKind for m in market.messages(kind))
