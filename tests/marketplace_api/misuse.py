"""A market in full swing, and the ways in which people misuse it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
from sqlalchemy import Connection, text

from contracts.protocol.eip712 import Domain
from contracts.protocol.keys import Signer
from contracts.protocol.series import Isolation
from contracts.protocol.typed_data import Receipt
from contracts.protocol.wire import to_hex, to_wire
from marketplace_api.models import Lease
from tests.marketplace_api.market import Actor, Market, Supplier

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@dataclass
class Scene:
    """A market in full swing: two providers, two buyers, a running lease with a job."""

    market: Market
    connection: Connection
    supplier: Supplier
    shared: Supplier
    rival: Supplier
    buyer: Actor
    stranger: Actor
    lease: Lease
    other_lease: Lease
    job: str
    resting: str
    receipt: Receipt

    @property
    def now(self) -> int:
        """The market's clock."""
        return self.market.clock.now


def set_scene(market: Market, connection: Connection) -> Scene:
    """Fill an empty market."""
    supplier, rival = market.supplier(devices=2), market.supplier()
    shared = market.supplier(isolation=Isolation.MPS, step=250)
    buyer, stranger = market.buyer(), market.buyer()
    lease = market.lease(supplier, buyer)
    market.clock.advance(1)
    other_lease = market.lease(supplier, stranger)
    job = buyer.post(f"/v1/leases/{lease.id}/jobs", {"name": "train", "argv": ["true"]})
    assert job.status_code == 201, job.text
    market.clock.advance(19)
    receipt = market.receipt(lease)
    body = market.receipt_body(receipt, supplier.agent.signer)
    assert supplier.agent.post(f"/v1/leases/{lease.id}/receipts", body).status_code == 201
    resting = market.post_bid(buyer, max_price_per_gpu_hour=1000)
    return Scene(
        market, connection, supplier, shared, rival, buyer, stranger, lease, other_lease,
        job.json()["id"], resting, receipt,
    )  # fmt: skip


Send = Callable[[Scene], httpx.Response]


@dataclass(frozen=True)
class Case:
    """One thing that somebody does wrong."""

    name: str
    send: Send
    status: int
    code: str
    field: str | None
    limit: str = ""
    """Part of the limit that is named."""
    given: str | None = None
    """What is said to have been given; None where it differs from run to run."""


# ---------------------------------------------------------------- how cases are sent


def bid(**changes: Any) -> Send:
    """A bid whose struct differs from a good one; numbers may be functions of now."""

    def send(scene: Scene) -> httpx.Response:
        order = scene.market.bid(scene.buyer, **_at(changes, scene.now))
        return scene.buyer.post("/v1/orders/bids", scene.market.signed(order, scene.buyer.signer))

    return send


def ask(**changes: Any) -> Send:
    """An ask whose struct differs from a good one."""

    def send(scene: Scene) -> httpx.Response:
        order = scene.market.ask(scene.supplier, **_at(changes, scene.now))
        owner = scene.supplier.owner
        return owner.post("/v1/orders/asks", scene.market.signed(order, owner.signer))

    return send


def bid_json(**changes: Any) -> Send:
    """A bid whose JSON differs; None takes the field out."""

    def send(scene: Scene) -> httpx.Response:
        body = scene.market.signed(scene.market.bid(scene.buyer), scene.buyer.signer)
        body["order"] = {k: v for k, v in (body["order"] | changes).items() if v is not None}
        return scene.buyer.post("/v1/orders/bids", body)

    return send


def signature(change: Callable[[bytes], bytes]) -> Send:
    """A bid whose signature is spoilt."""

    def send(scene: Scene) -> httpx.Response:
        body = scene.market.signed(scene.market.bid(scene.buyer), scene.buyer.signer)
        body["signature"] = to_hex(change(bytes.fromhex(body["signature"][2:])))
        return scene.buyer.post("/v1/orders/bids", body)

    return send


