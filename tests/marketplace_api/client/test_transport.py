"""Retries, idempotency keys and renewed sessions."""

from __future__ import annotations

import httpx
import pytest

from marketplace_api.client.errors import AnswerError, ServerFaultError, UnreachableError
from marketplace_api.client.transport import IDEMPOTENCY_HEADER, Transport


class Script:
    """Answers in order; an exception is raised."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.authorised: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.authorised.append(request.headers.get("authorization"))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def transport(script: Script, **options: object) -> tuple[Transport, list[float]]:
    pauses: list[float] = []
    made = Transport(
        "http://api.test/", handler=httpx.MockTransport(script), sleep=pauses.append, **options
    )
    return made, pauses


def ok(data: object = None) -> httpx.Response:
    return httpx.Response(200, json={} if data is None else data)


def test_spend__lost_answer__asks_again_with_the_same_key():
    """Whether the first one arrived or not: the same key is the same request."""
    script = Script(httpx.ReadError("gone"), httpx.Response(503), ok({"id": 1}))
    made, pauses = transport(script)
    assert made.spend("/v1/orders/bids", {"order": {}}) == {"id": 1}
    keys = {request.headers[IDEMPOTENCY_HEADER] for request in script.requests}
    assert len(script.requests) == 3
    assert len(keys) == 1
    assert pauses == [0.2, 0.8]


def test_spend__two_calls__have_two_keys():
    """Bidding twice is two bids, unless the caller names one key."""
    script = Script(ok(), ok(), ok(), ok())
    made, _ = transport(script)
    made.spend("/a")
    made.spend("/a")
    made.spend("/a", key="mine")
    made.spend("/a", key="mine")
    keys = [request.headers[IDEMPOTENCY_HEADER] for request in script.requests]
    assert keys[0] != keys[1]
    assert keys[2] == keys[3] == "mine"


def test_post__lost_answer__is_not_repeated():
    """Without a key nobody knows whether the first one counted."""
    script = Script(httpx.ReadError("gone"), ok())
    made, _ = transport(script)
    with pytest.raises(UnreachableError, match="gone"):
        made.post("/v1/auth/login")
    assert len(script.requests) == 1


def test_get__still_no_answer__names_the_url():
    """After the last attempt the caller learns whom it could not reach."""
    script = Script(*[httpx.ConnectError("refused")] * 3)
    made, _ = transport(script)
    with pytest.raises(UnreachableError) as failed:
        made.get("/v1/market")
    assert failed.value.url == "http://api.test"


def test_get__server_fault__is_raised_after_the_last_attempt():
    """500 is not repeated, 503 is."""
    made, _ = transport(Script(httpx.Response(500)))
    with pytest.raises(ServerFaultError):
        made.get("/a")
    made, pauses = transport(Script(*[httpx.Response(503)] * 3))
    with pytest.raises(ServerFaultError):
        made.get("/a")
    assert len(pauses) == 2


def test_get__answer_that_is_no_json__is_named():
    """A page of somebody else's server."""
    made, _ = transport(Script(httpx.Response(200, text="<html>")))
    with pytest.raises(AnswerError, match="JSON"):
        made.get("/v1/market")


def test_send__session_over__renews_it_once():
    """An expired session is no reason to stop; a refused new one is."""
    script = Script(httpx.Response(401), ok({"a": 1}))
    made, _ = transport(script, token="old", renew=lambda: "new")
    assert made.get("/v1/leases") == {"a": 1}
    assert script.authorised == ["Bearer old", "Bearer new"]


def test_stream__session_over__renews_it_once():
    """Following a log for days outlives a session."""
    script = Script(httpx.Response(401), httpx.Response(200, text="data: 1\n\n"))
    made, _ = transport(script, token="old", renew=lambda: "new")
    with made.stream("/v1/jobs/1/log/stream", {}) as response:
        assert response.read() == b"data: 1\n\n"
    assert script.authorised == ["Bearer old", "Bearer new"]


def test_get__query__leaves_out_what_is_not_given():
    """None means that the API's own default counts."""
    script = Script(ok([]))
    made, _ = transport(script)
    made.get("/v1/orders", status=None, side="bid")
    assert str(script.requests[0].url) == "http://api.test/v1/orders?side=bid"
