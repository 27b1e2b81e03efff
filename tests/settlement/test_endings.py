"""The end of a lease: what is counter-signed is paid before anything of it is refunded."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from sqlalchemy import delete, func, update

from contracts.protocol.lifecycle import LeaseStatus
from contracts.protocol.units import LOT_GPU_MS
from contracts.protocol.wire import to_hex
from marketplace_api.db import session_scope
from marketplace_api.models import OutboxKind, OutboxMessage, UsageReceipt
from settlement import endings, payments, reconcile
from tests.settlement.world import World

pytestmark = pytest.mark.integration

AHEAD = 30
"""Past the end of the lease and past the time to redeem."""
USED = 2000
PAID = USED * 2000 // LOT_GPU_MS


def countersign(world: World, lease_id: UUID, used: int, sequence: int = 1) -> None:
    """A receipt that is not final, signed by both sides; nobody asks to redeem it."""
    message = world.countersign(lease_id, used, is_final=False, sequence=sequence)
    with session_scope() as session:
        session.execute(delete(OutboxMessage).where(OutboxMessage.id == message))


def pass_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the clocks, on this chain of our own only; the database's rows become due."""
    world.node.rpc("evm_increaseTime", hex(AHEAD))
    world.node.mine()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + AHEAD)


def make_due() -> None:
    """What waits for a moment is due now: the database's clock does not move."""
    with session_scope() as session:
        session.execute(update(OutboxMessage).values(available_at=func.now()))


def test_end__only_a_receipt_before_the_last_is_signed__is_paid_then_closed(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The buyer's client was interrupted; reconcile comes long after the time to redeem."""
    lease_id = market.match()
    market.work()
    countersign(market, lease_id, USED)
    pass_the_end(market, monkeypatch)
    reconcile.run(market.context)
    assert market.messages(OutboxKind.LEASE_CLOSE) == []
    market.work()
    assert (market.lease(lease_id).status, market.lease(lease_id).paid) == (
        LeaseStatus.CLOSING,
        PAID,
    )
    reconcile.run(market.context)
    market.work()
    lease = market.lease(lease_id)
    assert (lease.status, lease.paid) == (LeaseStatus.CLOSED, PAID)
    assert lease.refunded == lease.cost - PAID
    assert reconcile.run(market.context) == []


def test_end__passes__newest_signed_voucher_is_redeemed_without_reconcile(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that was written with the activation, due a second after the end."""
    lease_id = market.match()
    market.work()
    lease = market.lease(lease_id)
    (row,) = market.messages(OutboxKind.LEASE_END)
    assert row.available_at.timestamp() == pytest.approx(lease.end + 1, abs=1)
    countersign(market, lease_id, 1000)
    countersign(market, lease_id, USED, sequence=2)
    pass_the_end(market, monkeypatch)
    for _ in range(4):
        make_due()
        market.work()
    lease = market.lease(lease_id)
    assert (lease.status, lease.paid) == (LeaseStatus.CLOSED, PAID)
    (redemption,) = market.messages(OutboxKind.VOUCHER_REDEEM)
    assert redemption.payload["sequence"] == 2
    assert all(row.done_at for row in market.messages_all())
    assert reconcile.run(market.context) == []


def test_end__looked_at_before_the_end__changes_nothing(market: World) -> None:
    """Early is early, also when somebody runs the row by hand."""
    lease_id = market.match()
    market.work()
    countersign(market, lease_id, USED)
    (row,) = market.messages(OutboxKind.LEASE_END)
    endings.prepare(market.context, row.id)
    assert market.lease(lease_id).status is LeaseStatus.ACTIVE
    assert market.messages(OutboxKind.VOUCHER_REDEEM) == []
    (row,) = market.messages(OutboxKind.LEASE_END)
    assert row.done_at is None


def test_close__asked_for_before_the_last_signature__waits_for_the_payment(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed between the request and the closing."""
    lease_id = market.match()
    market.work()
    pass_the_end(market, monkeypatch)
    reconcile.run(market.context)
    (closing,) = market.messages(OutboxKind.LEASE_CLOSE)
    countersign(market, lease_id, USED)
    payments.prepare_closings(market.context, closing.id)
    (closing,) = market.messages(OutboxKind.LEASE_CLOSE)
    assert closing.transaction_id is None
    for _ in range(3):
        make_due()
        market.work()
    lease = market.lease(lease_id)
    assert (lease.status, lease.paid) == (LeaseStatus.CLOSED, PAID)


@pytest.mark.parametrize("by", ["our rules", "the chain"])
def test_end__newest_voucher_is_refused__older_one_is_paid_and_lease_closes(
    market: World, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """A bad signature blocks nothing for ever."""
    lease_id = market.match()
    market.work()
    countersign(market, lease_id, USED)
    countersign(market, lease_id, USED + 500, sequence=2)
    with session_scope() as session:
        bad = session.get_one(UsageReceipt, (lease_id, 2))
        voucher = bytes(range(32))
        bad.holder_signature = to_hex(market.buyer.sign_digest(voucher))
    if by == "the chain":
        monkeypatch.setattr(payments, "check", lambda _claim: None)
    pass_the_end(market, monkeypatch)
    for _ in range(6):
        reconcile.run(market.context)
        make_due()
        market.work()
    lease = market.lease(lease_id)
    assert (lease.status, lease.paid) == (LeaseStatus.CLOSED, PAID)
    (refused,) = [row for row in market.messages_all() if row.failed_at]
    assert refused.payload["sequence"] == 2
    assert refused.error is not None
    assert ("BadSignature" in refused.error) == (by == "the chain")
