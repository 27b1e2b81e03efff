"""Receipts and countersignatures until settlement is asked to pay."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from contracts.protocol.hashing import merkle_leaf, merkle_root
from contracts.protocol.keys import Signer
from contracts.protocol.typed_data import Receipt, voucher_of
from contracts.protocol.wire import canonical_json, parse_hex, to_hex
from marketplace_api.db import session_scope
from marketplace_api.models import Account, Lease, OutboxKind, OutboxMessage
from tests.marketplace_api.market import Actor, Market, Supplier


class Scene:
    """A lease that has run for twenty seconds."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.supplier: Supplier = market.supplier()
        self.buyer: Actor = market.buyer()
        self.lease: Lease = market.lease(self.supplier, self.buyer)
        self.path = f"/v1/leases/{self.lease.id}"
        market.clock.advance(20)

    def deliver(self, receipt: Receipt, samples: list[dict[str, Any]] | None = None) -> Any:
        """What the agent posts."""
        signer = self.supplier.agent.signer
        body = self.market.receipt_body(receipt, signer, samples=samples or [])
        return self.supplier.agent.post(f"{self.path}/receipts", body)

    def countersign(self, receipt: Receipt, signer: Signer, who: Actor | None = None) -> Any:
        """What the holder or its delegate posts."""
        signature = signer.sign(voucher_of(receipt), self.market.deployment.market_domain)
        return (who or self.buyer).post(
            f"{self.path}/receipts/{receipt.sequence}/countersign", {"signature": to_hex(signature)}
        )

    def next(self, before: Receipt, **changes: Any) -> Receipt:
        """The receipt after this one."""
        receipt = replace(
            before,
            sequence=before.sequence + 1,
            interval_start=before.interval_end,
            interval_end=self.market.now,
            used_gpu_ms=self.lease.milli * (self.market.now - self.lease.start),
            previous=before.hash_struct(),
        )
        return replace(receipt, **changes)

    def redeems(self) -> list[dict[str, Any]]:
        """What settlement was asked to redeem."""
        with session_scope() as session:
            rows = session.scalars(
                select(OutboxMessage).where(OutboxMessage.kind == OutboxKind.VOUCHER_REDEEM)
            )
            return [row.payload for row in rows]


@pytest.fixture
def scene(market: Market) -> Scene:
    """A running lease."""
    return Scene(market)


class TestAccept:
    """What the agent delivers."""

    def test_accept__chain_of_receipts__stored_and_listed(self, scene: Scene) -> None:
        """Each names the one before; the exact repeat is answered with 200 and stored once."""
        first = scene.market.receipt(scene.lease)
        assert scene.deliver(first).status_code == 201
        assert scene.deliver(first).status_code == 200
        second = scene.next(first)
        answer = scene.deliver(second)
        assert answer.status_code == 201, answer.text
        assert answer.json()["struct_hash"] == to_hex(second.hash_struct())
        listed = scene.buyer.get(f"{scene.path}/receipts").json()
        assert [found["sequence"] for found in listed] == [1, 2]
        assert listed[1]["receipt"]["used_gpu_ms"] == "20000"
        assert scene.buyer.get(f"{scene.path}/receipts", after=1).json() == listed[1:]

    def test_accept__samples__under_the_root_and_readable(self, scene: Scene) -> None:
        """The samples that the root stands for are kept; the buyer may check them."""
        samples = [{"at": n, "util": 90 + n, "energy": None} for n in range(10)]
        root = merkle_root([merkle_leaf(canonical_json(sample)) for sample in samples])
        answer = scene.deliver(scene.market.receipt(scene.lease, samples_root=root), samples)
        assert answer.status_code == 201, answer.text
        name = answer.json()["samples"]
        assert name == hashlib.sha256(canonical_json(samples)).hexdigest()

    def test_accept__clock_two_seconds_ahead__tolerated(self, scene: Scene) -> None:
        """Clocks differ a little."""
        receipt = scene.market.receipt(scene.lease, seconds=22)
        assert scene.deliver(receipt).status_code == 201

    def test_accept__after_final__nothing(self, scene: Scene) -> None:
        """A final receipt is the last one."""
        final = scene.market.receipt(scene.lease, is_final=True)
        assert scene.deliver(final).status_code == 201
        assert scene.deliver(scene.next(final)).json()["code"] == "after-final"

    def test_accept__beyond_the_window__capped(self, scene: Scene) -> None:
        """Milli x the whole window is the most."""
        scene.market.clock.advance(1000)
        whole = scene.market.receipt(scene.lease, seconds=72)
        more = replace(whole, used_gpu_ms=72_001)
        assert scene.deliver(more).json()["code"] == "exceeds-elapsed"
        assert scene.deliver(whole).status_code == 201


class TestCountersign:
    """What makes a voucher pay at once."""

    def test_countersign__running_lease__stored_not_redeemed_yet(self, scene: Scene) -> None:
        """The last voucher pays everything before it, so settlement waits for it."""
        first = scene.market.receipt(scene.lease)
        scene.deliver(first)
        answer = scene.countersign(first, scene.buyer.signer)
        assert answer.status_code == 200, answer.text
        assert parse_hex(answer.json()["holder_signature"], "s")
        assert scene.redeems() == []

    def test_countersign__final__redeemed_once(self, scene: Scene) -> None:
        """Countersigned twice, enqueued once."""
        final = scene.market.receipt(scene.lease, is_final=True)
        scene.deliver(final)
        for _ in range(2):
            assert scene.countersign(final, scene.buyer.signer).status_code == 200
        assert scene.redeems() == [{"lease_id": str(scene.lease.id), "sequence": 1}]

    def test_countersign__after_the_end__redeemed(self, scene: Scene) -> None:
        """What is signed late is paid at once."""
        first = scene.market.receipt(scene.lease)
        scene.deliver(first)
        scene.market.clock.advance(52)
        scene.countersign(first, scene.buyer.signer)
        assert len(scene.redeems()) == 1

    def test_countersign__by_the_delegate__with_its_own_session(self, scene: Scene) -> None:
        """A hot key may sign for the holder."""
        delegate = scene.market.join()
        with session_scope() as session:
            session.get_one(Account, scene.buyer.address).delegate = delegate.address
        first = scene.market.receipt(scene.lease)
        scene.deliver(first)
        assert delegate.get(f"{scene.path}/receipts").status_code == 200
        answer = scene.countersign(first, delegate.signer, who=delegate)
        assert answer.status_code == 200, answer.text

    def test_redeem__on_demand__last_countersigned(self, scene: Scene) -> None:
        """The provider need not wait for the end."""
        first = scene.market.receipt(scene.lease)
        scene.deliver(first)
        scene.countersign(first, scene.buyer.signer)
        scene.deliver(scene.next(first))
        answer = scene.supplier.owner.post(f"{scene.path}/redeem")
        assert (answer.status_code, answer.json()["sequence"]) == (202, 1)
        assert scene.redeems() == [{"lease_id": str(scene.lease.id), "sequence": 1}]
