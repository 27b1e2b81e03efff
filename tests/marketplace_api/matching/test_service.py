"""The matcher on real orders: it pairs, records, survives a restart, and can be replayed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from contracts.protocol.lifecycle import LeaseStatus, OrderStatus
from contracts.protocol.series import Isolation, Series
from contracts.protocol.typed_data import AskConstraints, BidConstraints, TimeInForce
from marketplace_api.db import session_scope
from marketplace_api.matching import repository
from marketplace_api.matching.records import replay
from marketplace_api.models import (
    Account,
    CancelledNonce,
    ChainBlock,
    ChainEvent,
    OutboxMessage,
)
from tests.marketplace_api.market import PRICE, Market


class TestMatch:
    """One bid meets the asks that stand."""

    def test_match__one_ask__lease_order_and_outbox_in_one(self, market: Market) -> None:
        """Everything that follows from a match is written at once."""
        supplier, buyer = market.supplier(), market.buyer()
        ask, bid = market.post_ask(supplier), market.post_bid(buyer)
        market.matcher()
        lease = market.lease_of(bid)
        assert lease.status is LeaseStatus.PENDING
        assert (lease.ask_digest, lease.holder, lease.provider) == (
            ask, buyer.address, supplier.owner.address,
        )  # fmt: skip
        assert (lease.milli, lease.units, lease.start, lease.duration) == (
            1000, 20, market.clock.now, 72,
        )  # fmt: skip
        assert lease.cost == 20 * PRICE // 1000 == 40_000
        assert lease.series == Series(market.clock.now, 72, 2000, 1000, supplier.terms).id
        assert lease.simulated
        assert market.order(bid).status is OrderStatus.MATCHED
        assert market.order(ask).status is OrderStatus.OPEN
        with session_scope() as session:
            row = session.query(OutboxMessage).one()
            assert (row.kind, row.payload) == ("lease.fill", {"lease_id": str(lease.id)})

    def test_match__two_prices__cheaper_ask(self, market: Market) -> None:
        """Price comes before time."""
        dear, cheap, buyer = market.supplier(), market.supplier(), market.buyer()
        market.post_ask(dear)
        ask = market.post_ask(cheap, price_per_gpu_hour=PRICE - 1000)
        bid = market.post_bid(buyer)
        market.matcher()
        assert market.lease_of(bid).ask_digest == ask

    def test_match__cheaper_is_full__next_best(self, market: Market) -> None:
        """Capacity is counted by the hour over leases that are not over."""
        cheap, dear = market.supplier(), market.supplier()
        first = market.post_ask(cheap, price_per_gpu_hour=PRICE - 1000)
        second = market.post_ask(dear)
        bids = [market.post_bid(market.buyer()) for _ in range(3)]
        market.matcher()
        asks = [market.order(bid).status for bid in bids]
        assert asks == [OrderStatus.MATCHED, OrderStatus.MATCHED, OrderStatus.OPEN]
        assert [market.lease_of(bid).ask_digest for bid in bids[:2]] == [first, second]

    def test_match__lease_failed__hours_are_free_again(self, market: Market) -> None:
        """A fill that did not happen takes nothing."""
        supplier, buyer = market.supplier(), market.buyer()
        market.post_ask(supplier)
        first, second = market.post_bid(buyer), market.post_bid(buyer)
        matcher = market.matcher()
        assert market.order(second).status is OrderStatus.OPEN
        with session_scope() as session:
            session.execute(text("UPDATE lease SET status = 'failed', reason = 'x'"))
        matcher.tick()
        assert market.order(second).status is OrderStatus.MATCHED
        assert market.lease_of(first).status is LeaseStatus.FAILED

    def test_match__ask_with_a_limit__counts_what_waits_and_what_the_chain_filled(
        self, market: Market
    ) -> None:
        """Quantity in GPU-ms and number of fills, whoever filled it."""
        supplier, buyer = market.supplier(devices=4), market.buyer()
        ask = market.post_ask(supplier, quantity=3 * 72_000, max_fills=3)
        bids = [market.post_bid(buyer) for _ in range(2)]
        market.matcher()
        assert {market.order(bid).status for bid in bids} == {OrderStatus.MATCHED}
        args = {"ask_digest": ask, "fills": [{"units": 20}]}
        block = ChainBlock(number=1, hash="0x01", parent_hash="0x00", timestamp=1)
        market.add(block)
        found = {"block_hash": "0x01", "tx_hash": "0x02", "log_index": 1, "block_number": 1}
        market.add(ChainEvent(**found, contract=buyer.address, name="Filled", args=args))
        late = market.post_bid(buyer)
        market.matcher()
        assert market.order(late).status is OrderStatus.OPEN

    def test_match__same_buyer_same_second__distinct_series(self, market: Market) -> None:
        """Two fills of one series would be one position: the second starts a second later."""
        supplier, buyer = market.supplier(devices=2), market.buyer()
        market.post_ask(supplier)
        bids = [market.post_bid(buyer) for _ in range(2)]
        market.matcher()
        starts = [market.lease_of(bid).start for bid in bids]
        assert starts == [market.clock.now, market.clock.now + 1]

    def test_match__ask_comes_later__resting_bid_is_filled(self, market: Market) -> None:
        """A bid rests until its deadline."""
        supplier, buyer = market.supplier(), market.buyer()
        bid = market.post_bid(buyer)
        matcher = market.matcher()
        assert market.order(bid).status is OrderStatus.OPEN
        market.clock.advance(5)
        market.post_ask(supplier)
        assert matcher.step() == 1
        assert market.lease_of(bid).start == market.clock.now

    def test_match__several_resting_bids__highest_limit_first(self, market: Market) -> None:
        """Among bids the higher limit wins, then the older."""
        supplier = market.supplier()
        low = market.post_bid(market.buyer())
        high = market.post_bid(market.buyer(), max_price_per_gpu_hour=2 * PRICE)
        matcher = market.matcher()
        market.post_ask(supplier)
        matcher.step()
        assert market.order(high).status is OrderStatus.MATCHED
        assert market.order(low).status is OrderStatus.OPEN
        assert market.lease_of(high).price_per_gpu_hour == PRICE


class TestRefuse:
    """What must not be paired."""

    def test_refuse__provider_offline__until_it_is_back(self, market: Market) -> None:
        """Without a heartbeat nothing is matched."""
        supplier, buyer = market.supplier(), market.buyer()
        market.post_ask(supplier)
        self._set(market, "UPDATE provider SET last_seen = now() - interval '2 hours'")
        bid = market.post_bid(buyer)
        matcher = market.matcher()
        assert market.order(bid).status is OrderStatus.OPEN
        self._set(market, "UPDATE provider SET last_seen = now()")
        matcher.tick()
        assert market.order(bid).status is OrderStatus.MATCHED

    @pytest.mark.parametrize(
        "fact",
        [
            "UPDATE device SET healthy = false",
            "UPDATE device SET attested_until = NULL",
            "UPDATE provider SET bond = 999999",
            "UPDATE account SET balance = 39999",
            "UPDATE account SET epoch = 1",
        ],
    )
    def test_refuse__fact_is_against_it__bid_rests(self, market: Market, fact: str) -> None:
        """Health, attestation, bond, balance and epoch are looked at when a match is made."""
        supplier, buyer = market.supplier(), market.buyer()
        market.post_ask(supplier)
        bid = market.post_bid(buyer)
        self._set(market, fact)
        market.matcher()
        assert market.order(bid).status is OrderStatus.OPEN

    def test_refuse__nonce_cancelled_on_chain__bid_rests(self, market: Market) -> None:
        """A cancel on chain binds the matcher too."""
        supplier, buyer = market.supplier(), market.buyer()
        market.post_ask(supplier)
        bid = market.post_bid(buyer)
        nonce = market.order(bid).nonce
        market.add(CancelledNonce(wallet=buyer.address, epoch=0, nonce=nonce, block_number=1))
        market.matcher()
        assert market.order(bid).status is OrderStatus.OPEN

    def test_refuse__own_ask__bid_rests(self, market: Market) -> None:
        """Nobody trades with himself."""
        supplier = market.supplier()
        market.add(Account(wallet=supplier.owner.address, balance=10**9, epoch=0))
        market.post_ask(supplier)
        bid = market.post_bid(supplier.owner)
        market.matcher()
        assert market.order(bid).status is OrderStatus.OPEN

    def test_refuse__lists__only_admitted_parties(self, market: Market) -> None:
        """Allow and deny lists of both sides hold."""
        first, second, buyer = market.supplier(), market.supplier(), market.buyer()
        market.post_ask(first, price_per_gpu_hour=PRICE - 1000)
        ask = market.post_ask(second)
        denied = BidConstraints(deny=(first.owner.address,))
        bid = market.post_bid(buyer, constraints=denied)
        market.matcher()
        assert market.lease_of(bid).ask_digest == ask

    def test_refuse__ask_allows_others__bid_rests(self, market: Market) -> None:
        """An ask may be for some buyers only."""
        supplier, buyer, other = market.supplier(), market.buyer(), market.buyer()
        market.post_ask(supplier, constraints=AskConstraints(allow=(other.address,)))
        bid = market.post_bid(buyer)
        market.matcher()
        assert market.order(bid).status is OrderStatus.OPEN

    def test_refuse__immediate__expires_at_once(self, market: Market) -> None:
        """Longer than the ask's window: nothing is taken, and it does not rest."""
        supplier, buyer = market.supplier(), market.buyer()
        market.post_ask(supplier, window_end=market.clock.now + 60)
        immediate = BidConstraints(time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL.value)
        bid = market.post_bid(buyer, constraints=immediate)
        matcher = market.matcher()
        order = market.order(bid)
        assert (order.status, order.reason) == (OrderStatus.EXPIRED, "immediate-or-cancel")
        assert matcher.book.bids() == []

    def test_refuse__post_only_would_take__is_put_out(self, market: Market) -> None:
        """A post-only ask never meets a bid that rested before."""
        supplier, buyer = market.supplier(), market.buyer()
        bid = market.post_bid(buyer)
        matcher = market.matcher()
        ask = market.post_ask(supplier, constraints=AskConstraints(post_only=True))
        matcher.step()
        assert market.order(ask).status is OrderStatus.CANCELLED
        assert market.order(ask).reason == "post-only"
        assert market.order(bid).status is OrderStatus.OPEN

    def test_refuse__cancelled_before_the_match__nothing(self, market: Market) -> None:
        """A cancel is an entry of the log like any other."""
        supplier, buyer = market.supplier(), market.buyer()
        market.post_ask(supplier)
        bid = market.post_bid(buyer)
        assert buyer.post(f"/v1/orders/{bid}/cancel").status_code == 200
        market.matcher()
        assert market.order(bid).status is OrderStatus.CANCELLED

    def test_refuse__deadline_passed__expired(self, market: Market) -> None:
        """Time alone closes an order."""
        buyer = market.buyer()
        market.supplier()
        bid = market.post_bid(buyer)
        matcher = market.matcher()
        market.clock.advance(301)
        matcher.tick()
        matcher._retried_at = 0
        matcher.tick()
        assert market.order(bid).status is OrderStatus.EXPIRED

    @staticmethod
    def _set(market: Market, statement: str) -> None:
        with session_scope() as session:
            session.execute(text(statement))