def signed_for(domain: Callable[[Domain], Domain]) -> Send:
    """A bid signed for another chain or contract."""

    def send(scene: Scene) -> httpx.Response:
        order = scene.market.bid(scene.buyer)
        there = domain(scene.market.deployment.market_domain)
        body = {"order": to_wire(order), "signature": to_hex(scene.buyer.signer.sign(order, there))}
        return scene.buyer.post("/v1/orders/bids", body)

    return send


def receipt(**changes: Any) -> Send:
    """The second receipt of the lease, spoilt."""

    def send(scene: Scene) -> httpx.Response:
        good = replace(
            scene.receipt,
            sequence=2,
            interval_start=scene.receipt.interval_end,
            interval_end=scene.now,
            used_gpu_ms=15_000,
            previous=scene.receipt.hash_struct(),
        )
        spoilt = replace(good, **_at(changes, scene.now))
        return deliver(scene, spoilt, scene.supplier.agent)

    return send


def deliver(scene: Scene, struct: Receipt, agent: Actor, **changes: Any) -> httpx.Response:
    """Post a receipt of the lease."""
    body = scene.market.receipt_body(struct, agent.signer, **changes)
    return agent.post(f"/v1/leases/{scene.lease.id}/receipts", body)


def login(signer: Signer | None = None, **changes: Any) -> Send:
    """A login whose message differs from a good one."""

    def send(scene: Scene) -> httpx.Response:
        own = scene.buyer.signer
        parts = {k: v(scene) if callable(v) else v for k, v in changes.items()}
        message = scene.market.login_message(own.address, **parts)
        return scene.market.log_in(message, signer or own)

    return send


def _at(changes: dict[str, Any], now: int) -> dict[str, Any]:
    return {k: v(now) if callable(v) else v for k, v in changes.items()}


def high_s(raw: bytes) -> bytes:
    s = _ORDER - int.from_bytes(raw[32:64], "big")
    return raw[:32] + s.to_bytes(32, "big") + bytes([55 - raw[64]])


def without_session(scene: Scene) -> httpx.Response:
    return replace(scene.buyer, token="").post("/v1/orders/bids", {"order": {}, "signature": "0x"})


def expired_session(scene: Scene) -> httpx.Response:
    scene.market.clock.advance(scene.market.context.settings.session_ttl_s + 1)
    return scene.buyer.get("/v1/orders")


def foreign_maker(scene: Scene) -> httpx.Response:
    order = scene.market.bid(scene.buyer)
    return scene.stranger.post("/v1/orders/bids", scene.market.signed(order, scene.buyer.signer))


def replayed(scene: Scene) -> httpx.Response:
    row = scene.market.order(scene.resting)
    entry = scene.buyer.get("/v1/order-log", after=row.sequence - 1).json()["entries"][0]
    body = {"order": entry["order"], "signature": entry["signature"]}
    return scene.buyer.post("/v1/orders/bids", body)


def used_nonce(scene: Scene) -> httpx.Response:
    nonce = scene.market.order(scene.resting).nonce
    return bid(nonce=nonce)(scene)


def foreign_terms(scene: Scene) -> httpx.Response:
    return ask(terms=scene.rival.terms)(scene)


def step_terms(**changes: Any) -> Send:
    def send(scene: Scene) -> httpx.Response:
        owner = scene.shared.owner
        order = scene.market.ask(scene.shared, **changes)
        return owner.post("/v1/orders/asks", scene.market.signed(order, owner.signer))

    return send


def no_key(scene: Scene) -> httpx.Response:
    body = scene.market.signed(scene.market.bid(scene.buyer), scene.buyer.signer)
    headers = {"Authorization": f"Bearer {scene.buyer.token}"}
    return scene.market.http.post("/v1/orders/bids", json=body, headers=headers)


def same_key_other_body(scene: Scene) -> httpx.Response:
    body = scene.market.signed(scene.market.bid(scene.buyer), scene.buyer.signer)
    return scene.buyer.post("/v1/orders/bids", body, key=_used_key(scene))


