"""The hour lanes against a plain model: a dictionary of counters."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from bourse import H100, HOUR, OK, initial, signer, terms
from brownie import Parameters, ProviderRegistry, accounts, chain
from words import reason

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain
from contracts.protocol.hashing import keccak
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import Attestation
from contracts.scripts.suite import Times

LANES = 16
DAY = 24 * HOUR


class Calendar:
    """A registry whose market is an account of the test."""

    def __init__(self) -> None:
        market, self.provider = accounts[2], accounts[3]
        auditor = signer("auditor1")
        parameters = Parameters.deploy(market, market, initial(), {"from": accounts[1]})
        self.registry = ProviderRegistry.deploy(
            market, market, parameters, Times().as_tuple(), True, {"from": accounts[1]}
        )
        self.market = {"from": market}
        self.registry.register(market, {"from": self.provider})
        self.registry.registerTerms(terms(isolation=2, step=125), {"from": self.provider})
        domain = Domain(chain.id, self.registry.address)
        devices = [self.attestation(i) for i in range(LANES // 8)]
        self.registry.attest(
            [as_tuple(d) for d in devices],
            [[auditor.sign(d, domain)] for d in devices],
            self.market,
        )

    def attestation(self, index: int) -> Attestation:
        return Attestation(
            provider=str(self.provider.address),
            device=device_hash(f"GPU-{index}"),
            parent=bytes(32),
            device_class=H100,
            lane_milli=125,
            expiry=chain.time() + 399 * DAY,
            evidence=keccak(b"evidence"),
            simulated=True,
        )

    def reserve(self, lanes: int, start: int, end: int) -> str:
        said = str(self.registry.reserve.call(1, lanes * 125, start, end, self.market))
        self.registry.reserve(1, lanes * 125, start, end, self.market)
        return said

    def release(self, lanes: int, start: int, end: int) -> Any:
        return self.registry.release(1, lanes * 125, start, end, self.market)

    def sold(self, hour: int) -> int:
        return int(self.registry.soldLanes(self.provider, H100, hour))

    def peak(self, start: int, end: int) -> int:
        return int(self.registry.peakLanes(self.provider, H100, start, end))


@pytest.fixture
def calendar(isolated: None) -> Calendar:
    return Calendar()


def hours(start: int, end: int) -> range:
    return range(start // HOUR, -(-end // HOUR))


class TestBounds:
    def test_reserve__exactly_full__then_one_too_many(self, calendar: Calendar) -> None:
        start = (chain.time() // HOUR + 1) * HOUR
        assert calendar.reserve(LANES, start, start + HOUR) == OK
        assert calendar.reserve(1, start, start + HOUR) == reason("OverCapacity")
        assert calendar.sold(start // HOUR) == LANES

    @pytest.mark.parametrize("lanes", [LANES + 1, 511, 512, 1024, 34_359_738])
    def test_reserve__more_than_there_is__refused(self, calendar: Calendar, lanes: int) -> None:
        start = (chain.time() // HOUR + 1) * HOUR
        assert calendar.reserve(lanes, start, start + HOUR) == reason("OverCapacity")
        assert calendar.sold(start // HOUR) == 0

    @pytest.mark.parametrize(
        ("offset", "length", "touched"),
        [
            (0, HOUR, 1),
            (0, HOUR + 1, 2),
            (HOUR - 1, 2, 2),
            (HOUR - 1, 1, 1),
            (1, 1, 1),
            (1800, HOUR, 2),
        ],
    )
    def test_reserve__edges__charges_each_hour_touched(
        self, calendar: Calendar, offset: int, length: int, touched: int
    ) -> None:
        start = (chain.time() // HOUR + 1) * HOUR
        assert calendar.reserve(3, start + offset, start + offset + length) == OK
        first = start // HOUR
        assert [calendar.sold(first + i) for i in range(-1, 3)] == [0, 3, 3 * (touched > 1), 0]

    def test_reserve__a_week__charges_every_hour(self, calendar: Calendar) -> None:
        start = (chain.time() // DAY + 1) * DAY + 5 * HOUR
        assert calendar.reserve(7, start, start + 168 * HOUR) == OK
        assert calendar.peak(start - DAY, start) == 0
        assert [calendar.sold(h) for h in hours(start, start + 168 * HOUR)] == [7] * 168
        assert calendar.sold(start // HOUR + 168) == 0

    def test_reserve__full_in_one_hour_of_a_week__refused_and_unchanged(
        self, calendar: Calendar
    ) -> None:
        start = (chain.time() // DAY + 1) * DAY
        calendar.reserve(LANES, start + 99 * HOUR, start + 100 * HOUR)
        assert calendar.reserve(1, start, start + 168 * HOUR) == reason("OverCapacity")
        assert calendar.peak(start, start + 99 * HOUR) == 0

    def test_reserve__same_place_of_the_ring__other_day_counts_empty(
        self, calendar: Calendar
    ) -> None:
        start = (chain.time() // DAY + 1) * DAY + 3 * HOUR
        calendar.reserve(LANES, start, start + 4 * HOUR)
        later = start + 128 * DAY
        assert calendar.peak(later, later + 4 * HOUR) == 0
        chain.mine(timestamp=later - HOUR)
        assert calendar.reserve(2, later, later + HOUR) == OK
        assert [calendar.sold(later // HOUR + i) for i in range(3)] == [2, 0, 0]

    def test_release__running_and_later__past_stays(self, calendar: Calendar) -> None:
        start = (chain.time() // DAY + 1) * DAY + 22 * HOUR
        calendar.reserve(5, start, start + 5 * HOUR)
        calendar.reserve(4, start, start + 5 * HOUR)
        chain.mine(timestamp=start + HOUR + 10)
        calendar.release(5, start, start + 5 * HOUR)
        assert [calendar.sold(h) for h in hours(start, start + 5 * HOUR)] == [9, 4, 4, 4, 4]


def test_calendar__random_windows__as_the_model(calendar: Calendar) -> None:
    """Rule 3: no hour over the lanes; each hour holds what was charged less what was given back."""
    random, model, live = Random(20), Counter[int](), []
    origin = chain.time()
    for _ in range(60):
        if live and random.random() < 0.35:
            lanes, start, end = live.pop(random.randrange(len(live)))
            chain.sleep(random.randrange(2 * HOUR))
            tx = calendar.release(lanes, start, end)
            given_back = [h for h in hours(start, end) if h >= tx.timestamp // HOUR]
            model.subtract(dict.fromkeys(given_back, lanes))
        else:
            start = chain.time() + random.randrange(60, 3 * DAY)
            end, lanes = start + random.randrange(1, 40 * HOUR), random.randrange(1, 9)
            fits = all(model[h] + lanes <= LANES for h in hours(start, end))
            assert calendar.reserve(lanes, start, end) == (OK if fits else reason("OverCapacity"))
            if fits:
                model.update(dict.fromkeys(hours(start, end), lanes))
                live.append((lanes, start, end))
    probe = random.sample(hours(origin, chain.time() + 5 * DAY), 60)
    assert [calendar.sold(h) for h in probe] == [model[h] for h in probe]
    assert max(model.values()) <= LANES
