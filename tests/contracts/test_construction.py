"""The constructors of the contracts refuse what does not fit together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bourse import ZERO, Bourse, address_of_creation, deploy
from brownie import GpuMarket, ProviderRegistry, Resale, accounts
from words import reverts

from contracts.scripts.suite import Times

DAY = 24 * 3600
OUT_OF_RANGE = [
    ({"start_grace": 601}, (601, 600)),
    ({"freeze": DAY + 1}, (DAY + 1, DAY)),
    ({"redeem_grace": 2 * DAY + 1}, (6 * DAY + 1, 6 * DAY)),
    ({"redeem_grace": 0}, (0, 6 * DAY)),
    ({"challenge": 2 * DAY + 1}, (6 * DAY + 1, 6 * DAY)),
    ({"response": 2 * DAY + 1}, (6 * DAY + 1, 6 * DAY)),
    ({"verdict": 4 * DAY + 1}, (6 * DAY + 1, 6 * DAY)),
    ({"challenge": 2**32 - 1}, (2**32 - 1 + 3 * DAY, 6 * DAY)),
    ({"response": 2**32 - 1}, (2**32 - 1 + 3 * DAY, 6 * DAY)),
]


@pytest.mark.parametrize(("changes", "error"), OUT_OF_RANGE)
def test_timing__over_cap__refused(
    isolated: None, changes: dict[str, int], error: tuple[int, int]
) -> None:
    with reverts("TimingOutOfRange", *error):
        deploy(times=replace(Times(), **changes))


def test_timing__at_every_cap__taken(isolated: None) -> None:
    longest = Times(600, DAY, DAY, 2 * DAY, 2 * DAY, 3 * DAY)
    assert deploy(times=longest).market.START_GRACE() == 600


class Pair:
    """A registry and a market, of which one expects something else of the other."""

    def __init__(self, bourse: Bourse) -> None:
        self.bourse, self.options = bourse, {"from": accounts[1]}

    def registry(self, market: str, times: Times, arbitration: Any = None) -> Any:
        of = self.bourse
        names = (market, arbitration or of.arbitration, of.parameters, times.as_tuple(), True)
        return ProviderRegistry.deploy(*names, self.options)

    def market(self, registry: Any, times: Times, **changes: Any) -> Any:
        of = self.bourse
        modules = {"resale": of.resale, "arbitration": of.arbitration, "metadata": of.metadata}
        given = tuple((modules | changes).values())
        return GpuMarket.deploy(
            of.token, registry, of.parameters, *given, times.as_tuple(), self.options
        )

    def market_after(self, creations: int) -> str:
        return address_of_creation(accounts[1].address, accounts[1].nonce + creations)


class TestMarket:
    def mismatch(self, pair: Pair, registry: Any, times: Times, **changes: Any) -> None:
        market = pair.market_after(0)
        with reverts("RegistryMismatch", str(registry.address), market):
            pair.market(registry, times, **changes)

    def test_market__registry_of_another_market__refused(self, bourse: Bourse) -> None:
        self.mismatch(Pair(bourse), bourse.registry, Times())

    def test_market__registry_of_another_arbitration__refused(self, bourse: Bourse) -> None:
        pair = Pair(bourse)
        registry = pair.registry(pair.market_after(1), Times(), arbitration=accounts[2])
        self.mismatch(pair, registry, Times())

    def test_market__registry_of_another_grace__refused(self, bourse: Bourse) -> None:
        pair = Pair(bourse)
        registry = pair.registry(pair.market_after(1), replace(Times(), redeem_grace=DAY - 1))
        self.mismatch(pair, registry, Times())

    @pytest.mark.parametrize("module", ["resale", "arbitration"])
    def test_market__without_a_module__refused(self, bourse: Bourse, module: str) -> None:
        pair = Pair(bourse)
        if module == "arbitration":  # a registry has one
            registry = pair.registry(pair.market_after(1), Times())
            self.mismatch(pair, registry, Times(), arbitration=ZERO)
            return
        registry = pair.registry(pair.market_after(1), Times())
        with reverts("ZeroAddress"):
            pair.market(registry, Times(), resale=ZERO)

    def test_market__all_fits__stands(self, bourse: Bourse) -> None:
        pair = Pair(bourse)
        ahead = pair.market_after(2)
        registry = pair.registry(ahead, Times())
        resale = Resale.deploy(ahead, pair.options)
        market = pair.market(registry, Times(), resale=resale)
        assert (market.registry(), registry.market()) == (registry.address, market.address)
        domain = market.DOMAIN_SEPARATOR()
        assert domain != bourse.market.DOMAIN_SEPARATOR()

    def test_market__resale_of_another_market__refused(self, bourse: Bourse) -> None:
        pair = Pair(bourse)
        registry = pair.registry(pair.market_after(1), Times())
        with reverts("RegistryMismatch", str(bourse.resale.address), pair.market_after(0)):
            pair.market(registry, Times())

    @pytest.mark.parametrize(("changes", "error"), OUT_OF_RANGE[:2])
    def test_market__times_out_of_range__refused(
        self, bourse: Bourse, changes: dict[str, int], error: tuple[int, int]
    ) -> None:
        pair = Pair(bourse)
        registry = pair.registry(pair.market_after(1), Times())
        with reverts("TimingOutOfRange", *error):
            pair.market(registry, replace(Times(), **changes))


def test_registry__no_market_or_arbitration__refused(bourse: Bourse) -> None:
    options, times = {"from": accounts[1]}, Times().as_tuple()
    for market, arbitration in ((ZERO, bourse.arbitration), (bourse.market, ZERO)):
        with reverts("ZeroAddress"):
            ProviderRegistry.deploy(market, arbitration, bourse.parameters, times, True, options)


@pytest.mark.parametrize(("changes", "error"), OUT_OF_RANGE)
def test_registry__times_out_of_range__refused(
    bourse: Bourse, changes: dict[str, int], error: tuple[int, int]
) -> None:
    times = replace(Times(), **changes)
    with reverts("TimingOutOfRange", *error):
        Pair(bourse).registry(str(bourse.market.address), times)