def _used_key(scene: Scene) -> str:
    row = scene.connection.execute(
        text("SELECT key FROM idempotency_key WHERE wallet = :w LIMIT 1"),
        {"w": scene.buyer.address},
    )
    return str(row.scalar_one())


def too_large(scene: Scene) -> httpx.Response:
    return scene.buyer.post("/v1/orders/bids", {"order": {"x": "y" * (1 << 20)}, "signature": ""})


def too_large_chunked(scene: Scene) -> httpx.Response:
    def chunks() -> Any:
        for _ in range(20):
            yield b"x" * 65536

    headers = {"Authorization": f"Bearer {scene.buyer.token}", "Idempotency-Key": "k"}
    return scene.market.http.post("/v1/orders/bids", content=chunks(), headers=headers)


def blob(scene: Scene) -> httpx.Response:
    return scene.buyer.put(f"/v1/blobs/{'ab' * 32}", content=b"something else")


def foreign_blob(scene: Scene) -> httpx.Response:
    name = hashlib.sha256(b"").hexdigest()
    job = {"name": "x", "argv": ["x"], "inputs": [{"path": "a", "sha256": name}]}
    return scene.buyer.post(f"/v1/leases/{scene.lease.id}/jobs", job)


def job(**changes: Any) -> Send:
    def send(scene: Scene) -> httpx.Response:
        job = {"name": "x", "argv": ["x"]} | changes
        return scene.buyer.post(f"/v1/leases/{scene.lease.id}/jobs", job)

    return send


def samples(scene: Scene) -> httpx.Response:
    second = replace(
        scene.receipt,
        sequence=2,
        interval_start=scene.receipt.interval_end,
        interval_end=scene.now,
        previous=scene.receipt.hash_struct(),
    )
    return deliver(scene, second, scene.supplier.agent, samples=[{"util": 7}])


def receipt_of_other_lease(scene: Scene) -> httpx.Response:
    other = scene.market.receipt(scene.other_lease, sequence=2)
    return deliver(scene, other, scene.supplier.agent)


def receipt_by_other_agent(scene: Scene) -> httpx.Response:
    return deliver(scene, scene.receipt, scene.rival.agent)


def receipt_signed_by_owner(scene: Scene) -> httpx.Response:
    body = scene.market.receipt_body(scene.receipt, scene.supplier.owner.signer)
    return scene.supplier.agent.post(f"/v1/leases/{scene.lease.id}/receipts", body)


def voucher_signature(scene: Scene) -> httpx.Response:
    wrong = to_hex(
        scene.supplier.agent.signer.sign(scene.receipt, scene.market.deployment.market_domain)
    )
    return deliver(scene, scene.receipt, scene.supplier.agent, voucher_signature=wrong)


def _receipt_before_active(scene: Scene) -> httpx.Response:
    scene.connection.execute(text("UPDATE lease SET status = 'pending'"))
    return receipt()(scene)


def countersigned_by_stranger(scene: Scene) -> httpx.Response:
    sign = to_hex(scene.stranger.signer.sign(scene.receipt, scene.market.deployment.market_domain))
    return scene.buyer.post(
        f"/v1/leases/{scene.lease.id}/receipts/1/countersign", {"signature": sign}
    )


def cancelled_nonce(scene: Scene) -> httpx.Response:
    return bid(nonce=900)(scene)


def post(path: str, body: Any = None, who: str = "stranger") -> Send:
    def send(scene: Scene) -> httpx.Response:
        actor = {
            "buyer": scene.buyer,
            "stranger": scene.stranger,
            "rival": scene.rival.agent,
            "agent": scene.supplier.agent,
        }[who]
        at = path.format(lease=scene.lease.id, job=scene.job, resting=scene.resting)
        return actor.post(at, body)

    return send


def get(path: str, who: str = "stranger", **query: Any) -> Send:
    def send(scene: Scene) -> httpx.Response:
        actor = {"buyer": scene.buyer, "stranger": scene.stranger, "rival": scene.rival.agent}[who]
        return actor.get(
            path.format(lease=scene.lease.id, job=scene.job, resting=scene.resting), **query
        )

    return send
