"""Orders from plain wishes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.protocol.eip712 import ZERO_ADDRESS
from contracts.protocol.errors import ProtocolError
from contracts.protocol.series import device_class_hash
from contracts.protocol.typed_data import TimeInForce
from marketplace_api.client.answers import Market
from marketplace_api.client.decode import decode
from marketplace_api.client.orders import Slot, Supply, Wish, most_cost, new_ask, new_bid
from tests.marketplace_api.client.fake_api import MARKET, NOW, OTHER

WISH = Wish("nvidia/h100/80gb/sxm", 1000, 72, 2_500_000)


@pytest.fixture
def market() -> Market:
    return decode(Market, MARKET)


def test_new_bid__for_now__may_start_a_little_later(market: Market):
    """By the time of the match the second is over: the window is wider by the start grace."""
    bid = new_bid(OTHER, WISH, market, slot=Slot(3), now=NOW)
    assert (bid.window_start, bid.window_end) == (NOW, NOW + 72 + 10)
    assert (bid.min_duration, bid.max_duration) == (72, 72)
    assert (bid.milli, bid.min_milli, bid.nonce) == (1000, 1000, 3)
    assert bid.device_classes == device_class_hash("nvidia/h100/80gb/sxm")
    assert bid.deadline - bid.valid_from == 300


def test_new_bid__named_start__has_exactly_that_window(market: Market):
    """Who names a start gets that start."""
    bid = new_bid(OTHER, replace(WISH, start=NOW + 60), market, slot=Slot(0), now=NOW)
    assert (bid.window_start, bid.window_end) == (NOW + 60, NOW + 132)


def test_new_bid__immediate__never_rests(market: Market):
    """Take now or not at all."""
    bid = new_bid(OTHER, replace(WISH, immediate=True), market, slot=Slot(0), now=NOW)
    assert bid.constraints.time_in_force == TimeInForce.IMMEDIATE_OR_CANCEL


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"milli": 0}, "milli"),
        ({"duration": 71, "milli": 1}, "milli x seconds"),
        ({"max_price_per_gpu_hour": 999}, "max_price_per_gpu_hour"),
        ({"max_price_per_gpu_hour": 1_500}, "max_price_per_gpu_hour"),
        ({"device_class": "H100"}, "device_class"),
        ({"start": NOW - 60}, "window_start"),
    ],
)
def test_new_bid__impossible__is_refused_before_it_is_signed(
    market: Market, change: dict[str, object], field: str
):
    """The same rules as the API's, with the same names."""
    with pytest.raises(ProtocolError) as refused:
        new_bid(OTHER, replace(WISH, **change), market, slot=Slot(0), now=NOW)
    assert refused.value.field == field


def test_most_cost__full_fill__is_exact():
    """72 s of a device are 20 lots; 2.5 tokens are 2,500 ticks."""
    assert most_cost(WISH) == 20 * 2500


def test_new_ask__supply__is_checked(market: Market):
    """An ask without terms can never be filled."""
    supply = Supply(terms=4, price_per_gpu_hour=2_000_000, window_start=NOW, window_end=NOW + 7200)
    ask = new_ask(OTHER, supply, market, slot=Slot(1), now=NOW)
    assert (ask.terms, ask.price_per_gpu_hour, ask.nonce) == (4, 2_000_000, 1)
    assert (ask.filler, ask.deadline - ask.valid_from) == (ZERO_ADDRESS, 300)
    with pytest.raises(ProtocolError) as refused:
        new_ask(OTHER, replace(supply, terms=0), market, slot=Slot(1), now=NOW)
    assert refused.value.field == "terms"


def test_new_ask__longer_than_five_minutes__names_the_operator(market: Market):
    """Such an order nobody else may fill; its epoch is the account's."""
    supply = Supply(4, 2_000_000, NOW, NOW + 7200, life=3600)
    ask = new_ask(OTHER, supply, market, Slot(1, epoch=2), now=NOW)
    assert (ask.filler, ask.epoch, ask.deadline - ask.valid_from) == (OTHER, 2, 3600)
