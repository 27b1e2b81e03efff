"""Cases, credits, slashes and early ends: books, storage and logs agree, to the unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from contracts.bindings.arbitration import Outcome
from contracts.bindings.market import FAULT, FINAL
from contracts.protocol.lifecycle import LeaseStatus
from contracts.protocol.typed_data import Verdict
from contracts.protocol.units import payment_down, share_down
from marketplace_api.db import session_scope
from marketplace_api.models import Account, OutboxKind, OutboxMessage, Provider
from settlement import cases
from settlement.chain.case_effects import BURNED
from tests.settlement.chain_node import DISPUTE_FEE, STAGE_S
from tests.settlement.trade import (
    EVIDENCE,
    INTERVAL_S,
    RESERVATION_BPS,
    SLA_BPS,
    UNSIGNED,
    Trade,
)
from tests.settlement.world import MILLI, World

pytestmark = pytest.mark.integration

DURATION = 144
SOLD = MILLI * DURATION
TICKS = 2000
COST = SOLD * TICKS // 3600
BOND = 50_000_000


@pytest.fixture
def trade(market: World, monkeypatch: pytest.MonkeyPatch) -> Trade:
    """A market with orders of its own."""
    return Trade(market, monkeypatch)


def running(trade: Trade, **terms: int | bool) -> int:
    """A lease that runs for half a minute already."""
    start = int(trade.world.node.web3.eth.get_block("latest")["timestamp"]) - 3
    series = trade.buy(start, DURATION, trade.terms(**terms))
    trade.jump(30)
    return series


def balance_of(owner: str) -> int:
    """What the API would read."""
    with session_scope() as session:
        account = session.get(Account, owner)
        return account.balance if account else 0


def bond_of(trade: Trade) -> int:
    """What counts of the provider's bond."""
    with session_scope() as session:
        return session.get_one(Provider, trade.world.owner.address).bond


def flags_of(trade: Trade, series: int) -> int:
    """Of the position on chain."""
    block = trade.world.node.web3.eth.block_number
    return trade.market.position(series, trade.world.buyer.address, block).flags


def claim(trade: Trade, series: int, used: int) -> None:
    """The agent's word alone, submitted by the agent."""
    voucher = trade.voucher(series, used)
    signature = trade.world.agent.sign(voucher, trade.world.context.deployment.market_domain)
    data = trade.arbitration.claim_usage(voucher, signature)
    trade.send(trade.world.agent, trade.arbitration.address, data)


def dispute(trade: Trade, series: int) -> None:
    """The holder pays a bond."""
    holder = trade.world.buyer
    data = trade.arbitration.challenge(series, holder.address, EVIDENCE)
    trade.send(holder, trade.arbitration.address, data)


def decide(trade: Trade, series: int, outcome: Outcome) -> None:
    """Both arbiters say the same."""
    arbitration = trade.arbitration
    verdict = Verdict(series, trade.world.buyer.address, 1, outcome.value, EVIDENCE)
    domain = trade.world.context.deployment.arbitration_domain
    signatures = tuple(arbiter.sign(verdict, domain) for arbiter in trade.world.arbiters)
    trade.send(trade.world.treasury, arbitration.address, arbitration.decide(verdict, signatures))


def resolve(trade: Trade, series: int) -> None:
    """Anybody ends a case whose stage is over."""
    trade.jump(STAGE_S + 1)
    arbitration = trade.arbitration
    data = arbitration.resolve(series, trade.world.buyer.address)
    trade.send(trade.world.treasury, arbitration.address, data)


def test_close__intervals_missed__pays_reservation_fee_and_credit(trade: Trade) -> None:
    """Both are figures of the terms, rounded down."""
    series = running(trade)
    used, missed = 7_001, 3
    trade.again(lambda: trade.redeem(trade.voucher(series, used, missed=missed, final=True)))
    lost = MILLI * INTERVAL_S * missed
    credit = share_down(payment_down(lost, TICKS), SLA_BPS)
    stood = share_down(payment_down(SOLD - used - lost, TICKS), RESERVATION_BPS)
    trade.close()
    lease = trade.lease(series)
    assert (lease.status, lease.missed_intervals) == (LeaseStatus.CLOSED, missed)
    assert (lease.reservation_fee, lease.sla_credit) == (stood, credit)
    assert lease.paid + lease.reservation_fee + lease.refunded == COST
    assert bond_of(trade) == BOND - credit


def test_claim_usage__unchallenged__is_paid_by_resolve(trade: Trade) -> None:
    """No more than the unsigned intervals; the lease is disputed meanwhile."""
    series = running(trade)
    trade.again(lambda: claim(trade, series, 20_000))
    assert trade.lease(series).is_disputed
    trade.again(lambda: resolve(trade, series))
    lease = trade.lease(series)
    assert (lease.is_disputed, lease.used_gpu_ms) == (False, MILLI * INTERVAL_S * UNSIGNED)
    assert lease.status is LeaseStatus.ACTIVE
    trade.jump(DURATION)
    trade.close()
    assert trade.lease(series).status is LeaseStatus.CLOSED


