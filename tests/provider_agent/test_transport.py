"""HTTP to the API: sessions, tries, refusals."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from contracts.protocol.keys import Signer
from provider_agent.transport import (
    ApiRefusedError,
    ApiUnreachableError,
    LoginRefusedError,
    Transport,
)
from tests.provider_agent.fake_market import API, FakeMarket

AGENT = Signer(bytes(31) + b"\5")


def transport(handler: Callable[[httpx.Request], httpx.Response], url: str = API) -> Transport:
    pauses: list[float] = []
    made = Transport(
        url, httpx.Client(transport=httpx.MockTransport(handler)), AGENT, pauses.append
    )
    made.pauses = pauses  # type: ignore[attr-defined]
    return made


@pytest.fixture
def market() -> FakeMarket:
    return FakeMarket(AGENT.address, AGENT.address, Signer.generate(), 0)


def test_get__no_session__logs_in_once(market: FakeMarket) -> None:
    made = transport(market.handle)
    made.get("/v1/agent/work?wait=0")
    made.get("/v1/agent/work?wait=0")
    assert len(market.tokens) == 1


def test_get__session_over__logs_in_again_and_repeats(market: FakeMarket) -> None:
    made = transport(market.handle)
    made.get("/v1/agent/work?wait=0")
    market.tokens = {"other"}
    assert made.get("/v1/agent/work?wait=0").json() == []


def test_get__other_host_in_the_nonce__nothing_is_signed(market: FakeMarket) -> None:
    with pytest.raises(LoginRefusedError, match="wrong-domain"):
        transport(market.handle, "http://evil.test").get("/v1/agent/work?wait=0")


def test_open__node_comes_back__is_tried_again() -> None:
    answers = iter([httpx.ConnectError("x"), 503, 200])

    def handler(_request: httpx.Request) -> httpx.Response:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, json={})

    made = transport(handler)
    assert made.open("/v1/market").status_code == 200
    assert made.pauses == [0.1, 0.3]  # type: ignore[attr-defined]


def test_open__rate_limited__waits_as_long_as_told() -> None:
    answers = iter([httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(200)])
    made = transport(lambda _request: next(answers))
    made.open("/v1/market")
    assert made.pauses == [7.0]  # type: ignore[attr-defined]


def test_open__never_answers__is_unreachable() -> None:
    made = transport(lambda _request: httpx.Response(502))
    with pytest.raises(ApiUnreachableError, match="GET /v1/market: status 502"):
        made.open("/v1/market")
    assert len(made.pauses) == 3  # type: ignore[attr-defined]


def test_open__refused__carries_code_and_detail_and_is_not_repeated() -> None:
    made = transport(
        lambda _request: httpx.Response(409, json={"code": "log-gap", "detail": "offset: 3"})
    )
    with pytest.raises(ApiRefusedError, match="409 log-gap: offset: 3"):
        made.open("/v1/market")
    assert made.pauses == []  # type: ignore[attr-defined]
