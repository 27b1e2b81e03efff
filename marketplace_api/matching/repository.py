"""What the matcher reads: the log, terms, and the facts behind an order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import LeaseStatus, OrderStatus
from contracts.protocol.typed_data import Ask, Bid
from contracts.protocol.units import LOT_GPU_MS
from contracts.protocol.wire import from_wire, to_hex
from marketplace_api.matching.book import Demand, RestingAsk, RestingBid, Supply, TermsView
from marketplace_api.matching.records import Decision, Facts, LogEntry, fill_of
from marketplace_api.models import (
    Account,
    CancelledNonce,
    ChainEvent,
    Device,
    Lease,
    LogKind,
    MatchRecord,
    Order,
    OrderLogEntry,
    Provider,
    Terms,
)

RUNNING = (LeaseStatus.PENDING, LeaseStatus.ACTIVE, LeaseStatus.CLOSING)
"""Leases whose hours are taken."""


def log_after(session: Session, sequence: int, limit: int) -> list[LogEntry]:
    """The next entries of the log."""
    rows = session.scalars(
        select(OrderLogEntry)
        .where(OrderLogEntry.sequence > sequence)
        .order_by(OrderLogEntry.sequence)
        .limit(limit)
    ).all()
    terms = _terms_of(session, rows)
    return [_entry(row, terms) for row in rows]


def decisions(session: Session) -> Iterator[Decision]:
    """Every recorded decision, oldest first."""
    for row in session.scalars(select(MatchRecord).order_by(MatchRecord.number)):
        yield Decision(
            row.log_sequence,
            row.at,
            row.bid_digest,
            Facts.from_json(row.facts),
            fill_of(row.fill),
        )


def open_digests(session: Session) -> set[str]:
    """Orders that may still be matched."""
    return set(session.scalars(select(Order.digest).where(Order.status == OrderStatus.OPEN)))


def expire_orders(session: Session, now: int) -> int:
    """Close open orders whose deadline passed."""
    # OPEN -> EXPIRED, as the life cycle has it; in bulk because there may be many.
    expired = session.scalars(
        update(Order)
        .where(Order.status == OrderStatus.OPEN, Order.deadline <= now)
        .values(status=OrderStatus.EXPIRED, reason="deadline")
        .returning(Order.digest)
    )
    return len(expired.all())


def load_demand(session: Session, buyer: str, order: Order) -> Demand:
    """What is known of a buyer and its order."""
    return Demand(
        is_open=order.status is OrderStatus.OPEN and not is_void(session, order),
        free_balance=free_balance(session, buyer),
    )


def free_balance(session: Session, wallet: str) -> int:
    """Balance on chain less what fills on their way will take."""
    balance = session.scalar(select(Account.balance).where(Account.wallet == wallet)) or 0
    pending = session.scalar(
        select(func.coalesce(func.sum(Lease.units * Lease.ticks), 0)).where(
            Lease.holder == wallet, Lease.status == LeaseStatus.PENDING
        )
    )
    return balance - int(pending or 0)


def load_supply(
    session: Session,
    ask: RestingAsk,
    holder: str,
    now: int,
    heartbeat_ttl_s: int,
    min_bond_per_milli: int,
) -> Supply:
    """What is known of what stands behind an ask."""
    terms = ask.terms
    order = session.get(Order, ask.digest, populate_existing=True)
    devices = attested_devices(session, terms.provider)
    of_class = [device for device in devices if device.device_class == terms.device_class]
    is_open = (
        order is not None
        and order.status is OrderStatus.OPEN
        and not is_void(session, order)
        and is_serving(session, terms.provider, devices, now, heartbeat_ttl_s, min_bond_per_milli)
    )
    filled_gpu_ms, fills = _filled(session, ask)
    return Supply(
        is_open=is_open,
        capacity_milli=capacity_milli(of_class, now),
        sold_milli=sold_by_hour(session, terms.provider, terms.device_class, now),
        taken_series=frozenset(_series_of(session, holder, terms.number)),
        simulated=any(device.simulated for device in of_class),
        filled_gpu_ms=filled_gpu_ms,
        fills=fills,
    )


def is_serving(
    session: Session,
    wallet: str,
    devices: Sequence[Device],
    now: int,
    heartbeat_ttl_s: int,
    min_bond_per_milli: int,
) -> bool:
    """Whether a provider sent a heartbeat lately and holds the bond that its devices need."""
    provider = session.get(Provider, wallet, populate_existing=True)
    if provider is None or provider.last_seen is None:
        return False
    since = datetime.fromtimestamp(now, UTC) - timedelta(seconds=heartbeat_ttl_s)
    needed = sum(device.milli for device in devices) * min_bond_per_milli
    return provider.last_seen >= since and provider.bond >= needed


def attested_devices(session: Session, provider: str) -> Sequence[Device]:
    """Devices of a provider that the chain knows."""
    return session.scalars(
        select(Device)
        .where(Device.provider == provider, Device.attested_until.is_not(None))
        .execution_options(populate_existing=True)
    ).all()


def capacity_milli(devices: Sequence[Device], now: int) -> int:
    """What may be sold of the devices of one class: the chain fills nothing once one is stale."""
    if any((device.attested_until or 0) <= now for device in devices):
        return 0
    return sum(device.milli for device in devices if device.healthy)


def sold_by_hour(session: Session, provider: str, device_class: str, now: int) -> dict[int, int]:
    """Milli that running leases take of each hour from now on."""
    sold: Counter[int] = Counter()
    rows = session.execute(
        select(Lease.start, Lease.end, Lease.milli).where(
            Lease.provider == provider,
            Lease.device_class == device_class,
            Lease.status.in_(RUNNING),
            Lease.end > now - 3600,
        )
    )
    for start, end, milli in rows:
        for hour in range(max(start, now) // 3600, (end - 1) // 3600 + 1):
            sold[hour] += milli
    return dict(sold)


def is_void(session: Session, order: Order) -> bool:
    """Whether its maker made the order void on chain."""
    epoch = session.scalar(select(Account.epoch).where(Account.wallet == order.maker)) or 0
    return epoch != order.epoch or is_nonce_cancelled(
        session, order.maker, order.epoch, order.nonce
    )


def is_nonce_cancelled(session: Session, wallet: str, epoch: int, nonce: int) -> bool:
    """Whether its owner cancelled a nonce on chain."""
    return session.get(CancelledNonce, (wallet, epoch, nonce)) is not None


def terms_view(terms: Terms) -> TermsView:
    """What a match needs of terms."""
    return TermsView(
        number=terms.number,
        provider=terms.provider,
        device_class=terms.device_class,
        isolation=terms.isolation,
        step=terms.step,
        reservation_fee_bps=terms.reservation_fee_bps,
        interruptible=terms.interruptible,
        sla_credit_bps=terms.sla_credit_bps,
        notice=terms.notice,
        arbiter_set=terms.arbiter_set,
    )


def _filled(session: Session, ask: RestingAsk) -> tuple[int, int]:
    """GPU-ms and number of fills that an ask with a limit had on chain, and will have."""
    if not ask.ask.quantity and not ask.ask.max_fills:
        return 0, 0
    events = session.scalars(
        select(ChainEvent.args).where(
            ChainEvent.name == "Filled", ChainEvent.args["ask_digest"].astext == ask.digest
        )
    )
    units = [int(fill["units"]) for args in events for fill in args["fills"]]
    waiting = session.scalars(
        select(Lease.units).where(
            Lease.ask_digest == ask.digest, Lease.status == LeaseStatus.PENDING
        )
    ).all()
    return LOT_GPU_MS * (sum(units) + sum(waiting)), len(units) + len(waiting)


def _series_of(session: Session, holder: str, terms: int) -> Sequence[int]:
    return session.scalars(
        select(Lease.series).where(
            Lease.holder == holder, Lease.terms == terms, Lease.status != LeaseStatus.FAILED
        )
    ).all()


def _terms_of(session: Session, rows: Sequence[OrderLogEntry]) -> dict[int, TermsView]:
    numbers = {int(row.payload["terms"]) for row in rows if row.kind is LogKind.ASK}
    found = session.scalars(select(Terms).where(Terms.number.in_(numbers)))
    return {terms.number: terms_view(terms) for terms in found}


def _entry(row: OrderLogEntry, terms: dict[int, TermsView]) -> LogEntry:
    order: RestingAsk | RestingBid | None = None
    if row.kind is LogKind.ASK:
        ask = from_wire(Ask, row.payload)
        if ask.terms in terms:
            order = RestingAsk(row.digest, row.sequence, ask, terms[ask.terms])
    elif row.kind is LogKind.BID:
        bid = from_wire(Bid, row.payload)
        order = RestingBid(row.digest, row.sequence, bid, to_hex(bid.device_classes))
    return LogEntry(row.sequence, row.kind, row.digest, order)
