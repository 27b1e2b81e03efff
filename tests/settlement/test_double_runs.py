"""Every task may run twice, at once or later; nothing happens twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from contracts.protocol.lifecycle import LeaseStatus
from marketplace_api.db import session_scope
from marketplace_api.models import (
    ChainTransaction,
    Inventory,
    InventoryStatus,
    LedgerPosting,
    OutboxKind,
)
from settlement import reconcile, work
from tests.settlement.world import World

pytestmark = pytest.mark.integration


def sent(world: World) -> int:
    """How many transactions the operator has on chain."""
    return world.node.web3.eth.get_transaction_count(world.context.operator)


def stored() -> int:
    """How many intents there are."""
    with session_scope() as session:
        return session.scalar(select(func.count()).select_from(ChainTransaction)) or 0


def postings() -> int:
    """How much is booked."""
    with session_scope() as session:
        return session.scalar(select(func.count()).select_from(LedgerPosting)) or 0


def at_once(action: Callable[[], None], times: int = 4) -> None:
    """Run the same thing in several threads."""
    threads = [threading.Thread(target=action) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


def test_fill__run_by_four_workers_and_again__sends_one_transaction(market: World) -> None:
    """The row's lock and its link to the transaction keep it single."""
    lease_id = market.match()
    (message,) = market.messages(OutboxKind.LEASE_FILL)
    before = sent(market)
    at_once(lambda: work.run(market.context, message.id))
    work.run(market.context, message.id)
    market.watch()
    work.run(market.context, message.id)
    market.watch()
    assert sent(market) == before + 1
    assert market.lease(lease_id).status is LeaseStatus.ACTIVE


def test_redeem_and_close__run_by_four_workers_and_again__pay_once(market: World) -> None:
    """One payment, one refund."""
    lease_id = market.match()
    market.work()
    message = market.countersign(lease_id, 2000, is_final=True)
    before = sent(market)
    at_once(lambda: work.run(market.context, message))
    market.watch()
    work.run(market.context, message)
    assert sent(market) == before + 1
    paid = market.lease(lease_id).paid
    market.wait_closable(lease_id)
    (closing,) = market.messages(OutboxKind.LEASE_CLOSE)
    at_once(lambda: work.run(market.context, closing.id))
    market.watch()
    work.run(market.context, closing.id)
    assert sent(market) == before + 2
    lease = market.lease(lease_id)
    assert (lease.status, lease.paid) == (LeaseStatus.CLOSED, paid)
    assert lease.paid + lease.refunded == lease.cost
    assert reconcile.run(market.context) == []


def test_attest__run_twice_and_posted_again__sends_one_transaction(market: World) -> None:
    """A restarted agent posts the same devices again: they are attested already."""
    uuid = "GPU-" + market.owner.address[2:]
    before = sent(market)
    inventory_id = market.post_inventory(uuid)
    for message in market.messages(OutboxKind.DEVICE_ATTEST):
        work.run(market.context, message.id)
        work.run(market.context, message.id)
    assert sent(market) == before
    with session_scope() as session:
        assert session.get_one(Inventory, inventory_id).status is InventoryStatus.ATTESTED


def test_attest__implausible__is_refused_and_sends_nothing(market: World) -> None:
    """A card that shows less memory than its class has."""
    before = stored()
    inventory_id = market.post_inventory("GPU-small", memory_bytes=24 << 30)
    market.work()
    assert stored() == before
    with session_scope() as session:
        row = session.get_one(Inventory, inventory_id)
        assert row.status is InventoryStatus.REFUSED
        assert row.reason is not None
        assert "memory-implausible" in row.reason
    (last,) = [m for m in market.messages(OutboxKind.DEVICE_ATTEST) if m.failed_at]
    assert last.done_at is None


def test_fills__of_one_ask_pending_together__are_one_transaction(market: World) -> None:
    """Two leases, one group; a third whose bid cannot pay is skipped alone, with its reason."""
    begin = int(time.time()) - 3
    market.post_inventory(*(f"GPU-{n}" for n in range(3)))
    market.work()
    ask = market.ask(begin)
    first = market.match_ask(ask, begin)
    second = market.match_ask(ask, begin + 1)
    broke = market.match_ask(ask, begin + 2, budget=1)
    before = sent(market)
    market.work()
    assert sent(market) == before + 1
    assert market.lease(first).status is LeaseStatus.ACTIVE
    assert market.lease(second).status is LeaseStatus.ACTIVE
    assert market.lease(first).fill_transaction == market.lease(second).fill_transaction
    lease = market.lease(broke)
    assert (lease.status, lease.reason) == (LeaseStatus.FAILED, "OverBudget")
    assert market.order_status(lease.bid_digest).value == "failed"
    assert reconcile.run(market.context) == []


def test_voucher__older_or_foreign__costs_no_gas(market: World) -> None:
    """Refused by the rules before anything is sent."""
    lease_id = market.match()
    market.work()
    market.countersign(lease_id, 2000, is_final=False)
    market.work()
    booked, before = postings(), sent(market)
    market.countersign(lease_id, 1000, is_final=False, sequence=2)
    market.countersign(lease_id, 2500, is_final=False, sequence=3, agent=market.owner)
    market.work()
    assert (postings(), sent(market)) == (booked, before)
    older, foreign = market.messages(OutboxKind.VOUCHER_REDEEM)[1:]
    assert older.done_at is not None
    assert foreign.failed_at is not None
    assert foreign.error is not None
    assert foreign.error.startswith("bad-agent-signature")


def test_voucher__beyond_elapsed__waits_and_is_paid_later(market: World) -> None:
    """Time catches up."""
    lease_id = market.match()
    market.work()
    used = (int(time.time()) - market.lease(lease_id).start + 2) * 1000
    market.countersign(lease_id, used, is_final=False)
    market.work()
    (message,) = market.messages(OutboxKind.VOUCHER_REDEEM)
    assert message.done_at is None
    assert message.error is not None
    assert message.error.startswith("exceeds-elapsed")
    deadline = time.monotonic() + 10
    while market.lease(lease_id).used_gpu_ms != used:
        assert time.monotonic() < deadline
        time.sleep(0.3)
        market.node.mine()
        market.work()
