"""What the chain must say before the agent works."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from contracts.protocol.keys import Signer
from provider_agent.chain import ChainReader, ChainUnreachableError
from provider_agent.lease_check import (
    LeaseNotYetError,
    LeaseOffer,
    LeaseRefusedError,
    check_lease,
)
from tests.provider_agent.fake_market import NODE, PLACE, FakeMarket

AGENT, PROVIDER, HOLDER = (Signer(bytes(31) + bytes([n])) for n in (5, 6, 7))
START = 1_800_000_000


@pytest.fixture
def market() -> FakeMarket:
    return FakeMarket(AGENT.address, PROVIDER.address, HOLDER, START)


@pytest.fixture
def offer(market: FakeMarket) -> LeaseOffer:
    return LeaseOffer("L", market.series.id, HOLDER.address, 1000, START, START + 72, True)


def check(market: FakeMarket, offer: LeaseOffer, confirmations: int = 1):  # type: ignore[no-untyped-def]
    reader = ChainReader(NODE, market.client())
    return check_lease(offer, reader, PLACE, AGENT.address, confirmations)


def test_check_lease__as_on_chain__takes_the_terms_from_the_chain(
    market: FakeMarket, offer: LeaseOffer
) -> None:
    lease = check(market, offer)
    assert (lease.receipt_interval, lease.unsigned_intervals) == (5, 3)
    assert (lease.milli, lease.start, lease.end) == (1000, START, START + 72)


def test_check_lease__no_position__is_not_yet(market: FakeMarket, offer: LeaseOffer) -> None:
    market.confirmed = False
    with pytest.raises(LeaseNotYetError):
        check(market, offer)


def test_check_lease__chain_shorter_than_confirmations__is_not_yet(
    market: FakeMarket, offer: LeaseOffer
) -> None:
    with pytest.raises(LeaseNotYetError, match="shorter than 100"):
        check(market, offer, confirmations=100)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("milli", {"milli": 1001}),
        ("start", {"start": START - 1}),
        ("end", {"end": START + 73}),
        ("series", {"series": 0}),
        ("series", {"series": 1 << 200}),
    ],
)
def test_check_lease__offered_otherwise__is_refused_by_name(
    market: FakeMarket, offer: LeaseOffer, field: str, change: dict[str, int]
) -> None:
    with pytest.raises(LeaseRefusedError) as refused:
        check(market, replace(offer, **change))
    assert refused.value.field == field


def test_check_lease__terms_of_another_agent__is_refused(
    market: FakeMarket, offer: LeaseOffer
) -> None:
    market.registered_agent = HOLDER.address
    with pytest.raises(LeaseRefusedError, match="terms"):
        check(market, offer)


@pytest.mark.parametrize(
    "answer",
    [
        {"result": None},
        {"result": "0x"},
        {"error": {"code": -32000, "message": "header not found"}},
        {"result": "0x" + "00" * 31},
    ],
)
def test_check_lease__node_talks_nonsense__is_unreachable(
    market: FakeMarket, offer: LeaseOffer, answer: dict[str, object]
) -> None:
    def node(request: httpx.Request) -> httpx.Response:
        is_call = b"eth_call" in request.content
        return httpx.Response(200, json=answer if is_call else {"result": "0x10"})

    reader = ChainReader(NODE, httpx.Client(transport=httpx.MockTransport(node)))
    with pytest.raises(ChainUnreachableError):
        check_lease(offer, reader, PLACE, AGENT.address, 1)


def test_check_lease__units_were_given_to_the_holder__is_served_as_offered(
    market: FakeMarket, offer: LeaseOffer
) -> None:
    market.milli_on_chain = 2000
    assert check(market, offer).milli == 1000
