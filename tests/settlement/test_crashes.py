"""Killed at the worst moments; re-organised; restarted."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import func, select

from contracts.protocol.lifecycle import LeaseStatus, OrderStatus, TransactionStatus
from marketplace_api.db import session_scope
from marketplace_api.models import (
    Account,
    ChainBlock,
    ChainEvent,
    ChainTransaction,
    LedgerEntry,
    LedgerPosting,
    OutboxKind,
    Terms,
)
from settlement import ledger, reconcile, work
from settlement.chain.client import Web3Chain
from settlement.chain.sender import Sender
from settlement.chain.watcher import Watcher
from settlement.ledger import Kind
from settlement.outcome import Retryable
from tests.settlement.world import FUNDS, World

pytestmark = pytest.mark.integration


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class DyingChain(Web3Chain):
    """Dies before the first broadcast, or right after it."""

    def __init__(self, url: str, *, after_send: bool) -> None:
        super().__init__(url)
        self.after_send = after_send

    def send(self, raw: bytes) -> None:
        """Die."""
        if self.after_send:
            super().send(raw)
        raise Killed


def dying(world: World, *, after_send: bool) -> Sender:
    """A sender like ours on a chain that kills it."""
    ours = world.context.sender
    chain = DyingChain(world.node.url, after_send=after_send)
    return Sender(world.context.engine, chain, ours._keys, ours._policy, ours._on_refused)


def only_transaction(world: World) -> ChainTransaction:
    """The newest one."""
    with session_scope() as session:
        return session.scalars(
            select(ChainTransaction).order_by(ChainTransaction.nonce.desc().nulls_first()).limit(1)
        ).one()


@pytest.mark.parametrize("after_send", [False, True])
def test_sender__killed_around_broadcast__sends_the_same_bytes_again(
    market: World, after_send: bool
) -> None:
    """Signed and stored is enough: one fill, one nonce."""
    lease_id = market.match()
    (message,) = market.messages(OutboxKind.LEASE_FILL)
    before = market.node.web3.eth.get_transaction_count(market.context.operator)
    work.leases.prepare(market.context, message.id)
    with pytest.raises(Killed):
        dying(market, after_send=after_send).flush(market.context.operator)
    signed = only_transaction(market)
    assert (signed.status, signed.sent_at) == (TransactionStatus.SIGNED, None)

    work.run(market.context, message.id)
    market.watch()
    after = only_transaction(market)
    assert (after.id, after.hash, after.nonce) == (signed.id, signed.hash, before)
    assert after.status is TransactionStatus.CONFIRMED
    assert market.node.web3.eth.get_transaction_count(market.context.operator) == before + 1
    assert market.lease(lease_id).status is LeaseStatus.ACTIVE
    with session_scope() as session:
        attempts = session.scalar(select(func.count()).select_from(ChainTransaction))
    assert attempts == 2, "the attestation and one fill"


def test_sender__killed_before_signing__keeps_the_intent(market: World) -> None:
    """A queued intent waits for the next flush."""
    market.match()
    (message,) = market.messages(OutboxKind.LEASE_FILL)
    work.leases.prepare(market.context, message.id)
    assert only_transaction(market).status is TransactionStatus.QUEUED
    market.context.sender.flush(market.context.operator)
    market.watch()
    assert only_transaction(market).status is TransactionStatus.CONFIRMED


def test_worker__killed_holding_the_row__loses_it_after_its_lease(market: World) -> None:
    """The claim ends by itself; the next one does the work once."""
    from marketplace_api import outbox

    lease_id = market.match()
    with session_scope() as session:
        (task,) = outbox.claim(session, 10, lease_s=1.0)
    with session_scope() as session:
        assert outbox.claim(session, 10, lease_s=1.0) == []
    time.sleep(1.1)
    with session_scope() as session:
        (again,) = outbox.claim(session, 10, lease_s=1.0)
    assert (again.id, again.attempts) == (task.id, 2)
    work.run(market.context, again.id)
    market.watch()
    assert market.lease(lease_id).status is LeaseStatus.ACTIVE


def test_watcher__stopped_and_replaced_midway__applies_each_block_once(market: World) -> None:
    """A new watcher goes on at the cursor; two at once do not double anything."""
    lease_id = market.match()
    (message,) = market.messages(OutboxKind.LEASE_FILL)
    work.run(market.context, message.id)
    market.node.mine(3)
    context = market.context
    market.watcher.step()
    other = Watcher(Web3Chain(market.node.url), context.deployment, 1)
    for _ in range(5):
        other.step()
        market.watcher.step()
    assert market.lease(lease_id).status is LeaseStatus.ACTIVE
    with session_scope() as session:
        filled = session.scalars(
            select(LedgerPosting.id).where(LedgerPosting.kind == "filled")
        ).all()
        assert len(filled) == 1
        top = session.scalar(select(func.max(ChainBlock.number)))
    assert top == market.node.web3.eth.block_number
    assert reconcile.run(context) == []


def test_watcher__killed_inside_a_block__has_applied_nothing_of_it(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events, effects and cursor move together."""
    from settlement.chain import effects

    lease_id = market.match()
    (message,) = market.messages(OutboxKind.LEASE_FILL)
    work.run(market.context, message.id)
    applied = effects.apply

    def dies(*args: object) -> None:
        applied(*args)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(effects, "apply", dies)
    with pytest.raises(Killed):
        market.watch()
    assert market.lease(lease_id).status is LeaseStatus.PENDING
    monkeypatch.undo()
    market.watch()
    assert market.lease(lease_id).status is LeaseStatus.ACTIVE
    assert reconcile.run(market.context) == []


