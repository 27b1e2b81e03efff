"""The matcher: one leader that replays the order log, follows it and writes down the fills.

The leader holds an advisory lock on a connection of its own and writes through that connection:
with the connection it loses both the lock and whatever was not committed, so two leaders can never
both write.
"""

from __future__ import annotations

import threading
import time

import structlog
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import OrderStatus, advance
from marketplace_api import housekeeping, outbox
from marketplace_api.context import Context
from marketplace_api.db import session_scope
from marketplace_api.matching import repository
from marketplace_api.matching.book import Book, Fill, RestingAsk, RestingBid, Supply, choose
from marketplace_api.matching.records import Decision, Facts, apply, fill_json
from marketplace_api.models import Lease, MatchRecord, Order, OutboxKind, Terms

log = structlog.get_logger()
LEADER_LOCK = 0x6D61_7463
_BATCH = 1000
_TICK_S = 0.25
_RETRY_S = 1.0
"""How often resting bids are tried again: providers come online, deposits arrive."""
_RIVAL_S = 1.0
_SWEEP_S = 5.0


class Matcher:
    """The book of one leader; ``step`` brings it up to the end of the log."""

    def __init__(self, context: Context, connection: Connection | None = None) -> None:
        self._context = context
        self._connection = connection
        self.book = Book()
        self._retried_at = 0.0

    def start(self) -> None:
        """Build the book from the whole log."""
        with session_scope(self._connection) as session:
            repository.expire_orders(session, self._context.clock())
            alive = repository.open_digests(session)
            while entries := repository.log_after(session, self.book.last_sequence, _BATCH):
                for entry in entries:
                    apply(self.book, entry)
                    if entry.digest not in alive:
                        self.book.remove(entry.digest)
        log.info("matcher.started", sequence=self.book.last_sequence, bids=len(self.book.bids()))
        self._try_all(self.book.bids())

    def step(self) -> int:
        """Apply new entries and try what they concern; the number of entries applied."""
        with session_scope(self._connection) as session:
            entries = repository.log_after(session, self.book.last_sequence, _BATCH)
        for entry in entries:
            apply(self.book, entry)
            if isinstance(entry.order, RestingBid):
                self._try(entry.order)
            elif isinstance(entry.order, RestingAsk):
                self._meet(entry.order)
        return len(entries)

    def tick(self) -> None:
        """What time alone does: expiry, and another try of resting bids."""
        if time.monotonic() - self._retried_at < _RETRY_S:
            return
        self._retried_at = time.monotonic()
        now = self._context.clock()
        self.book.expire(now)
        with session_scope(self._connection) as session:
            repository.expire_orders(session, now)
        self._try_all(self.book.bids())

    def _meet(self, ask: RestingAsk) -> None:
        """Let a new ask meet the resting bids; one that must not take is put out instead."""
        bids = self.book.bids(ask.terms.device_class)
        if not ask.ask.constraints.post_only:
            self._try_all(bids)
            return
        if any(self._would_take(bid, ask) for bid in bids):
            self._close(ask.digest, OrderStatus.CANCELLED, "post-only")

    def _would_take(self, bid: RestingBid, ask: RestingAsk) -> bool:
        with session_scope(self._connection) as session:
            decision = self._decide(session, bid)
        return decision is not None and decision.fill.ask == ask.digest

    def _try_all(self, bids: list[RestingBid]) -> None:
        for bid in bids:
            self._try(bid)

    def _try(self, bid: RestingBid) -> None:
        """Fill a bid if that is possible now."""
        filled = False
        # Without a candidate there is no need to ask the database anything.
        if any(self.book.candidates(bid, self._context.clock())):
            with session_scope(self._connection) as session:
                decision = self._decide(session, bid)
                if decision is not None:
                    self._record(session, decision, bid)
                    filled = True
        if filled:
            self.book.remove(bid.digest)
        elif bid.is_immediate:
            self._close(bid.digest, OrderStatus.EXPIRED, "immediate-or-cancel")

    def _decide(self, session: Session, bid: RestingBid) -> Decision | None:
        """Choose on facts read under the locks of the orders; None for no fill."""
        now, seen = self._context.clock(), dict[str, Supply]()
        order = _lock(session, bid.digest)
        demand = repository.load_demand(session, bid.bid.buyer, order)

        def supply_of(ask: RestingAsk) -> Supply:
            _lock(session, ask.digest)  # a cancel waits, or has happened and is seen here
            seen[ask.digest] = repository.load_supply(
                session,
                ask,
                bid.bid.buyer,
                now,
                self._context.settings.heartbeat_ttl_s,
                self._context.deployment.min_bond_per_milli,
            )
            return seen[ask.digest]

        fill = choose(self.book, bid, now, demand, supply_of)
        if fill is None:
            return None
        return Decision(self.book.last_sequence, now, bid.digest, Facts(demand, seen), fill)

    def _record(self, session: Session, decision: Decision, bid: RestingBid) -> None:
        """Lease, order, decision and the work for settlement, in one transaction."""
        fill = decision.fill
        order = session.get_one(Order, bid.digest)
        order.status = advance(order.status, OrderStatus.MATCHED)
        lease = _lease(session, fill, bid)
        session.add(lease)
        session.flush()
        session.add(
            MatchRecord(
                log_sequence=decision.log_sequence,
                bid_digest=bid.digest,
                at=decision.at,
                facts=decision.facts.to_json(),
                fill=fill_json(fill),
                lease_id=lease.id,
            )
        )
        outbox.enqueue(
            session, OutboxKind.LEASE_FILL, f"lease.fill:{lease.id}", {"lease_id": str(lease.id)}
        )
        log.info("lease.matched", lease=str(lease.id), bid=fill.bid, ask=fill.ask)

    def _close(self, digest: str, status: OrderStatus, reason: str) -> None:
        self.book.remove(digest)
        with session_scope(self._connection) as session:
            order = _lock(session, digest)
            if order.status is OrderStatus.OPEN:
                order.status = advance(order.status, status)
                order.reason = reason


