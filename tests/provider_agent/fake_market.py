"""The API and a chain node in memory, behind ``httpx.MockTransport``, strict about receipts."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from contracts.protocol.eip712 import digest
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer, recover, text_digest
from contracts.protocol.series import Series, device_class_hash
from contracts.protocol.typed_data import Inventory, Receipt, voucher_of
from contracts.protocol.wire import from_wire, parse_hex, to_hex
from provider_agent.home import Place
from provider_agent.metering import samples_root

API, NODE = "http://market.test", "http://node.test"
PLACE = Place(1337, *(Signer(bytes(31) + bytes([n])).address for n in (201, 202, 203)))
CLASS = "nvidia/h100/80gb/sxm"
Answer = tuple[int, object]


@dataclass
class FakeMarket:
    """One provider, one holder, one lease."""

    agent: str
    provider: str
    holder: Signer
    start: int
    duration: int = 72
    milli: int = 1000
    receipt_interval: int = 5
    unsigned_intervals: int = 3
    signs: bool = True
    """Whether the holder counter-signs."""
    confirmed: bool = True
    """Whether the chain shows the position."""
    registered_agent: str | None = None
    milli_on_chain: int | None = None
    down: bool = False
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, bytes] = field(default_factory=dict)
    log_times: dict[str, float] = field(default_factory=dict)
    statuses: list[tuple[str, str]] = field(default_factory=list)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    posts: list[int] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    inventories: list[Inventory] = field(default_factory=list)
    heartbeats: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    refuse: Callable[[str], Answer | None] = lambda _path: None

    def __post_init__(self) -> None:
        self.lock = threading.Lock()

    @property
    def series(self) -> Series:
        return Series(self.start, self.duration, 2000, 1000, 7)

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.handle))

    def add_job(self, program: str, name: str = "J1", **limits: int) -> str:
        content = program.encode()
        from hashlib import sha256

        found = sha256(content).hexdigest()
        self.blobs[found] = content
        self.jobs[name] = {
            "id": name,
            "lease": "L1",
            "status": "queued",
            "argv": ["python3", "main.py"],
            "env": {},
            "limits": {"memory_mib": 256, "cpus": 1, "wall_s": 60, "disk_mib": 16, **limits},
            "inputs": [{"path": "main.py", "sha256": found}],
            "cancel_requested": False,
        }
        return name

    def handle(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("down")
        with self.lock:
            if request.url.host == "node.test":
                return httpx.Response(200, json=self._node(json.loads(request.content)))
            status, body = self._api(request)
        if isinstance(body, bytes):
            return httpx.Response(status, content=body)
        return httpx.Response(status, json=body)

    # ------------------------------------------------------------------ API

    def _api(self, request: httpx.Request) -> Answer:
        path = request.url.path
        refusal = self.refuse(path)
        if refusal is not None:
            return refusal
        parts = path.strip("/").split("/")[1:]
        if parts[0] == "auth":
            return self._auth(parts[1], json.loads(request.content))
        if request.headers.get("Authorization", "")[7:] not in self.tokens:
            return 401, {"code": "no-session", "detail": "log in"}
        if parts[0] == "blobs":
            return self._blob(request.method, parts[1], request.content)
        body = json.loads(request.content) if request.content else {}
        return self._route(request.method, parts, body)

    def _auth(self, what: str, body: dict[str, Any]) -> Answer:
        if what == "nonce":
            nonce = {"nonce": "12345678", "domain": "market.test", "uri": API, "chain_id": 1337}
            return 200, {**nonce, "expires_at": int(time.time()) + 60}
        address = recover(text_digest(body["message"]), parse_hex(body["signature"], "signature"))
        lines = body["message"].split("\n")
        assert lines[0].startswith("market.test wants you to sign in")
        assert lines[1] == address == self.agent
        token = f"token-{len(self.tokens)}"
        self.tokens.add(token)
        return 200, {"token": token, "wallet": address, "expires_at": 0}

    def _route(self, method: str, parts: list[str], body: dict[str, Any]) -> Answer:
        if parts == ["inventories"]:
            self.inventories.append(from_wire(Inventory, body["inventory"]))
            return 202, {"id": "I1", "status": "received"}
        if parts == ["agent", "heartbeat"]:
            self.heartbeats.append(body)
            return 200, {"now": int(time.time())}
        if parts == ["agent", "work"]:
            return 200, self._work()
        if parts[0] == "jobs":
            return self._job(parts[1], parts[2], body)
        if parts[0] == "leases" and method == "POST":
            return self._receipt(body)
        return 200, [self._stored(receipt) for receipt in self.receipts]

    def _work(self) -> list[dict[str, Any]]:
        jobs = [job for job in self.jobs.values() if job["status"] in ("queued", "running")]
        lease = {
            "id": "L1",
            "series": str(self.series.id),
            "holder": self.holder.address,
            "milli": self.milli,
            "start": self.start,
            "end": self.start + self.duration,
            "simulated": True,
            "last_sequence": len(self.receipts),
            "something_new": 1,
        }
        return [{"lease": lease, "jobs": jobs}] if jobs else []

    def _job(self, job: str, what: str, body: dict[str, Any]) -> Answer:
        if what == "status":
            self.statuses.append((job, body["status"]))
            self.jobs[job]["status"] = body["status"]
            self.reports[job] = body
            return 200, self.jobs[job]
        data, known = base64.b64decode(body["data_base64"]), self.logs.get(job, b"")
        if body["offset"] > len(known):
            return 409, {"code": "log-gap", "detail": ""}
        self.logs[job] = known[: body["offset"]] + data
        self.log_times.setdefault(job, time.monotonic())
        return 200, {"next_offset": len(self.logs[job])}

    def _blob(self, method: str, sha256: str, content: bytes) -> Answer:
        if method == "PUT":
            self.blobs[sha256] = content
            return 200, {"sha256": sha256, "size": len(content)}
        return (200, self.blobs[sha256]) if sha256 in self.blobs else (404, {"code": "unknown"})

    def _receipt(self, body: dict[str, Any]) -> Answer:
        receipt = from_wire(Receipt, body["receipt"])
        self.posts.append(receipt.sequence)
        domain = PLACE.market_domain
        assert recover(digest(receipt, domain), parse_hex(body["signature"], "s")) == self.agent
        voucher = digest(voucher_of(receipt), domain)
        assert recover(voucher, parse_hex(body["voucher_signature"], "s")) == self.agent
        assert samples_root(body["samples"]) == receipt.samples_root
        if receipt.sequence <= len(self.receipts):
            same = self.receipts[receipt.sequence - 1] == receipt
            return (200, {}) if same else (409, {"code": "receipt-differs", "detail": ""})
        previous = self.receipts[-1].hash_struct() if self.receipts else bytes(32)
        assert (receipt.sequence, receipt.previous) == (len(self.receipts) + 1, previous)
        assert not (self.receipts and self.receipts[-1].is_final)
        assert receipt.interval_end <= min(time.time() + 2, self.start + self.duration)
        self.receipts.append(receipt)
        return 201, {}

    def _stored(self, receipt: Receipt) -> dict[str, Any]:
        from contracts.protocol.wire import to_wire

        signature = to_hex(self.holder.sign(voucher_of(receipt), PLACE.market_domain))
        return {"receipt": to_wire(receipt), "holder_signature": signature if self.signs else None}

    # ------------------------------------------------------------------ chain

    def _node(self, request: dict[str, Any]) -> dict[str, Any]:
        result: str = {"eth_chainId": "0x539", "eth_blockNumber": "0x10"}.get(
            request["method"], ""
        ) or self._view(request["params"][0], request["params"][1])
        return {"jsonrpc": "2.0", "id": request["id"], "result": result}

    def _view(self, call: dict[str, str], _block: str) -> str:
        selector, argument = call["data"][2:10], int(call["data"][10:74], 16)
        views: dict[str, Callable[[], list[int]]] = {
            "positionOf(uint256,address)": self._position,
            "termsOf(uint64)": self._terms,
            "agentOf(address)": lambda: [int(self.registered_agent or self.agent, 16)],
            "isDelegate(address,address)": lambda: [0],
        }
        assert argument >= 0
        for signature, words in views.items():
            if keccak(signature.encode())[:4].hex() == selector:
                return "0x" + "".join(f"{word:064x}" for word in words())
        raise AssertionError(selector)

    def _position(self) -> list[int]:
        if not self.confirmed:
            return [0] * 6
        return [20, self.milli_on_chain or self.milli, 0, self.start + self.duration, 0, 0]

    def _terms(self) -> list[int]:
        device_class = int.from_bytes(device_class_hash(CLASS), "big")
        terms = [device_class, 4, 1000, 0, 0, 0, 0, self.receipt_interval]
        return [*terms, self.unsigned_intervals, 0, int(self.provider, 16), 100]