def test_reorg__takes_a_fill_away__and_brings_it_back(market: World) -> None:
    """Lease, order and books step back; the same transaction is sent again."""
    snapshot = market.node.rpc("evm_snapshot")
    # Ahead of its start, so that the fill may still come when it is sent again.
    lease_id = market.match(start=int(time.time()) + 5)
    market.work()
    lease = market.lease(lease_id)
    assert lease.status is LeaseStatus.ACTIVE
    hash_ = lease.fill_transaction
    market.node.rpc("evm_revert", snapshot)
    market.node.mine(4)
    market.watch()
    lease = market.lease(lease_id)
    assert lease.status is LeaseStatus.PENDING
    assert market.order_status(lease.bid_digest) is OrderStatus.MATCHED
    with session_scope() as session:
        assert session.get_one(Account, market.buyer.address).balance == FUNDS
        key = ledger.money(market.buyer.address, Kind.ESCROW, lease.series)
        assert ledger.balance(session, key) == 0
        events = session.scalars(select(ChainEvent).where(ChainEvent.name == "Filled")).all()
        assert events == []
    assert reconcile_without_flush(market) == []

    market.work()
    lease = market.lease(lease_id)
    assert (lease.status, lease.fill_transaction) == (LeaseStatus.ACTIVE, hash_)
    assert reconcile.run(market.context) == []
    with session_scope() as session:
        kinds = session.scalars(
            select(LedgerPosting.kind)
            .where(LedgerPosting.lease_id == lease_id)
            .order_by(LedgerPosting.id)
        ).all()
        assert kinds == ["filled", "reversed", "filled"]


def reconcile_without_flush(world: World) -> list[object]:
    """Only the comparison: nothing is sent."""
    return list(reconcile._trial_balance(world.context))


def test_reorg__takes_payment_and_closing_away__books_follow(market: World) -> None:
    """Everything after the fill is undone, then done again."""
    lease_id = market.match()
    market.work()
    snapshot = market.node.rpc("evm_snapshot")
    market.countersign(lease_id, 2000, is_final=True)
    market.work()
    market.wait_closable(lease_id)
    market.work()
    closed = market.lease(lease_id)
    assert closed.status is LeaseStatus.CLOSED
    market.node.rpc("evm_revert", snapshot)
    market.node.mine(3)
    market.watch()
    lease = market.lease(lease_id)
    assert lease.status is LeaseStatus.CLOSING
    assert (lease.paid, lease.fee, lease.refunded, lease.used_gpu_ms) == (0, 0, 0, 0)
    assert reconcile_without_flush(market) == []
    deadline = time.monotonic() + 15
    while market.lease(lease_id).status is not LeaseStatus.CLOSED:
        assert time.monotonic() < deadline
        market.work()
        market.node.mine()
        time.sleep(0.2)
    lease = market.lease(lease_id)
    assert (lease.paid, lease.refunded) == (closed.paid, closed.refunded)
    assert reconcile.run(market.context) == []


