"""A market in miniature: parties with keys, orders in the log, leases, and settlement by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select

from contracts.bindings.events import TermsStruct
from contracts.protocol.eip712 import digest
from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import OrderStatus
from contracts.protocol.series import Series, device_class_hash
from contracts.protocol.typed_data import Ask, Bid, Inventory, Receipt, voucher_of
from contracts.protocol.units import lots, price_ticks
from contracts.protocol.wire import canonical_hash, to_hex, to_wire
from marketplace_api import outbox
from marketplace_api.db import session_scope
from marketplace_api.models import (
    Inventory as InventoryRow,
)
from marketplace_api.models import (
    Lease,
    LogKind,
    Order,
    OrderLogEntry,
    OrderSide,
    OutboxKind,
    OutboxMessage,
    UsageReceipt,
)
from settlement import work
from settlement.chain.watcher import Watcher
from settlement.context import Context
from tests.settlement.chain_node import START_GRACE, Node

CLASS = "nvidia/h100/80gb/sxm"
PRICE = 2_000_000
DURATION = 18
MILLI = 1000
FUNDS = 1_000_000_000
T = TypeVar("T")


@dataclass
class World:
    """Everything a settlement test touches."""

    node: Node
    context: Context
    watcher: Watcher
    auditors: tuple[Signer, ...]
    arbiters: tuple[Signer, ...]
    treasury: Signer
    owner: Signer = field(default_factory=Signer.generate)
    agent: Signer = field(default_factory=Signer.generate)
    buyer: Signer = field(default_factory=Signer.generate)
    terms: int = 0
    nonces: int = 0
    inventories: int = 0

    def watch(self) -> None:
        """Let the watcher catch up."""
        while self.watcher.step():
            pass

    def work(self) -> int:
        """Do what is due in the outbox, as relay and worker would."""
        with session_scope() as session:
            tasks = outbox.claim(session, 100, lease_s=0.0)
        for task in tasks:
            work.run(self.context, task.id)
        self.watch()
        return len(tasks)

    def enrol(self) -> None:
        """A provider with agent, terms and one attested device; a buyer with money."""
        for key in (self.owner, self.buyer):
            self.node.fund(key.address)
            self.deposit(key, FUNDS)
        registry = self.context.registry
        self.node.send(self.owner, registry.address, registry.register(self.agent.address))
        self.node.send(
            self.owner, self.context.market.address, self.context.market.bond(50_000_000)
        )
        terms = TermsStruct(device_class_hash(CLASS), 4, 1000, 0, 0, False, 0, 5, 3, 0)
        self.node.send(self.owner, registry.address, registry.register_terms(terms))
        self.watch()
        self.terms = registry.terms_count(self.node.web3.eth.block_number)
        self.post_inventory("GPU-" + self.owner.address[2:])
        self.work()

    def deposit(self, key: Signer, amount: int) -> None:
        """Mint, approve, pay in."""
        token, market = self.context.token, self.context.market
        self.node.send(key, token.address, token.mint(key.address, amount))
        self.node.send(key, token.address, token.approve(market.address, amount))
        self.node.send(key, market.address, market.deposit(amount))

    def post_inventory(self, *uuids: str, **changes: object) -> UUID:
        """What the API stores when an agent posts its inventory."""
        devices = [_reported(uuid, changes) for uuid in uuids]
        report = {"devices": devices}
        self.inventories += 1
        inventory = Inventory(
            provider=self.owner.address,
            agent=self.agent.address,
            sequence=self.inventories,
            issued_at=int(time.time()),
            devices=len(devices),
            report=canonical_hash(report),
            simulated=True,
        )
        signature = self.agent.sign(inventory, self.context.deployment.registry_domain)
        with session_scope() as session:
            row = InventoryRow(
                provider=self.owner.address,
                agent=self.agent.address,
                sequence=self.inventories,
                inventory=to_wire(inventory),
                report=report,
                signature=to_hex(signature),
            )
            session.add(row)
            session.flush()
            payload = {"inventory_id": str(row.id)}
            outbox.enqueue(session, OutboxKind.DEVICE_ATTEST, f"device.attest:{row.id}", payload)
            return row.id

    def match(self, *, start: int | None = None, price: int = PRICE, **bid: int) -> UUID:
        """What API and matcher write for one signed ask and one signed bid."""
        begin = int(time.time()) - 3 if start is None else start
        ask = self._ask(begin)
        return self.match_ask(ask, begin, price, **bid)

    def match_ask(self, ask: Ask, begin: int, price: int = PRICE, **changes: int) -> UUID:
        """Pair an ask with a new bid."""
        bid = self.bid(begin, price, **changes)
        series = Series(begin, DURATION, price_ticks(price), 1000, self.terms)
        domain = self.context.deployment.market_domain
        with session_scope() as session:
            self._log(session, LogKind.ASK, ask, self.owner)
            self._log(session, LogKind.BID, bid, self.buyer)
            lease = Lease(
                bid_digest=to_hex(digest(bid, domain)),
                ask_digest=to_hex(digest(ask, domain)),
                series=int(series.id),
                terms=self.terms,
                holder=self.buyer.address,
                provider=self.owner.address,
                device_class=to_hex(device_class_hash(CLASS)),
                isolation=4,
                milli=MILLI,
                units=lots(MILLI, DURATION),
                start=begin,
                end=begin + DURATION,
                ticks=series.ticks,
                simulated=True,
            )
            session.add(lease)
            session.flush()
            outbox.enqueue(
                session,
                OutboxKind.LEASE_FILL,
                f"lease.fill:{lease.id}",
                {"lease_id": str(lease.id)},
            )
            return lease.id

    def bid(self, begin: int, price: int = PRICE, **changes: int) -> Bid:
        """A new bid of the buyer."""
        self.nonces += 1
        now = int(time.time())
        values: dict[str, int] = {
            "max_price_per_gpu_hour": price,
            "valid_from": now - 10,
            "deadline": now + 200,
            "nonce": self.nonces,
        } | changes
        return Bid(
            buyer=self.buyer.address,
            device_classes=device_class_hash(CLASS),
            milli=MILLI,
            min_milli=MILLI,
            window_start=begin,
            window_end=begin + DURATION,
            min_duration=DURATION,
            max_duration=DURATION,
            **values,
        )

    def post(self, kind: LogKind, order: Ask | Bid, maker: Signer) -> str:
        """Put a signed order into the log; its digest."""
        digest_ = to_hex(digest(order, self.context.deployment.market_domain))
        with session_scope() as session:
            self._log(session, kind, order, maker)
            session.get_one(Order, digest_).status = OrderStatus.OPEN
        return digest_

    def ask(self, begin: int) -> Ask:
        """A new signed ask of the provider."""
        return self._ask(begin)

    def countersign(
        self,
        lease_id: UUID,
        used: int,
        *,
        is_final: bool,
        sequence: int = 1,
        agent: Signer | None = None,
    ) -> int:
        """A receipt signed by both sides, as the API stores it; returns the outbox id."""
        with session_scope() as session:
            lease = session.get_one(Lease, lease_id)
            receipt = _receipt(lease, used, sequence, is_final=is_final)
            domain = self.context.deployment.market_domain
            voucher = voucher_of(receipt)
            signer = agent or self.agent
            session.add(
                UsageReceipt(
                    lease_id=lease_id,
                    sequence=sequence,
                    receipt=to_wire(receipt),
                    struct_hash=to_hex(receipt.hash_struct()),
                    used_gpu_ms=used,
                    interval_start=receipt.interval_start,
                    interval_end=receipt.interval_end,
                    is_final=is_final,
                    signature=to_hex(signer.sign(receipt, domain)),
                    voucher_signature=to_hex(signer.sign(voucher, domain)),
                    holder_signature=to_hex(self.buyer.sign(voucher, domain)),
                )
            )
            message = outbox.enqueue(
                session,
                OutboxKind.VOUCHER_REDEEM,
                f"voucher.redeem:{lease_id}:{sequence}",
                {"lease_id": str(lease_id), "sequence": sequence},
            )
            assert message is not None
            return message

    def lease(self, lease_id: UUID) -> Lease:
        """The row as it is now."""
        with session_scope() as session:
            return session.get_one(Lease, lease_id)

    def wait_closable(self, lease_id: UUID) -> None:
        """Until the chain closes a finally redeemed lease."""
        due = self.lease(lease_id).start + START_GRACE + 1.5
        time.sleep(max(0.0, due - time.time()))

    def order_status(self, digest_: str) -> OrderStatus:
        """Where an order stands."""
        with session_scope() as session:
            return session.get_one(Order, digest_).status

    def messages(self, kind: OutboxKind) -> list[OutboxMessage]:
        """Outbox rows of a kind."""
        with session_scope() as session:
            return list(
                session.scalars(
                    select(OutboxMessage)
                    .where(OutboxMessage.kind == kind)
                    .order_by(OutboxMessage.id)
                ).all()
            )

    def messages_all(self) -> list[OutboxMessage]:
        """Every outbox row."""
        return [row for kind in OutboxKind for row in self.messages(kind)]

    def _ask(self, begin: int) -> Ask:
        self.nonces += 1
        now = int(time.time())
        return Ask(
            seller=self.owner.address,
            terms=self.terms,
            price_per_gpu_hour=PRICE,
            window_start=begin - 100,
            window_end=begin + 1000,
            valid_from=now - 10,
            deadline=now + 200,
            nonce=self.nonces,
        )

    def _log(self, session: object, kind: LogKind, order: Ask | Bid, maker: Signer) -> None:
        domain = self.context.deployment.market_domain
        hash_ = to_hex(digest(order, domain))
        if session.get(Order, hash_) is not None:  # type: ignore[attr-defined]
            return
        entry = OrderLogEntry(
            kind=kind,
            digest=hash_,
            maker=maker.address,
            payload=to_wire(order),
            signature=to_hex(maker.sign(order, domain)),
            accepted_at=int(time.time()),
        )
        session.add(entry)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        is_ask = kind is LogKind.ASK
        session.add(  # type: ignore[attr-defined]
            Order(
                digest=hash_,
                sequence=entry.sequence,
                side=OrderSide.ASK if is_ask else OrderSide.BID,
                maker=maker.address,
                epoch=0,
                nonce=order.nonce,
                status=OrderStatus.OPEN if is_ask else OrderStatus.MATCHED,
                device_class=to_hex(device_class_hash(CLASS)),
                terms=self.terms if is_ask else None,
                price_per_gpu_hour=PRICE,
                reserve=0 if is_ask else 1,
                deadline=order.deadline,
                acknowledgement={},
            )
        )
        session.flush()  # type: ignore[attr-defined]


def eventually(check: Callable[[], T], timeout_s: float = 10) -> T:
    """Wait until something is true; its value."""
    deadline = time.monotonic() + timeout_s
    while not (found := check()):
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.05)
    return found


def _receipt(lease: Lease, used: int, sequence: int, *, is_final: bool) -> Receipt:
    """What the agent of the lease would state after its first second."""
    return Receipt(
        series=lease.series,
        holder=lease.holder,
        sequence=sequence,
        interval_start=lease.start,
        interval_end=lease.start + 1,
        used_gpu_ms=used,
        samples_root=bytes(32),
        is_final=is_final,
        simulated=True,
    )


def _reported(uuid: str, changes: dict[str, object]) -> dict[str, object]:
    """One device of an agent's report."""
    plain: dict[str, object] = {
        "uuid": uuid,
        "name": "NVIDIA H100 80GB HBM3",
        "device_class": CLASS,
        "simulated": True,
        "memory_bytes": 80 << 30,
        "parent": None,
        "healthy": True,
    }
    return plain | changes
