"""An API in memory behind httpx's mock transport: enough state for client and commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from contracts.protocol.eip712 import digest
from contracts.protocol.keys import Signer, recover, text_digest
from contracts.protocol.series import Series
from contracts.protocol.typed_data import (
    AcknowledgedAction,
    Acknowledgement,
    Ask,
    Bid,
    Receipt,
    voucher_of,
)
from contracts.protocol.wire import from_wire, parse_hex, to_hex, to_wire
from marketplace_api.client.answers import Market

NOW = 1_767_225_600
MARKET_ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
OTHER = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
MARKET: dict[str, object] = {
    "chain_id": 1337,
    "rpc_url": "http://127.0.0.1:8545",
    "payment_token": OTHER,
    "market": MARKET_ADDRESS,
    "registry": OTHER,
    "fee_bps": 100,
    "tick": 1000,
    "lot_gpu_ms": 3600,
    "parameters": OTHER,
    "resale": OTHER,
    "arbitration": OTHER,
    "constants": {
        "start_grace": 10,
        "freeze": 10,
        "redeem_grace": 30,
        "challenge": 20,
        "response": 20,
        "verdict": 40,
    },
    "treasury": OTHER,
    "operator": OTHER,
    "deployed_block": 3,
    "allow_simulated": True,
    "auditors": [OTHER],
    "now": NOW,
}
OPERATOR = Signer(b"\x07" * 32)
AGENT = Signer(b"\x08" * 32)
PROVIDER = Signer(b"\x09" * 32)
LEASE_ID = "6f1c2f5e-0000-4000-8000-000000000001"
JOB_ID = "6f1c2f5e-0000-4000-8000-000000000002"
SERIES = Series(start=NOW, duration=72, ticks=2000, step=1000, terms=1)

Handler = Callable[[httpx.Request], httpx.Response]


def problem(status: int, code: str, **members: str) -> httpx.Response:
    """A refusal as the API words it."""
    body = {"type": f"urn:{code}", "title": code, "status": status, "detail": f"{code}!"}
    return httpx.Response(
        status,
        json={**body, "code": code, **members},
        headers={"content-type": "application/problem+json"},
    )


@dataclass
class FakeApi:
    """State that a test arranges and looks at afterwards."""

    holder: Signer = field(default_factory=lambda: Signer(b"\x01" * 32))
    tokens: set[str] = field(default_factory=set)
    requests: list[httpx.Request] = field(default_factory=list)
    orders: list[Ask | Bid] = field(default_factory=list)
    lease_status: str = "active"
    job_status: str = "running"
    job_log: bytes = b""
    receipts: list[Receipt] = field(default_factory=list)
    signed: dict[int, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    jobs: list[dict[str, object]] = field(default_factory=list)
    refuse: dict[str, httpx.Response] = field(default_factory=dict)
    """Answers to give instead, by method and path."""
    before: Handler | None = None
    epoch: int = 0

    def transport(self) -> httpx.MockTransport:
        """What a client is given instead of a network."""
        return httpx.MockTransport(self.handle)

    def paths(self, method: str) -> list[str]:
        """Paths that were asked for."""
        return [r.url.path for r in self.requests if r.method == method]

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        if self.before is not None:
            self.before(request)
        name = f"{request.method} {request.url.path}"
        if name in self.refuse:
            return self.refuse[name]
        public = ("/v1/auth/", "/v1/market", "/v1/book", "/v1/providers")
        if not request.url.path.startswith(public) and not self._has_session(request):
            return problem(401, "no-session")
        parts = request.url.path.removeprefix("/v1/").split("/")
        return getattr(self, f"_{parts[0].replace('-', '_')}")(request, parts[1:])

    def deliver(self, used: int, *, seconds: int, is_final: bool = False) -> Receipt:
        """The agent's next receipt, signed properly."""
        last = self.receipts[-1] if self.receipts else None
        start = last.interval_end if last else NOW
        receipt = Receipt(
            series=SERIES.id,
            holder=self.holder.address,
            sequence=len(self.receipts) + 1,
            interval_start=start,
            interval_end=start + seconds,
            used_gpu_ms=used,
            samples_root=bytes(32),
            previous=last.hash_struct() if last else bytes(32),
            is_final=is_final,
            simulated=True,
        )
        self.receipts.append(receipt)
        return receipt

    def lease(self) -> dict[str, object]:
        """The one lease."""
        return {
            "id": LEASE_ID,
            "status": self.lease_status,
            "reason": None,
            "series": str(SERIES.id),
            "holder": self.holder.address,
            "provider": PROVIDER.address,
            "milli": 1000,
            "units": 20,
            "start": SERIES.start,
            "end": SERIES.end,
            "price_per_gpu_hour": "2000000",
            "cost": "40000",
            "simulated": True,
            "a_field_of_tomorrow": 1,
        }

    def job(self) -> dict[str, object]:
        """The one job."""
        return {"id": JOB_ID, "lease": LEASE_ID, "status": self.job_status, "outputs": []}

    def _has_session(self, request: httpx.Request) -> bool:
        return request.headers.get("authorization", "").removeprefix("Bearer ") in self.tokens

    def _auth(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        body = json.loads(request.content or b"{}")
        if parts == ["nonce"]:
            return httpx.Response(
                200,
                json={
                    "nonce": "n0nce1234567",
                    "domain": "127.0.0.1:8700",
                    "uri": "http://127.0.0.1:8700",
                    "chain_id": 1337,
                    "expires_at": NOW + 300,
                },
            )
        if parts == ["logout"]:
            self.tokens.clear()
            return httpx.Response(204)
        raw = parse_hex(body["signature"], "signature")
        wallet = recover(text_digest(body["message"]), raw)
        token = f"token-{len(self.tokens) + 1}"
        self.tokens.add(token)
        answer = {"token": token, "wallet": wallet, "expires_at": NOW + 3600}
        return httpx.Response(200, json=answer)

    def _market(self, _request: httpx.Request, _parts: list[str]) -> httpx.Response:
        return httpx.Response(200, json=MARKET)

    def _accounts(self, _request: httpx.Request, _parts: list[str]) -> httpx.Response:
        account = {"wallet": self.holder.address, "balance": "9", "free": "9", "epoch": self.epoch}
        return httpx.Response(200, json={**account, "next_nonce": str(len(self.orders))})

    def _book(self, request: httpx.Request, _parts: list[str]) -> httpx.Response:
        offer = {"digest": "0x" + "ab" * 32, "price_per_gpu_hour": "2000000", "simulated": True}
        return httpx.Response(200, json=[{**offer, **dict(request.url.params)}])

    def _providers(self, _request: httpx.Request, parts: list[str]) -> httpx.Response:
        one = {"wallet": PROVIDER.address, "agent": AGENT.address, "bond": "5", "devices": []}
        return httpx.Response(200, json=one if parts else [one])

    def _orders(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        if request.method == "POST" and parts[-1] == "cancel":
            return httpx.Response(
                200, json={"acknowledgement": self._acknowledge(parts[0], cancelled=True)}
            )
        if request.method == "POST":
            return self._place(request, parts[0])
        if parts:
            return httpx.Response(200, json=self._order(parts[0]))
        return httpx.Response(200, json=[self._order("0x" + "cd" * 32) for _ in self.orders])

    def _place(self, request: httpx.Request, side: str) -> httpx.Response:
        body = json.loads(request.content)
        order = from_wire(Ask if side == "asks" else Bid, body["order"])
        maker = order.seller if isinstance(order, Ask) else order.buyer
        hash_ = digest(order, Market(**_market_fields()).domain)
        assert recover(hash_, parse_hex(body["signature"], "signature")) == maker
        self.orders.append(order)
        answer = {
            "digest": to_hex(hash_),
            "sequence": len(self.orders),
            "status": "open",
            "acknowledgement": self._acknowledge(to_hex(hash_)),
        }
        return httpx.Response(201, json=answer)

    def _order(self, digest_: str) -> dict[str, object]:
        return {
            "digest": digest_,
            "side": "bid",
            "maker": self.holder.address,
            "status": "matched",
            "sequence": 1,
            "deadline": NOW + 300,
            "nonce": str(len(self.orders) - 1),
            "lease": LEASE_ID,
        }

    def _acknowledge(self, digest_: str, *, cancelled: bool = False) -> dict[str, object]:
        action = AcknowledgedAction.CANCELLED if cancelled else AcknowledgedAction.ACCEPTED
        word = Acknowledgement(
            order=parse_hex(digest_, "order", 32), action=action.value, sequence=1, at=NOW
        )
        return {
            "acknowledgement": to_wire(word),
            "signature": to_hex(OPERATOR.sign(word, Market(**_market_fields()).domain)),
            "signer": OPERATOR.address,
        }

    def _leases(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        if not parts:
            return httpx.Response(200, json=[self.lease()])
        if len(parts) == 1:
            return httpx.Response(200, json=self.lease())
        if parts[1] == "jobs":
            if request.method == "POST":
                self.jobs.append(json.loads(request.content))
                return httpx.Response(201, json=self.job())
            return httpx.Response(200, json=[self.job()])
        if parts[-1] == "countersign":
            signature = parse_hex(json.loads(request.content)["signature"], "signature")
            self.signed[int(parts[2])] = signature
            return httpx.Response(200, json=self._receipt(self.receipts[int(parts[2]) - 1]))
        return httpx.Response(200, json=[self._receipt(one) for one in self.receipts])

    def _receipt(self, receipt: Receipt) -> dict[str, object]:
        domain = Market(**_market_fields()).domain
        signed = self.signed.get(receipt.sequence)
        return {
            "sequence": receipt.sequence,
            "receipt": to_wire(receipt),
            "signature": to_hex(AGENT.sign(receipt, domain)),
            "voucher_signature": to_hex(AGENT.sign(voucher_of(receipt), domain)),
            "holder_signature": to_hex(signed) if signed else None,
        }

    def _blobs(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        if request.method == "PUT":
            self.blobs[parts[0]] = request.content
            return httpx.Response(201, json={"sha256": parts[0], "size": len(request.content)})
        return httpx.Response(200, content=self.blobs[parts[0]])

    def _jobs(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        if parts[1:] == ["log"]:
            return httpx.Response(200, content=self.job_log[int(request.url.params["offset"]) :])
        if parts[1:] == ["log", "stream"]:
            return httpx.Response(200, content=self._stream(request))
        return httpx.Response(200, json=self.job())

    def _stream(self, request: httpx.Request) -> bytes:
        offset = int(request.headers.get("last-event-id", "0"))
        text = self.job_log[offset:].decode()
        log = json.dumps({"offset": offset, "text": text, "next_offset": len(self.job_log)})
        status = json.dumps({"status": "succeeded", "exit_code": 0, "reason": "exit"})
        lines = [": ping", "", f"id: {len(self.job_log)}", "event: log", f"data: {log}", ""]
        lines += ["event: status", f"data: {status}", "", ""]
        return "\n".join(lines).encode()


def _market_fields() -> dict[str, object]:
    from contracts.protocol.deployment import Constants

    known = {k: v for k, v in MARKET.items() if k not in ("tick", "lot_gpu_ms", "auditors")}
    return {**known, "constants": Constants(**MARKET["constants"])}  # type: ignore[arg-type]