def test_reorg__of_the_registry__undoes_terms_and_devices(market: World) -> None:
    """What was registered in an orphaned block is gone."""
    snapshot = market.node.rpc("evm_snapshot")
    registry = market.context.registry
    from contracts.bindings.events import TermsStruct
    from contracts.protocol.series import device_class_hash

    terms = TermsStruct(device_class_hash("nvidia/l4/24gb/pcie"), 4, 1000, 0, 0, False, 0, 5, 3, 0)
    market.node.send(market.owner, registry.address, registry.register_terms(terms))
    market.node.send(
        market.buyer,
        market.context.market.address,
        market.context.market.set_delegate(market.agent.address),
    )
    market.watch()
    with session_scope() as session:
        assert session.get(Terms, market.terms + 1) is not None
        assert session.get_one(Account, market.buyer.address).delegate == market.agent.address
    market.node.rpc("evm_revert", snapshot)
    market.node.mine(3)
    market.watch()
    with session_scope() as session:
        assert session.get(Terms, market.terms + 1) is None
        assert session.get_one(Account, market.buyer.address).delegate is None


def test_node__unreachable__leaves_the_row_for_later(market: World) -> None:
    """Nothing is lost and nothing is given up."""
    lease_id = market.match()
    (message,) = market.messages(OutboxKind.LEASE_FILL)
    context = market.context
    away = Sender(
        context.engine,
        Web3Chain("http://127.0.0.1:9"),
        context.sender._keys,
        context.sender._policy,
        context.sender._on_refused,
    )
    work.leases.prepare(context, message.id)
    with pytest.raises(Retryable):
        away.flush(context.operator)
    market.work()
    assert market.lease(lease_id).status is LeaseStatus.ACTIVE


def test_reconcile__one_unit_planted__is_found(market: World) -> None:
    """In a balance, in its mirror, and in an escrow."""
    lease_id = market.match()
    market.work()
    assert reconcile.run(market.context) == []
    series = market.lease(lease_id).series
    wallet = market.buyer.address
    source = ledger.Source("planted", "", 0, 0)
    entries = ledger.move(
        ledger.money(wallet, Kind.ESCROW, series), ledger.money(wallet, Kind.BALANCE), 1
    )
    with session_scope() as session:
        ledger.post(session, ledger.PostingKind.REDEEMED, entries, source)
    found = {(f.difference.value, f.subject) for f in reconcile.run(market.context)}
    assert found == {
        ("balance-mismatch", wallet),
        ("escrow-mismatch", f"{wallet}/{series}"),
    }


def test_books__refuse_what_does_not_balance(market: World) -> None:
    """In code and in the database."""
    from sqlalchemy.exc import IntegrityError

    key = ledger.money(market.buyer.address, Kind.BALANCE)
    source = ledger.Source("lonely", "", 0, 0)
    with pytest.raises(ledger.UnbalancedError), session_scope() as session:
        ledger.post(session, ledger.PostingKind.DEPOSITED, [ledger.Entry(key, 1)], source)
    with session_scope() as session:
        account = ledger._account_id(session, key)
        posting = session.scalar(select(func.min(LedgerPosting.id)))
    with pytest.raises(IntegrityError), session_scope() as session:
        session.add(LedgerEntry(posting_id=posting, account_id=account, amount=1))


def test_lease__nobody_signs__is_refunded_whole_after_its_end(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reconcile closes it; the chain's clock is moved on this chain of our own only."""
    lease_id = market.match()
    market.work()
    ahead = 30
    market.node.rpc("evm_increaseTime", hex(ahead))
    market.node.mine()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    reconcile.run(market.context)
    market.work()
    lease = market.lease(lease_id)
    assert (lease.status, lease.refunded, lease.paid) == (LeaseStatus.CLOSED, lease.cost, 0)
    assert reconcile.run(market.context) == []
