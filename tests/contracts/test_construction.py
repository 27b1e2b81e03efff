"""The constructors of the contracts refuse what does not fit together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bourse import ZERO, Bourse, deploy, reverts
from brownie import GpuMarket, ProviderRegistry, accounts

from contracts.scripts.suite import Times

DAY = 24 * 3600


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"start_grace": 601}, (601, 600)),
        ({"freeze": DAY + 1}, (DAY + 1, DAY)),
        ({"redeem_grace": 2 * DAY + 1}, (6 * DAY + 1, 6 * DAY)),
        ({"redeem_grace": 0}, (0, 6 * DAY)),
        ({"challenge": 2 * DAY + 1}, (6 * DAY + 1, 6 * DAY)),
        ({"response": 2 * DAY + 1}, (6 * DAY + 1, 6 * DAY)),
        ({"verdict": 4 * DAY + 1}, (6 * DAY + 1, 6 * DAY)),
    ],
)
def test_timing__over_cap__refused(
    isolated: None, changes: dict[str, int], error: tuple[int, int]
) -> None:
    with reverts("TimingOutOfRange", *error):
        deploy(times=replace(Times(), **changes))


def test_market__registry_of_another_market_arbitration_or_grace__refused(bourse: Bourse) -> None:
    options, times = {"from": accounts[1]}, Times().as_tuple()
    modules = (bourse.resale, bourse.arbitration, bourse.metadata)
    with pytest.raises(Exception, match="RegistryMismatch"):
        GpuMarket.deploy(bourse.token, bourse.registry, bourse.parameters, *modules, times, options)


def test_registry__no_market_or_arbitration__refused(bourse: Bourse) -> None:
    options, times = {"from": accounts[1]}, Times().as_tuple()
    for market, arbitration in ((ZERO, bourse.arbitration), (bourse.market, ZERO)):
        with reverts("ZeroAddress"):
            ProviderRegistry.deploy(market, arbitration, bourse.parameters, times, True, options)
