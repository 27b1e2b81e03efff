"""The constructors of the market and the registry refuse what does not fit together."""

from __future__ import annotations

import pytest
from bourse import ZERO, Bourse, deploy, reverts
from brownie import GpuMarket, ProviderRegistry, accounts


@pytest.mark.parametrize(
    ("timing", "error"),
    [
        ((601, 0, 0), (601, 600)),
        ((0, 86_401, 0), (86_401, 86_400)),
        ((0, 0, 432_001), (432_001, 432_000)),
    ],
)
def test_market__timing_over_cap__refused(
    isolated: None, timing: tuple[int, int, int], error: tuple[int, int]
) -> None:
    with reverts("TimingOutOfRange", *error):
        deploy(timing=timing)


def test_market__registry_of_another_market_or_grace__refused(bourse: Bourse) -> None:
    options, constants = {"from": accounts[1]}, (60, 600, 86_400)
    with pytest.raises(Exception, match="RegistryMismatch"):
        GpuMarket.deploy(bourse.token, bourse.registry, bourse.parameters, constants, options)
    with reverts("ZeroAddress"):
        ProviderRegistry.deploy(ZERO, bourse.parameters, 0, True, options)