def make_due(message: OutboxMessage) -> None:
    """The database's clock does not jump."""
    with session_scope() as session:
        row = session.get_one(OutboxMessage, message.id)
        row.available_at, row.leased_until = datetime.now(UTC) - timedelta(seconds=1), None


def test_usage_case__nobody_resolves__settlement_does(trade: Trade) -> None:
    """Not before the chain's clock is past the deadline, and only once."""
    series, world = running(trade), trade.world
    claim(trade, series, 9_000)
    (message,) = world.messages(OutboxKind.CASE_RESOLVE)
    case = trade.arbitration.case_of(series, world.buyer.address, world.node.web3.eth.block_number)
    assert message.available_at.timestamp() == pytest.approx(case.deadline + 1 - trade.ahead, abs=1)
    make_due(message)
    assert world.work() == 1
    assert trade.lease(series).is_disputed
    assert world.messages(OutboxKind.CASE_RESOLVE)[0].transaction_id is None
    trade.jump(STAGE_S + 1)
    make_due(message)
    cases.prepare(world.context, message.id)
    assert world.work() == 1
    lease = trade.lease(series)
    assert (lease.is_disputed, lease.used_gpu_ms) == (False, 9_000)
    assert world.messages(OutboxKind.CASE_RESOLVE)[0].done_at is not None
    trade.agree()


@pytest.mark.parametrize(
    ("outcome", "flags"),
    [
        (Outcome.HONEST, 0),
        (Outcome.FAULT, FINAL | FAULT),
        (Outcome.FRAUD, FINAL | FAULT),
        (Outcome.INCONCLUSIVE, 0),
    ],
)
def test_decide__every_outcome__is_booked_and_the_lease_ends(
    trade: Trade, outcome: Outcome, flags: int
) -> None:
    """Arbiters are paid; a slash goes to the holder first and burns the rest."""
    series = running(trade)
    trade.redeem(trade.voucher(series, 3_000))
    claim(trade, series, 12_000)
    trade.again(lambda: dispute(trade, series))
    assert balance_of(trade.arbitration.address) > 0
    trade.again(lambda: decide(trade, series, outcome))
    assert flags_of(trade, series) & (FINAL | FAULT) == flags
    assert not trade.lease(series).is_disputed
    each = DISPUTE_FEE // 2
    assert [balance_of(arbiter.address) for arbiter in trade.world.arbiters] == [each, each]
    assert (balance_of(BURNED) > 0) == (outcome is Outcome.FRAUD)
    assert (bond_of(trade) < BOND) == bool(flags)
    trade.jump(DURATION)
    trade.close()
    assert trade.lease(series).status is LeaseStatus.CLOSED
    assert balance_of(trade.arbitration.address) == 0


def test_no_show__unanswered__ends_the_lease_with_a_credit(trade: Trade) -> None:
    """The provider said nothing: fault, and no reservation fee."""
    series = running(trade)
    holder, arbitration = trade.world.buyer, trade.arbitration
    data = arbitration.claim_no_show(series, holder.address, EVIDENCE)
    trade.again(lambda: trade.send(holder, arbitration.address, data))
    trade.again(lambda: resolve(trade, series))
    lease = trade.lease(series)
    assert (lease.status, lease.missed_intervals) == (
        LeaseStatus.CLOSING,
        DURATION // INTERVAL_S,
    )
    trade.close()
    lease = trade.lease(series)
    assert (lease.status, lease.reservation_fee, lease.refunded) == (LeaseStatus.CLOSED, 0, COST)
    lost = MILLI * INTERVAL_S * (DURATION // INTERVAL_S)
    assert lease.sla_credit == share_down(payment_down(lost, TICKS), SLA_BPS)


def test_release__unsigned_lease__ends_now(trade: Trade) -> None:
    """The reservation fee counts up to now only."""
    series = running(trade)
    arbitration, holder = trade.arbitration, trade.world.buyer.address
    data = arbitration.release(series, holder, EVIDENCE)
    trade.again(lambda: trade.send(trade.world.agent, arbitration.address, data))
    lease = trade.lease(series)
    assert lease.start < lease.end < lease.start + DURATION
    trade.jump(10)
    trade.close()
    closed = trade.lease(series)
    stood = payment_down(MILLI * (lease.end - lease.start), TICKS)
    assert closed.reservation_fee == share_down(stood, RESERVATION_BPS)
    assert closed.status is LeaseStatus.CLOSED


def test_interrupt__before_the_start__leaves_an_empty_lease(trade: Trade) -> None:
    """It ends where it begins, and everything is refunded."""
    start = int(trade.world.node.web3.eth.get_block("latest")["timestamp"]) + 60
    series = trade.buy(start, DURATION, trade.terms(interruptible=True, notice=1))
    arbitration, holder = trade.arbitration, trade.world.buyer.address
    data = arbitration.interrupt(series, holder)
    trade.again(lambda: trade.send(trade.world.owner, arbitration.address, data))
    lease = trade.lease(series)
    assert (lease.start, lease.end) == (start, start)
    trade.jump(90)
    trade.close()
    closed = trade.lease(series)
    assert (closed.status, closed.refunded) == (LeaseStatus.CLOSED, COST)
