"""The client's methods against an API in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from contracts.protocol.keys import Signer
from marketplace_api.client import Bourse, Slot, Wish, new_bid, sign_order
from marketplace_api.client.answers import Session
from marketplace_api.client.errors import ConflictError, SessionError, UnreachableError
from marketplace_api.client.events import LogText, StatusChange
from marketplace_api.client.jobs import JobRequest, LocalFile
from tests.marketplace_api.client.fake_api import JOB_ID, LEASE_ID, NOW, FakeApi, problem

BUYER = Signer(b"\x01" * 32)
WISH = Wish("nvidia/h100/80gb/sxm", 1000, 72, 2_500_000)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi(holder=BUYER)


@pytest.fixture
def bourse(api: FakeApi) -> Iterator[Bourse]:
    with Bourse("http://api.test", handler=api.transport(), sleep=lambda _: None) as made:
        made.login(BUYER)
        yield made


def test_login__signature__gives_a_session_that_later_calls_carry(api: FakeApi):
    """The wallet is the one that signed; the caller may keep the session."""
    kept: list[Session] = []
    with Bourse("http://api.test", handler=api.transport(), on_login=kept.append) as bourse:
        session = bourse.login(BUYER)
        assert (session.wallet, session.token) == (BUYER.address, "token-1")
        assert bourse.leases()[0].id == LEASE_ID
    assert kept == [session]
    assert json.loads(api.requests[0].content) == {"address": BUYER.address}


def test_login__with_a_signer__is_renewed_when_it_is_over(api: FakeApi):
    """A delegate that watches for days does not stop when a session ends."""
    handler = api.transport()
    with Bourse("http://api.test", token="old", signer=BUYER, handler=handler) as bourse:
        assert bourse.leases()[0].status == "active"


def test_logout__later_calls__are_refused(bourse: Bourse):
    """The session is over on both sides."""
    bourse.logout()
    with pytest.raises(SessionError):
        bourse.leases()


def test_market__answer__is_typed(bourse: Bourse):
    """Constants and the signing domain come from one answer."""
    market = bourse.market()
    assert (market.fee_bps, market.constants.start_grace) == (100, 10)
    assert market.domain.chain_id == 1337


def test_place_bid__signed__returns_the_operators_word(bourse: Bourse, api: FakeApi):
    """The API in memory recovers the signature; the acknowledgement names the digest."""
    market = bourse.market()
    bid = new_bid(BUYER.address, WISH, market, slot=Slot(0), now=NOW)
    hash_, signature = sign_order(bid, BUYER, market)
    accepted = bourse.place_bid(bid, signature)
    assert accepted.digest == "0x" + hash_.hex()
    assert accepted.acknowledgement.acknowledgement.order == hash_
    assert api.orders == [bid]
    assert api.requests[-1].headers["idempotency-key"]


def test_place_bid__refused__carries_code_field_limit_given(bourse: Bourse, api: FakeApi):
    """A refusal of the API is a typed exception."""
    market = bourse.market()
    bid = new_bid(BUYER.address, WISH, market, slot=Slot(0), now=NOW)
    members = {"field": "balance", "limit": "at least 50000", "given": "0"}
    api.refuse["POST /v1/orders/bids"] = problem(409, "insufficient-balance", **members)
    with pytest.raises(ConflictError) as refused:
        bourse.place_bid(bid, sign_order(bid, BUYER, market)[1])
    assert refused.value.code == "insufficient-balance"
    assert (refused.value.field, refused.value.given) == ("balance", "0")


def test_cancel_order__acknowledged__is_the_operators_signature(bourse: Bourse):
    """Kept by whoever cancelled: it proves fraud."""
    signed = bourse.cancel_order("0x" + "ab" * 32)
    assert signed.acknowledgement.action == 2


def test_submit_job__files__are_uploaded_by_content(bourse: Bourse, api: FakeApi):
    """The job names its inputs by digest."""
    file = LocalFile("data.csv", b"1,2\n")
    request = JobRequest("train", ("python3", "train.py"), (bourse.upload(file),))
    assert bourse.submit_job(LEASE_ID, request).id == JOB_ID
    assert api.blobs == {file.sha256: b"1,2\n"}
    assert api.jobs[0]["inputs"] == [{"path": "data.csv", "sha256": file.sha256}]
    assert bourse.download(file.sha256) == b"1,2\n"


def test_follow_log__to_the_end__yields_text_then_status(bourse: Bourse, api: FakeApi):
    """The end is told after the last line."""
    api.job_log = b"one\ntwo\n"
    assert list(bourse.follow_log(JOB_ID)) == [
        LogText(0, "one\ntwo\n", 8),
        StatusChange("succeeded", 0, "exit"),
    ]


def test_follow_log__lost_connection__resumes_where_it_was(bourse: Bourse, api: FakeApi):
    """Last-Event-ID names the first byte that is missing; nothing is told twice."""
    api.job_log = b"one\ntwo\n"
    broken = iter([True, False])

    def before(request: httpx.Request) -> None:
        if request.url.path.endswith("/stream") and next(broken):
            raise httpx.ReadError("cut")

    api.before = before
    events = list(bourse.follow_log(JOB_ID, offset=4))
    assert events[0] == LogText(4, "two\n", 8)
    assert api.requests[-2].headers["last-event-id"] == "4"


def test_follow_log__nobody_answers__gives_up(bourse: Bourse, api: FakeApi):
    """After many attempts without a single event."""

    def before(request: httpx.Request) -> None:
        raise httpx.ConnectError("refused")

    api.before = before
    with pytest.raises(UnreachableError):
        list(bourse.follow_log(JOB_ID))
    assert len(api.paths("GET")) == 21


def test_receipts__out_of_order__come_sorted(bourse: Bourse, api: FakeApi):
    """The delegate reads them as a chain."""
    api.deliver(1000, seconds=1)
    api.deliver(2000, seconds=1)
    api.receipts.reverse()
    assert [stored.sequence for stored in bourse.receipts(LEASE_ID)] == [1, 2]
