"""What an order must satisfy by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.protocol.eip712 import checksum
from contracts.protocol.errors import NotSupportedError, ProtocolError
from contracts.protocol.orders import OrderRules, check_ask, check_bid
from contracts.protocol.typed_data import Ask, AskConstraints, Bid, BidConstraints

NOW = 1_800_000_000
RULES = OrderRules(start_grace=60)
WALLET = checksum("0x" + "11" * 20)
FILLER = checksum("0x" + "22" * 20)
ASK = Ask(
    seller=WALLET,
    terms=1,
    price_per_gpu_hour=2_000_000,
    window_start=NOW,
    window_end=NOW + 3600,
    valid_from=NOW,
    deadline=NOW + 300,
    nonce=1,
)
BID = Bid(
    buyer=WALLET,
    device_classes=b"\x01" * 32,
    milli=1000,
    min_milli=1000,
    window_start=NOW,
    window_end=NOW + 3600,
    min_duration=72,
    max_duration=72,
    max_price_per_gpu_hour=2_000_000,
    valid_from=NOW,
    deadline=NOW + 300,
    nonce=1,
)


def test_check__good_orders__pass() -> None:
    check_ask(ASK, NOW, RULES)
    check_bid(BID, NOW, RULES)
    check_bid(replace(BID, filler=FILLER, deadline=NOW + 86_400), NOW, RULES)
    check_ask(replace(ASK, quantity=3_600, max_fills=1), NOW, RULES)
    limits = {"arbiter_set": 1, "min_sla_credit_bps": 1, "interruptible": True, "min_notice": 1}
    check_bid(replace(BID, **limits), NOW, RULES)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"terms": 0}, "terms"),
        ({"price_per_gpu_hour": 0}, "price_per_gpu_hour"),
        ({"price_per_gpu_hour": 2_000_001}, "price_per_gpu_hour"),
        ({"deadline": NOW}, "deadline"),
        ({"deadline": NOW + 301}, "deadline"),
        ({"valid_from": NOW + 1}, "valid_from"),
        ({"window_end": NOW}, "window_end"),
        ({"window_start": NOW - 100, "window_end": NOW - 50}, "window_end"),
        ({"window_start": NOW + 91 * 86_400, "window_end": NOW + 92 * 86_400}, "window_start"),
        ({"min_milli": 2, "max_milli": 1}, "min_milli"),
        ({"max_milli": 64_001}, "max_milli"),
        ({"min_duration": 2, "max_duration": 1}, "min_duration"),
        ({"min_duration": 3601}, "min_duration"),
        ({"quantity": 3_599}, "quantity"),
    ],
)
def test_check_ask__outside_a_limit__names_the_field(changes: dict[str, int], field: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        check_ask(replace(ASK, **changes), NOW, RULES)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"milli": 0}, "milli"),
        ({"milli": 64_001}, "milli"),
        ({"min_milli": 0}, "min_milli"),
        ({"min_milli": 1001}, "min_milli"),
        ({"min_isolation": 6}, "min_isolation"),
        ({"max_price_per_gpu_hour": 0}, "max_price_per_gpu_hour"),
        ({"max_price_per_gpu_hour": 999}, "max_price_per_gpu_hour"),
        ({"max_price_per_gpu_hour": 1_500}, "max_price_per_gpu_hour"),
        ({"min_duration": 0}, "min_duration"),
        ({"min_duration": 73}, "min_duration"),
        ({"max_duration": 604_801, "min_duration": 1}, "max_duration"),
        ({"max_duration": 71, "min_duration": 71}, "milli x seconds"),
        ({"min_duration": 3700, "max_duration": 3700}, "min_duration"),
        ({"window_start": NOW - 61}, "window_start"),
        ({"deadline": NOW - 1}, "deadline"),
        ({"max_reservation_fee_bps": 10_001}, "max_reservation_fee_bps"),
        ({"min_sla_credit_bps": 10_001}, "min_sla_credit_bps"),
    ],
)
def test_check_bid__outside_a_limit__names_the_field(changes: dict[str, int], field: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        check_bid(replace(BID, **changes), NOW, RULES)
    assert caught.value.field == field


def test_check_ask__a_resale__is_not_served() -> None:
    """Holders sell to each other on chain (`gpubourse chain resell`), not through the book."""
    with pytest.raises(NotSupportedError) as caught:
        check_ask(replace(ASK, series=1), NOW, RULES)
    assert caught.value.field == "series"


def test_check_bid__several_fills__are_not_served() -> None:
    """The matcher fills a bid once."""
    with pytest.raises(NotSupportedError) as caught:
        check_bid(replace(BID, max_fills=2), NOW, RULES)
    assert caught.value.field == "max_fills"


@pytest.mark.parametrize(
    "constraints",
    [
        BidConstraints(post_only=True),
        BidConstraints(regions=("eu",)),
        BidConstraints(min_memory_mib=1),
        BidConstraints(min_bond_per_milli=1),
        BidConstraints(min_reliability_bps=1),
        BidConstraints(min_tokens_per_kilojoule=1),
        BidConstraints(min_tokens_per_second_per_dollar=1),
        BidConstraints(evidence=("spdm",)),
        BidConstraints(gang_devices=2),
        BidConstraints(gang_spread=True),
    ],
)
def test_check_bid__a_constraint_not_served__is_refused(constraints: BidConstraints) -> None:
    with pytest.raises(NotSupportedError):
        check_bid(replace(BID, constraints=constraints), NOW, RULES)


def test_check_ask__a_constraint_not_served__is_refused() -> None:
    with pytest.raises(NotSupportedError):
        check_ask(replace(ASK, constraints=AskConstraints(time_in_force=1)), NOW, RULES)
