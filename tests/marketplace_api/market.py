"""A market in a box: the API, its matcher, and people with keys who use it."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient
from sqlalchemy import Connection, text

from contracts.protocol.deployment import Constants, Deployment
from contracts.protocol.eip712 import Struct, digest
from contracts.protocol.keys import Signer
from contracts.protocol.series import Isolation, device_class_hash, device_hash
from contracts.protocol.typed_data import Ask, Bid, Receipt, voucher_of
from contracts.protocol.wire import to_hex, to_wire
from marketplace_api.app import build
from marketplace_api.context import Context
from marketplace_api.db import session_scope
from marketplace_api.matching.service import Matcher
from marketplace_api.models import (
    Account,
    Base,
    Device,
    DeviceClass,
    Lease,
    Order,
    Provider,
    Terms,
)
from marketplace_api.notifications import Notifications
from marketplace_api.ratelimit import RateLimiter
from marketplace_api.settings import Settings

CLASS = "nvidia/h100/80gb/sxm"
CLASS_HASH = to_hex(device_class_hash(CLASS))
PRICE = 2_000_000
RICH = 10_000_000_000


class Clock:
    """Unix seconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.now = int(time.time())

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass
class Actor:
    """Somebody with a key and a session."""

    signer: Signer
    http: httpx.Client
    token: str
    _nonce: int = field(default=0)

    @property
    def address(self) -> str:
        """The wallet."""
        return self.signer.address

    def next_nonce(self) -> int:
        """A nonce not used before."""
        self._nonce += 1
        return self._nonce

    def get(self, path: str, **query: Any) -> httpx.Response:
        """GET with the session."""
        return self.http.get(path, params=query, headers=self._headers())

    def post(self, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        """POST with the session and an idempotency key."""
        headers = self._headers() | {"Idempotency-Key": key or str(uuid.uuid4())}
        return self.http.post(path, json={} if body is None else body, headers=headers)

    def put(self, path: str, **content: Any) -> httpx.Response:
        """PUT with the session."""
        return self.http.put(path, headers=self._headers(), **content)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@dataclass
class Supplier:
    """A provider: owner, agent and what it registered."""

    owner: Actor
    agent: Actor
    terms: int


class Market:
    """The API, whether it runs in this process or listens somewhere."""

    def __init__(self, context: Context, http: httpx.Client) -> None:
        self.context = context
        self.http = http
        self.operator = context.operator
        self.deployment = context.deployment
        self._terms = 0

    @classmethod
    def on(cls, connection: Connection, clock: Clock, folder: Path) -> Market:
        """On a connection whose transaction the test rolls back."""
        settings = Settings(
            database_url="postgresql+psycopg://unused",
            deployment_file=folder / "unused",
            operator_key_file=folder / "unused",
            gpubourse_home=folder,
            public_url="http://testserver",
            heartbeat_ttl_s=3600,
        )
        context = Context(
            settings=settings,
            deployment=new_deployment(),
            operator=Signer.generate(),
            notifications=Notifications("postgresql://unused"),
            limiter=RateLimiter(1000, 100_000),
            clock=clock,
        )
        return cls(context, TestClient(build(context, connection.engine)))

    @property
    def clock(self) -> Clock:
        """The clock that the test moves."""
        assert isinstance(self.context.clock, Clock)
        return self.context.clock

    @property
    def now(self) -> int:
        """The market's clock."""
        return self.context.clock()

    def close(self) -> None:
        """Give the client back."""
        self.http.close()

    # ------------------------------------------------------------ people

    def join(self, signer: Signer | None = None) -> Actor:
        """Somebody who logged in."""
        signer = signer or Signer.generate()
        message = self.login_message(signer.address)
        answer = self.log_in(message, signer)
        assert answer.status_code == 200, answer.text
        return Actor(signer, self.http, answer.json()["token"])

    def log_in(self, message: str, signer: Signer) -> httpx.Response:
        """Send a login message signed by ``signer``."""
        body = {"message": message, "signature": to_hex(signer.sign_text(message))}
        return self.http.post("/v1/auth/login", json=body)

    def login_message(self, wallet: str, /, **changes: str | int) -> str:
        """A message with a fresh nonce; ``changes`` replace its parts."""
        asked = self.http.post("/v1/auth/nonce", json={"address": wallet}).json()
        parts: dict[str, str | int] = {
            "domain": asked["domain"],
            "address": wallet,
            "uri": asked["uri"],
            "version": 1,
            "chain_id": asked["chain_id"],
            "nonce": asked["nonce"],
            "issued_at": iso(self.now),
            "expires_at": iso(self.now + 300),
        } | changes
        return (
            f"{parts['domain']} wants you to sign in with your Ethereum account:\n"
            f"{parts['address']}\n\nLog in to GPU Bourse.\n\nURI: {parts['uri']}\n"
            f"Version: {parts['version']}\nChain ID: {parts['chain_id']}\n"
            f"Nonce: {parts['nonce']}\nIssued At: {parts['issued_at']}\n"
            f"Expiration Time: {parts['expires_at']}"
        )

    def buyer(self, balance: int = RICH) -> Actor:
        """A buyer with money on chain."""
        actor = self.join()
        self.add(Account(wallet=actor.address, balance=balance, epoch=0))
        return actor

    def supplier(
        self,
        devices: int = 1,
        isolation: Isolation = Isolation.DEVICE,
        step: int = 1000,
        **terms: Any,
    ) -> Supplier:
        """A provider that is registered, bonded, attested and online."""
        owner, agent = Signer.generate(), Signer.generate()
        self.add(
            Provider(
                wallet=owner.address,
                agent=agent.address,
                bond=RICH,
                last_seen=datetime.fromtimestamp(self.now, UTC),
            )
        )
        with session_scope() as session:
            session.merge(DeviceClass(hash=CLASS_HASH, name=CLASS))
        for _ in range(devices):
            self.add(self.device(owner.address))
        number = self.register_terms(owner.address, isolation, step, **terms)
        return Supplier(self.join(owner), self.join(agent), number)

    def device(self, provider: str) -> Device:
        """An attested device."""
        name = f"GPU-{uuid.uuid4()}"
        return Device(
            hash=to_hex(device_hash(name)),
            uuid=name,
            provider=provider,
            device_class=CLASS_HASH,
            simulated=True,
            attested_until=self.now + 30 * 86400,
        )

    def register_terms(self, provider: str, isolation: Isolation, step: int, **more: Any) -> int:
        """Terms under the next number."""
        self._terms += 1
        self.add(
            Terms(
                number=self._terms,
                provider=provider,
                device_class=CLASS_HASH,
                isolation=isolation.value,
                step=step,
                fee_bps=100,
                **more,
            )
        )
        return self._terms

    # ------------------------------------------------------------ orders

    def ask(self, supplier: Supplier, **changes: Any) -> Ask:
        """An unsigned ask for the next day."""
        ask = Ask(
            seller=supplier.owner.address,
            terms=supplier.terms,
            price_per_gpu_hour=PRICE,
            window_start=self.now,
            window_end=self.now + 86400,
            valid_from=self.now,
            deadline=self.now + 300,
            nonce=supplier.owner.next_nonce(),
        )
        return replace(ask, **changes)

    def bid(self, buyer: Actor, **changes: Any) -> Bid:
        """An unsigned bid for one device and 72 s from now."""
        bid = Bid(
            buyer=buyer.address,
            device_classes=device_class_hash(CLASS),
            milli=1000,
            min_milli=1000,
            window_start=self.now,
            window_end=self.now + 3600,
            min_duration=72,
            max_duration=72,
            max_price_per_gpu_hour=PRICE,
            valid_from=self.now,
            deadline=self.now + 300,
            nonce=buyer.next_nonce(),
        )
        return replace(bid, **changes)

    def signed(self, order: Struct, signer: Signer) -> dict[str, Any]:
        """The body of an order request."""
        signature = signer.sign(order, self.deployment.market_domain)
        return {"order": to_wire(order), "signature": to_hex(signature)}

    def digest(self, order: Struct) -> str:
        """Under which the order is known."""
        return to_hex(digest(order, self.deployment.market_domain))

    def post_ask(self, supplier: Supplier, **changes: Any) -> str:
        """Post an ask; its digest."""
        ask = self.ask(supplier, **changes)
        answer = supplier.owner.post("/v1/orders/asks", self.signed(ask, supplier.owner.signer))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["digest"])

    def post_bid(self, buyer: Actor, **changes: Any) -> str:
        """Post a bid; its digest."""
        answer = buyer.post(
            "/v1/orders/bids", self.signed(self.bid(buyer, **changes), buyer.signer)
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["digest"])

    def matcher(self) -> Matcher:
        """A matcher that has read the log."""
        matcher = Matcher(self.context)
        matcher.start()
        return matcher

    # ------------------------------------------------------------ leases

    def lease(self, supplier: Supplier, buyer: Actor, status: str = "active") -> Lease:
        """A lease of 72 s, matched and filled."""
        self.post_ask(supplier)
        bid = self.post_bid(buyer)
        self.matcher()
        with session_scope() as session:
            session.execute(
                text("UPDATE lease SET status = :status WHERE bid_digest = :bid"),
                {"status": status, "bid": bid},
            )
        return self.lease_of(bid)

    def lease_of(self, bid: str) -> Lease:
        """What a bid became."""
        with session_scope() as session:
            return session.query(Lease).filter(Lease.bid_digest == bid).one()

    def order(self, order_digest: str) -> Order:
        """Where an order stands."""
        with session_scope() as session:
            return session.get_one(Order, order_digest)

    def receipt(self, lease: Lease, seconds: int = 10, **changes: Any) -> Receipt:
        """The first receipt of a lease, over its first seconds."""
        receipt = Receipt(
            series=lease.series,
            holder=lease.holder,
            sequence=1,
            interval_start=lease.start,
            interval_end=lease.start + seconds,
            used_gpu_ms=lease.milli * seconds,
            samples_root=bytes(32),
            simulated=True,
        )
        return replace(receipt, **changes)

    def receipt_body(self, receipt: Receipt, signer: Signer, **changes: Any) -> dict[str, Any]:
        """The body of a receipt request."""
        domain = self.deployment.market_domain
        return {
            "receipt": to_wire(receipt),
            "signature": to_hex(signer.sign(receipt, domain)),
            "voucher_signature": to_hex(signer.sign(voucher_of(receipt), domain)),
            "samples": [],
        } | changes

    # ------------------------------------------------------------ database

    def add(self, *rows: Base) -> None:
        """Insert rows, as settlement does."""
        with session_scope() as session:
            session.add_all(rows)


def iso(at: int) -> str:
    """RFC 3339."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_deployment() -> Deployment:
    """Contracts at random addresses."""
    token, market, registry, parameters, treasury, auditor, resale, arbitration = (
        Signer.generate().address for _ in range(8)
    )
    return Deployment(
        chain_id=1337,
        deployed_block=1,
        payment_token=token,
        market=market,
        registry=registry,
        parameters=parameters,
        resale=resale,
        arbitration=arbitration,
        metadata=parameters,
        timelock=parameters,
        treasury=treasury,
        fee_bps=100,
        min_bond_per_milli=1000,
        auditor_threshold=1,
        auditors=(auditor,),
        allow_simulated=True,
        constants=Constants(60, 600, 30, challenge=20, response=20, verdict=40),
    )
