"""`Parameters` refuses what would make the market unfair or unusable."""

from __future__ import annotations

from typing import Any

import pytest
from bourse import ZERO, Bourse, deploy, reverts, signer
from brownie import GpuMarket, Parameters, ProviderRegistry, accounts

TREASURY, FIRST, SECOND = (signer(name).address for name in ("treasury", "auditor1", "auditor2"))


def test_parameters__deployed__readable(bourse: Bourse) -> None:
    parameters = bourse.parameters
    auditors = [bourse.address(f"auditor{i}") for i in (1, 2, 3)]
    assert (parameters.feeBps(), parameters.treasury()) == (100, TREASURY)
    assert list(parameters.auditors()) == auditors
    assert [parameters.auditorIndex(a) for a in (*auditors, ZERO)] == [1, 2, 3, 0]
    assert (parameters.auditorThreshold(), parameters.minBondPerMilli(bytes(32))) == (2, 1000)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((1001, TREASURY, [FIRST], 1, 0), ("FeeTooHigh", 1001, 1000)),
        ((0, ZERO, [FIRST], 1, 0), ("ZeroAddress",)),
        ((0, TREASURY, [FIRST], 0, 0), ("BadThreshold", 0, 1)),
        ((0, TREASURY, [FIRST], 2, 0), ("BadThreshold", 2, 1)),
        ((0, TREASURY, [FIRST, ZERO], 1, 0), ("BadAuditor", 1, ZERO)),
        ((0, TREASURY, [FIRST, SECOND, FIRST], 1, 0), ("BadAuditor", 2, FIRST)),
    ],
)
def test_parameters__out_of_range__refused(
    isolated: None, arguments: tuple[Any, ...], error: tuple[Any, ...]
) -> None:
    with reverts(*error):
        Parameters.deploy(*arguments, {"from": accounts[1]})


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