class MatcherThread:
    """Runs a matcher in the background for as long as this process is the leader."""

    def __init__(self, context: Context, engine: Engine) -> None:
        self._context = context
        self._engine = engine
        self._stop = threading.Event()
        self._swept_at = 0.0
        self._thread = threading.Thread(target=self._run, name="matcher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step under way."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._try_to_lead()
            except DBAPIError as error:
                log.warning("matcher.database_lost", error=str(error.orig))
            except Exception:
                # A leader that died silently would stop the market.
                log.exception("matcher.failed")
            self._stop.wait(_RIVAL_S)

    def _sweep(self, connection: Connection) -> None:
        if time.monotonic() - self._swept_at >= _SWEEP_S:
            self._swept_at = time.monotonic()
            with session_scope(connection) as session:
                housekeeping.sweep(session, self._context.clock())

    def _try_to_lead(self) -> None:
        with self._engine.connect() as connection:
            if not _take_lock(connection):
                return
            try:
                self._lead(Matcher(self._context, connection), connection)
            finally:
                # Closed, not returned to the pool: the lock belongs to the connection.
                connection.invalidate()

    def _lead(self, matcher: Matcher, connection: Connection) -> None:
        with self._context.notifications.subscribe(("order_log", None)) as subscription:
            matcher.start()
            while not self._stop.is_set():
                if matcher.step() == 0:
                    matcher.tick()
                    self._sweep(connection)
                    subscription.wait(_TICK_S)


def _take_lock(connection: Connection) -> bool:
    taken = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER_LOCK})
    connection.rollback()  # a session's lock outlives the transaction
    return bool(taken)


def _lock(session: Session, digest: str) -> Order:
    statement = select(Order).where(Order.digest == digest).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one()


def _lease(session: Session, fill: Fill, bid: RestingBid) -> Lease:
    terms = session.get_one(Terms, fill.terms)
    return Lease(
        bid_digest=fill.bid,
        ask_digest=fill.ask,
        series=fill.series,
        terms=fill.terms,
        holder=bid.bid.buyer,
        provider=terms.provider,
        device_class=terms.device_class,
        isolation=terms.isolation,
        milli=fill.milli,
        units=fill.units,
        start=fill.start,
        end=fill.start + fill.duration,
        ticks=fill.ticks,
        simulated=fill.simulated,
    )
