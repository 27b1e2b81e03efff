"""The API as a process: real commits, real notifications, several at once."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import uvicorn
from sqlalchemy import create_engine, text

from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import OrderStatus
from marketplace_api import db, migrations
from marketplace_api.app import build
from marketplace_api.context import Context
from marketplace_api.db import session_scope
from marketplace_api.embedded.postgres import ensure_database
from marketplace_api.embedded.server import free_port
from marketplace_api.matching.service import LEADER_LOCK, MatcherThread
from marketplace_api.models import Lease
from marketplace_api.notifications import Notifications
from marketplace_api.ratelimit import RateLimiter
from marketplace_api.settings import Settings
from tests.marketplace_api.market import PRICE, Actor, Market, Supplier, new_deployment

pytestmark = pytest.mark.integration
LOG_LATENCY_S = 0.15
MATCH_LATENCY_S = 0.5


@pytest.fixture(scope="module")
def live(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A server on a database of its own, with its matcher."""
    url = ensure_database(database_url, f"live_{uuid4().hex[:8]}")
    migrator = create_engine(url)
    with migrator.connect() as connection:
        migrations.upgrade(connection)
        connection.commit()
    migrator.dispose()
    port = free_port()
    context = _context(url, port, tmp_path_factory.mktemp("live"))
    engine = db.connect(url)
    server = uvicorn.Server(uvicorn.Config(build(context, engine), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    http = httpx.Client(base_url=context.settings.public_url, timeout=10)
    wait_for(lambda: server.started)
    yield Market(context, http)
    http.close()
    server.should_exit = True
    thread.join(timeout=10)


def _context(url: str, port: int, folder: Path) -> Context:
    settings = Settings(
        database_url=url,
        deployment_file=folder / "unused",
        operator_key_file=folder / "unused",
        gpubourse_home=folder,
        public_url=f"http://127.0.0.1:{port}",
        heartbeat_ttl_s=3600,
        rate_burst=100_000,
    )
    return Context(
        settings=settings,
        deployment=new_deployment(),
        operator=Signer.generate(),
        notifications=Notifications(url),
        limiter=RateLimiter(1000, 100_000),
    )


def wait_for(condition: Callable[[], object], timeout_s: float = 5) -> float:
    """Wait until something is so; how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, "waited too long"
        time.sleep(0.005)
    return time.monotonic() - began


def activate(lease: Lease) -> None:
    """What the watcher does when a fill is confirmed."""
    with session_scope() as session:
        session.execute(text("UPDATE lease SET status = 'active' WHERE id = :id"), {"id": lease.id})


def running_job(live: Market, supplier: Supplier, buyer: Actor) -> str:
    """A job under an active lease that its agent has started."""
    live.post_ask(supplier)
    bid = live.post_bid(buyer)
    wait_for(lambda: live.order(bid).status is OrderStatus.MATCHED)
    lease = live.lease_of(bid)
    activate(lease)
    job = buyer.post(f"/v1/leases/{lease.id}/jobs", {"name": "x", "argv": ["x"]}).json()["id"]
    for status in ("assigned", "running"):
        answer = supplier.agent.post(f"/v1/jobs/{job}/status", {"status": status})
        assert answer.status_code == 200, answer.text
    return str(job)


class TestLatency:
    """What follows from something follows soon."""

    def test_latency__bid_to_lease__half_a_second_at_most(self, live: Market) -> None:
        """The matcher is told by a notification."""
        supplier, buyer = live.supplier(), live.buyer()
        live.post_ask(supplier)
        bid = live.post_bid(buyer)
        took = wait_for(lambda: live.order(bid).status is OrderStatus.MATCHED)
        assert took < MATCH_LATENCY_S

    def test_latency__work__long_poll_ends_when_lease_is_active(self, live: Market) -> None:
        """The agent hears of its job as soon as the lease is active."""
        supplier, buyer = live.supplier(), live.buyer()
        live.post_ask(supplier)
        bid = live.post_bid(buyer)
        wait_for(lambda: live.order(bid).status is OrderStatus.MATCHED)
        lease = live.lease_of(bid)
        buyer.post(f"/v1/leases/{lease.id}/jobs", {"name": "x", "argv": ["x"]})
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(supplier.agent.get, "/v1/agent/work", wait=8)
            time.sleep(0.3)
            assert not waiting.done()
            began = time.monotonic()
            activate(lease)
            work = waiting.result().json()
            took = time.monotonic() - began
        assert [item["lease"]["id"] for item in work] == [str(lease.id)]
        assert work[0]["jobs"][0]["status"] == "queued"
        assert work[0]["lease"]["receipt_interval"] == 10
        assert took < 0.5

    def test_latency__log_line__reaches_the_stream(self, live: Market) -> None:
        """From the agent's post to the buyer's stream."""
        supplier, buyer = live.supplier(), live.buyer()
        job = running_job(live, supplier, buyer)
        heard: list[tuple[float, dict[str, object]]] = []
        listening = threading.Event()
        thread = threading.Thread(target=self._listen, args=(live, buyer, job, heard, listening))
        thread.start()
        assert listening.wait(5)
        sent, offset = [], 0
        for number in range(20):
            line = f"epoch {number} ✓\n".encode()
            sent.append(time.monotonic())
            body = {"offset": offset, "data_base64": base64.b64encode(line).decode()}
            answer = supplier.agent.post(f"/v1/jobs/{job}/log", body)
            assert answer.status_code == 200, answer.text
            offset = answer.json()["next_offset"]
            time.sleep(0.05)
        end = {"status": "succeeded", "exit_code": 0, "reason": "exit"}
        assert supplier.agent.post(f"/v1/jobs/{job}/status", end).status_code == 200
        thread.join(timeout=5)
        assert "".join(str(data["text"]) for _, data in heard) == "".join(
            f"epoch {n} ✓\n" for n in range(20)
        )
        latencies = sorted(at - began for (at, _), began in zip(heard, sent, strict=True))
        assert latencies[-2] < LOG_LATENCY_S, latencies

    @staticmethod
    def _listen(
        live: Market,
        buyer: Actor,
        job: str,
        heard: list[tuple[float, dict[str, object]]],
        listening: threading.Event,
    ) -> None:
        headers = {"Authorization": f"Bearer {buyer.token}"}
        with live.http.stream("GET", f"/v1/jobs/{job}/log/stream", headers=headers) as answer:
            kind = ""
            for line in answer.iter_lines():
                if line.startswith("event:"):
                    kind = line.partition(": ")[2]
                    listening.set()
                elif line.startswith("data:") and kind == "log":
                    heard.append((time.monotonic(), json.loads(line.partition(": ")[2])))


class TestAtOnce:
    """The same thing from several sides at the same moment."""

    def test_at_once__same_key_same_body__one_order(self, live: Market) -> None:
        """All get the same answer."""
        live.supplier()
        buyer = live.buyer()
        body = live.signed(live.bid(buyer), buyer.signer)
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda _: buyer.post("/v1/orders/bids", body, key="once"), range(8))
            )
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.text for answer in answers}) == 1
        assert len(buyer.get("/v1/orders").json()) == 1

    def test_at_once__same_bid_other_keys__one_accepted(self, live: Market) -> None:
        """A bid enters the log once, whoever sends it how often."""
        live.supplier()
        buyer = live.buyer()
        body = live.signed(live.bid(buyer), buyer.signer)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: buyer.post("/v1/orders/bids", body), range(8)))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [201] + [409] * 7
        assert {a.json()["code"] for a in answers if a.status_code == 409} == {"replayed"}

    def test_at_once__many_bids__no_more_than_the_balance(self, live: Market) -> None:
        """Open bids reserve what they may cost."""
        live.supplier()
        buyer = live.buyer(balance=120_000)
        bodies = [
            live.signed(live.bid(buyer, window_start=live.now + 600), buyer.signer)
            for _ in range(8)
        ]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda body: buyer.post("/v1/orders/bids", body), bodies))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [201] * 3 + [409] * 5

    def test_at_once__cancel_and_match__never_both(self, live: Market) -> None:
        """A bid is either taken out or matched."""
        suppliers = [live.supplier() for _ in range(4)]
        buyer = live.buyer()
        for supplier in suppliers:
            live.post_ask(supplier)

        def bid_and_cancel(_: int) -> tuple[str, int]:
            bid = live.post_bid(buyer)
            return bid, buyer.post(f"/v1/orders/{bid}/cancel").status_code

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(bid_and_cancel, range(12)))
        with session_scope() as session:
            leased = set(session.scalars(text("SELECT bid_digest FROM lease")))
        for bid, status in results:
            expected = OrderStatus.CANCELLED if status == 200 else OrderStatus.MATCHED
            assert live.order(bid).status is expected
            assert (bid in leased) is (status != 200)

    def test_at_once__sequences__visible_in_their_order(self, live: Market) -> None:
        """Whoever reads the log to its end never finds an earlier entry afterwards."""
        live.supplier()
        buyers = [live.buyer() for _ in range(4)]
        seen, done = list[int](), threading.Event()

        def read() -> None:
            after = 0
            while not done.is_set():
                page = live.http.get("/v1/order-log", params={"after": after}).json()
                seen.extend(entry["sequence"] for entry in page["entries"])
                after = page["next_after"]

        reader = threading.Thread(target=read)
        reader.start()
        with ThreadPoolExecutor(4) as pool:
            list(
                pool.map(
                    lambda b: [live.post_bid(b, max_price_per_gpu_hour=1000) for _ in range(10)],
                    buyers,
                )
            )
        time.sleep(0.2)
        done.set()
        reader.join()
        with session_scope() as session:
            stored = list(session.scalars(text("SELECT sequence FROM order_log ORDER BY 1")))
        assert seen == stored


class TestLeader:
    """One matcher at a time."""

    def test_leader__connection_killed__another_takes_over(self, live: Market) -> None:
        """The lock goes with the connection, and the book is built anew from the log."""
        supplier, buyer = live.supplier(), live.buyer()
        engine = create_engine(live.context.settings.database_url)
        rival = MatcherThread(live.context, engine)
        rival.start()
        try:
            before = self._leader()
            with session_scope() as session:
                session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": before})
            wait_for(lambda: self._leader() not in (None, before), 20)
            # Dearer than what the bids of earlier tests, which still rest, would pay.
            live.post_ask(supplier, price_per_gpu_hour=2 * PRICE)
            bid = live.post_bid(buyer, max_price_per_gpu_hour=2 * PRICE)
            wait_for(lambda: live.order(bid).status is OrderStatus.MATCHED, 20)
        finally:
            rival.stop()
            engine.dispose()

    @staticmethod
    def _leader() -> int | None:
        with session_scope() as session:
            found = session.scalar(
                text(
                    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted "
                    "AND objid = :key AND database = "
                    "(SELECT oid FROM pg_database WHERE datname = current_database())"
                ),
                {"key": LEADER_LOCK},
            )
        return None if found is None else int(found)
