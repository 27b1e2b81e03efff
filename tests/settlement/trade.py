"""Units bought straight on chain, for tests of what their holders and strangers do with them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import select

from contracts.bindings.arbitration import Arbitration
from contracts.bindings.events import TermsStruct
from contracts.bindings.market import AskGroup, BidFill, SignedVoucher
from contracts.bindings.resale import Resale
from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import LeaseStatus
from contracts.protocol.series import Series, device_class_hash
from contracts.protocol.typed_data import Ask, Bid, Voucher
from contracts.protocol.units import price_ticks
from marketplace_api.db import session_scope
from marketplace_api.models import Lease
from settlement import reconcile
from settlement.cli.desk import ChainDesk, place_of
from settlement.cli.verify.conservation import check_chain
from settlement.cli.verify.history import read_history
from settlement.cli.verify.state import read_state
from tests.settlement.world import CLASS, FUNDS, MILLI, PRICE, World

HOUR = 3600
INTERVAL_S, UNSIGNED = 5, 3
RESERVATION_BPS, SLA_BPS = 1_000, 5_000
EVIDENCE = b"\x05" * 32


@dataclass
class Trade:
    """Calls of parties on the market of a world."""

    world: World
    monkeypatch: pytest.MonkeyPatch
    ahead: int = 0

    def __post_init__(self) -> None:
        deployment, web3 = self.world.context.deployment, self.world.node.web3
        self.arbitration = Arbitration(web3, deployment.arbitration)
        self.resale = Resale(web3, deployment.resale)
        self.market = self.world.context.market

    def send(self, key: Signer, to: str, data: bytes) -> None:
        """Send and let the watcher see it."""
        self.world.node.fund(key.address)
        self.world.node.send(key, to, data)
        self.world.watch()

    def jump(self, seconds: int) -> None:
        """Let time pass, on the chain and here."""
        self.ahead += seconds
        self.world.node.rpc("evm_increaseTime", hex(seconds))
        self.world.node.mine()
        real, ahead = _REAL_TIME, self.ahead
        self.monkeypatch.setattr(time, "time", lambda: real() + ahead)
        self.world.watch()

    def terms(self, **changes: int | bool) -> int:
        """Register terms with fees, credits and arbiters."""
        wanted = replace(
            TermsStruct(
                device_class=device_class_hash(CLASS),
                isolation=4,
                step=1000,
                reservation_fee_bps=RESERVATION_BPS,
                sla_credit_bps=SLA_BPS,
                interruptible=False,
                notice=0,
                receipt_interval=INTERVAL_S,
                unsigned_intervals=UNSIGNED,
                arbiter_set=1,
            ),
            **changes,
        )
        registry = self.world.context.registry
        self.send(self.world.owner, registry.address, registry.register_terms(wanted))
        return registry.terms_count(self.world.node.web3.eth.block_number)

    def buy(self, start: int, duration: int, terms: int = 0, buyer: Signer | None = None) -> int:
        """One signed ask and one signed bid, paired by a stranger; the series."""
        world = self.world
        holder = buyer or world.buyer
        series = Series(start, duration, price_ticks(PRICE), 1000, terms or world.terms)
        ask = replace(
            world.ask(start), terms=series.terms, window_start=start, window_end=series.end
        )
        bid = replace(self._bid(series, holder), max_reservation_fee_bps=5_000, interruptible=True)
        self._pair(self.market.address, self.market.fill, ask, world.owner, bid, holder, series)
        return int(series.id)

    def resell(self, series_id: int, seller: Signer, buyer: Signer, price: int = PRICE) -> None:
        """Sell units of a series to another holder."""
        series = Series.from_id(series_id)
        ask = replace(
            self.world.ask(series.start),
            seller=seller.address,
            terms=0,
            series=series_id,
            price_per_gpu_hour=price,
            window_start=series.start,
            window_end=series.end,
        )
        bid = self._bid(series, buyer)
        resale = self.resale
        self._pair(resale.address, resale.fill, ask, seller, bid, buyer, series, price)

    def rich(self) -> Signer:
        """Another wallet with money in the market."""
        key = Signer.generate()
        self.world.node.fund(key.address)
        self.world.deposit(key, FUNDS)
        self.world.watch()
        return key

    def voucher(self, series: int, used: int, *, missed: int = 0, final: bool = False) -> Voucher:
        """What a receipt would entitle to."""
        return Voucher(series, self.world.buyer.address, used, missed, final, bytes(32))

    def redeem(self, voucher: Voucher) -> None:
        """Signed by both sides, submitted by a stranger."""
        domain = self.world.context.deployment.market_domain
        signed = SignedVoucher(
            voucher, self.world.buyer.sign(voucher, domain), self.world.agent.sign(voucher, domain)
        )
        self.send(Signer.generate(), self.market.address, self.market.redeem((signed,)))

    def lease(self, series: int, holder: str = "") -> Lease:
        """The lease of a position."""
        with session_scope() as session:
            return session.scalars(
                select(Lease).where(
                    Lease.series == series, Lease.holder == (holder or self.world.buyer.address)
                )
            ).one()

    def close(self) -> None:
        """What is over is redeemed and closed; the worker's own clock stands behind the jumps."""
        reconcile.run(self.world.context)
        while self.world.work():
            pass
        self.agree()

    def agree(self) -> None:
        """Books, storage and the chain's own logs say the same, to the unit."""
        self.world.watch()
        found = reconcile.run(self.world.context)
        assert not found, "\n".join(map(str, found))
        desk = ChainDesk(place_of(self.world.context.deployment, self.world.node.url))
        history = read_history(desk, desk.head)
        wrong = [c for c in check_chain(history, read_state(desk, history)) if not c.holds]
        assert not wrong, "\n".join(map(str, wrong))

    def again(self, act: Callable[[], None]) -> None:
        """Do something, let a re-org take it away, see that nothing stays of it, do it again."""
        before = rows()
        snapshot = self.world.node.rpc("evm_snapshot")
        act()
        self.agree()
        assert self.world.node.rpc("evm_revert", snapshot)
        self.world.node.mine(6)
        self.agree()
        after = rows()
        changed = [(key, before[key], after[key]) for key in before if before[key] != after[key]]
        assert not changed, "\n".join(map(str, changed))
        act()
        self.agree()

    def _bid(self, series: Series, buyer: Signer) -> Bid:
        return replace(
            self.world.bid(series.start),
            buyer=buyer.address,
            window_start=series.start,
            window_end=series.end,
            min_duration=series.duration,
            max_duration=series.duration,
            max_price_per_gpu_hour=PRICE,
        )

    def _pair(
        self,
        to: str,
        fill: Callable[[tuple[AskGroup, ...]], bytes],
        ask: Ask,
        seller: Signer,
        bid: Bid,
        buyer: Signer,
        series: Series,
        price: int = PRICE,
    ) -> None:
        domain = self.world.context.deployment.market_domain
        wanted = BidFill(bid, buyer.sign(bid, domain), MILLI, series.start, series.duration, price)
        group = AskGroup(ask, seller.sign(ask, domain), (wanted,))
        self.send(Signer.generate(), to, fill((group,)))


_REAL_TIME = time.time
ACTIVE, CLOSING = LeaseStatus.ACTIVE, LeaseStatus.CLOSING


def rows() -> dict[str, tuple[object, ...]]:
    """What matters of each lease that holds something."""
    with session_scope() as session:
        found = session.scalars(select(Lease)).all()
    return {
        f"{lease.holder}/{lease.series}": (
            # What began to close stays so: the same transaction comes again.
            ACTIVE if lease.status is CLOSING else lease.status,
            lease.units,
            lease.milli,
            lease.end,
            lease.used_gpu_ms,
            lease.paid,
            lease.fee,
            lease.missed_intervals,
            lease.is_disputed,
        )
        for lease in found
    }


def next_hour() -> int:
    """The first whole hour that is far enough ahead to trade and cut."""
    return (int(time.time()) // HOUR + 2) * HOUR