class TestReplay:
    """The log and the recorded facts give the recorded fills."""

    def test_replay__after_a_busy_day__same_fills(self, market: Market) -> None:
        """Asks of several prices and isolations, bids of several sizes, cancels, offline times."""
        whole = [market.supplier(devices=2) for _ in range(2)]
        shared = market.supplier(devices=2, isolation=Isolation.MPS, step=250)
        buyers = [market.buyer() for _ in range(3)]
        matcher = market.matcher()
        for turn in range(6):
            price = PRICE + 1000 * (turn % 3)
            ask = market.post_ask(whole[turn % 2], price_per_gpu_hour=price)
            if turn % 2:
                market.post_ask(shared, price_per_gpu_hour=PRICE - 1000, max_milli=500)
            for index, buyer in enumerate(buyers):
                milli = (1000, 500, 250)[index]
                market.post_bid(
                    buyer,
                    milli=milli,
                    min_milli=250,
                    min_duration=72,
                    max_duration=720,
                    max_price_per_gpu_hour=PRICE + 1000 * (turn % 2),
                )
            if turn == 2:
                whole[0].owner.post(f"/v1/orders/{ask}/cancel")
            matcher.step()
            self._last_seen(market.clock.now if turn != 3 else 0)
            market.clock.advance(7)
            matcher._retried_at = 0
            matcher.tick()
        with session_scope() as session:
            entries = repository.log_after(session, 0, 10_000)
            decisions = list(repository.decisions(session))
            leases = session.execute(text("SELECT bid_digest, series FROM lease")).all()
        fills = replay(entries, decisions)
        assert len(fills) == len(leases) >= 8
        assert {(fill.bid, fill.series) for fill in fills} == {
            (bid, int(series)) for bid, series in leases
        }

    @staticmethod
    def _last_seen(at: float) -> None:
        with session_scope() as session:
            session.execute(
                text("UPDATE provider SET last_seen = :seen"),
                {"seen": datetime.fromtimestamp(at, UTC)},
            )

    def test_replay__restart__book_goes_on(self, market: Market) -> None:
        """A new leader builds the same book from the log and matches nothing twice."""
        supplier, buyer = market.supplier(), market.buyer()
        market.post_ask(supplier)
        first, second = market.post_bid(buyer), market.post_bid(buyer)
        before = market.matcher().book
        after = market.matcher().book
        assert [b.digest for b in before.bids()] == [b.digest for b in after.bids()] == [second]
        assert before.last_sequence == after.last_sequence
        assert market.lease_of(first) is not None
