"""The bourse as Python methods: one for each endpoint of the API, typed both ways."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx

from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import JobStatus
from contracts.protocol.typed_data import Ask, Bid
from contracts.protocol.wire import to_hex, to_wire
from marketplace_api.client.answers import (
    Accepted,
    Account,
    Job,
    Lease,
    LogEntry,
    Market,
    Nonce,
    Offer,
    Order,
    Provider,
    Session,
    SignedAcknowledgement,
    Statement,
    StoredReceipt,
)
from marketplace_api.client.decode import decode, decode_list
from marketplace_api.client.errors import AnswerError, UnreachableError
from marketplace_api.client.events import (
    LogText,
    StatusChange,
    parse_events,
    read_log,
    read_status,
)
from marketplace_api.client.jobs import InputFile, JobRequest, LocalFile
from marketplace_api.client.login import login_message
from marketplace_api.client.transport import Json, Transport

_RECONNECTIONS = 20
_RECONNECT_PAUSE_S = 0.3


class Bourse:
    """A connection to one API; with a session after ``login``."""

    def __init__(
        self,
        api_url: str,
        *,
        token: str | None = None,
        signer: Signer | None = None,
        on_login: Callable[[Session], None] = lambda _: None,
        handler: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """With a ``signer`` an expired session is renewed by itself; ``on_login`` may keep it."""
        self._signer = signer
        self._on_login = on_login
        self._sleep = sleep
        self._transport = Transport(
            api_url,
            token=token,
            handler=handler,
            sleep=sleep,
            renew=self._renew if signer else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._transport.close()

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return self._transport.api_url

    # ------------------------------------------------------------ session

    def login(self, signer: Signer) -> Session:
        """Prove to hold a key (EIP-4361); later calls carry the session."""
        asked = self._transport.post("/v1/auth/nonce", {"address": signer.address})
        message = login_message(signer.address, decode(Nonce, asked), datetime.now(UTC))
        body = {"message": message, "signature": to_hex(signer.sign_text(message))}
        session = decode(Session, self._transport.post("/v1/auth/login", body))
        self._transport.token = session.token
        self._on_login(session)
        return session

    def logout(self) -> None:
        """End the session on the server."""
        self._transport.post("/v1/auth/logout")
        self._transport.token = None

    # ------------------------------------------------------------ market

    def market(self) -> Market:
        """Contracts, constants and clock."""
        return decode(Market, self._transport.get("/v1/market"))

    def account(self) -> Account:
        """One's own account, and the nonce to sign next."""
        return decode(Account, self._transport.get("/v1/accounts/me"))

    def providers(self) -> tuple[Provider, ...]:
        """Everyone who registered."""
        return decode_list(Provider, _items(self._transport.get("/v1/providers")))

    def provider(self, wallet: str) -> Provider:
        """One provider with its devices."""
        return decode(Provider, self._transport.get(f"/v1/providers/{wallet}"))

    def describe_provider(self, name: str, region: str) -> Provider:
        """Set one's own public name and region."""
        body = {"name": name, "region": region}
        return decode(Provider, self._transport.put("/v1/providers/me", json=body))

    def book(self, device_class: str) -> tuple[Offer, ...]:
        """Open asks of a class, best first."""
        answer = self._transport.get("/v1/book", device_class=device_class)
        return decode_list(Offer, _items(answer, "asks"))

    def order_log(self, after: int = 0, limit: int | None = None) -> tuple[LogEntry, ...]:
        """The public log of orders, in the order of acceptance."""
        answer = self._transport.get("/v1/order-log", after=after, limit=limit)
        return decode_list(LogEntry, _items(answer, "entries"))

    # ------------------------------------------------------------ orders

    def place_ask(self, ask: Ask, signature: bytes, key: str | None = None) -> Accepted:
        """Post a signed ask."""
        return self._place("/v1/orders/asks", to_wire(ask), signature, key)

    def place_bid(self, bid: Bid, signature: bytes, key: str | None = None) -> Accepted:
        """Post a signed bid."""
        return self._place("/v1/orders/bids", to_wire(bid), signature, key)

    def orders(self, status: str | None = None, side: str | None = None) -> tuple[Order, ...]:
        """One's own orders."""
        answer = self._transport.get("/v1/orders", status=status, side=side)
        return decode_list(Order, _items(answer, "orders"))

    def order(self, digest: str) -> Order:
        """One order of one's own."""
        return decode(Order, self._transport.get(f"/v1/orders/{digest}"))

    def cancel_order(self, digest: str, key: str | None = None) -> SignedAcknowledgement:
        """Take an order out of the book; only a cancel on chain binds everybody."""
        answer = self._transport.spend(f"/v1/orders/{digest}/cancel", key=key)
        if not isinstance(answer, dict) or "acknowledgement" not in answer:
            raise AnswerError("acknowledgement", "a signed acknowledgement", answer)
        return decode(SignedAcknowledgement, answer["acknowledgement"], "acknowledgement")

    # ------------------------------------------------------------ leases and jobs

    def leases(self) -> tuple[Lease, ...]:
        """Leases that one holds or serves."""
        return decode_list(Lease, _items(self._transport.get("/v1/leases"), "leases"))

    def lease(self, lease_id: str) -> Lease:
        """One lease."""
        return decode(Lease, self._transport.get(f"/v1/leases/{lease_id}"))

    def upload(self, file: LocalFile) -> InputFile:
        """Store a file under its digest."""
        self._transport.put(f"/v1/blobs/{file.sha256}", content=file.content)
        return InputFile(file.path, file.sha256)

    def download(self, sha256: str) -> bytes:
        """A stored file."""
        return self._transport.get_bytes(f"/v1/blobs/{sha256}")

    def submit_job(self, lease_id: str, job: JobRequest, key: str | None = None) -> Job:
        """Hand a job to a lease; it waits until the lease is active."""
        answer = self._transport.spend(f"/v1/leases/{lease_id}/jobs", job.to_wire(), key)
        return decode(Job, answer)

    def jobs(self, lease_id: str) -> tuple[Job, ...]:
        """Jobs of a lease."""
        return decode_list(Job, _items(self._transport.get(f"/v1/leases/{lease_id}/jobs"), "jobs"))

    def job(self, job_id: str) -> Job:
        """One job."""
        return decode(Job, self._transport.get(f"/v1/jobs/{job_id}"))

    def cancel_job(self, job_id: str) -> Job:
        """End a job."""
        return decode(Job, self._transport.spend(f"/v1/jobs/{job_id}/cancel"))

    def log(self, job_id: str, offset: int = 0) -> bytes:
        """Output of a job from byte ``offset`` on."""
        return self._transport.get_bytes(f"/v1/jobs/{job_id}/log", offset=offset)

    def follow_log(self, job_id: str, offset: int = 0) -> Iterator[LogText | StatusChange]:
        """Output and status of a job as they come, until it is over; survives lost connections."""
        failures = 0
        while True:
            try:
                for event in self._log_events(job_id, offset):
                    failures = 0
                    if isinstance(event, LogText):
                        offset = event.next_offset
                    yield event
                    if isinstance(event, StatusChange) and JobStatus(event.status).is_over:
                        yield from self._rest_of_log(job_id, offset)
                        return
            except (httpx.TransportError, UnreachableError) as error:
                failures += 1
                if failures > _RECONNECTIONS:
                    raise UnreachableError(self.api_url, str(error)) from error
            self._sleep(_RECONNECT_PAUSE_S)

    # ------------------------------------------------------------ usage

    def receipts(self, lease_id: str) -> tuple[StoredReceipt, ...]:
        """Every receipt of a lease, oldest first."""
        answer = self._transport.get(f"/v1/leases/{lease_id}/receipts")
        found = decode_list(StoredReceipt, _items(answer, "receipts"))
        return tuple(sorted(found, key=lambda stored: stored.sequence))

    def countersign(self, lease_id: str, sequence: int, signature: bytes) -> None:
        """Hand in the holder's signature of the voucher of a receipt."""
        path = f"/v1/leases/{lease_id}/receipts/{sequence}/countersign"
        self._transport.spend(path, {"signature": to_hex(signature)})

    def redeem(self, lease_id: str) -> None:
        """Ask for the last counter-signed voucher to be redeemed now."""
        self._transport.spend(f"/v1/leases/{lease_id}/redeem")

    # ------------------------------------------------------------ statements

    def statement(self, start: int | None = None, end: int | None = None) -> Statement:
        """One's own statement over [start, end)."""
        query: dict[str, str | int | None] = {"from": start, "to": end}
        return decode(Statement, self._transport.get("/v1/statements/me", **query))

    def statement_csv(self, start: int | None = None, end: int | None = None) -> bytes:
        """The same as a table for a spreadsheet."""
        query: dict[str, str | int | None] = {"from": start, "to": end}
        return self._transport.get_bytes("/v1/statements/me.csv", **query)

    # ------------------------------------------------------------ below

    def _renew(self) -> str:
        assert self._signer is not None
        return self.login(self._signer).token

    def _place(self, path: str, order: Json, signature: bytes, key: str | None) -> Accepted:
        body = {"order": order, "signature": to_hex(signature)}
        return decode(Accepted, self._transport.spend(path, body, key))

    def _log_events(self, job_id: str, offset: int) -> Iterator[LogText | StatusChange]:
        headers = {"Last-Event-ID": str(offset)} if offset else {}
        with self._transport.stream(f"/v1/jobs/{job_id}/log/stream", headers) as response:
            for event in parse_events(response.iter_lines()):
                if event.name == "status":
                    yield read_status(event)
                elif event.name == "log":
                    text = read_log(event, offset)
                    if text is not None:
                        offset = text.next_offset
                        yield text

    def _rest_of_log(self, job_id: str, offset: int) -> Iterator[LogText]:
        """Whatever was written between the last event and the end of the job."""
        rest = self.log(job_id, offset)
        if rest:
            yield LogText(offset, rest.decode(errors="replace"), offset + len(rest))


def _items(answer: object, name: str = "items") -> object:
    """A list that is wrapped in an object, so that a cursor may stand beside it."""
    if isinstance(answer, dict):
        return answer.get(name, answer.get("items", answer))
    return answer
