"""The constructor refuses what does not fit together."""

from __future__ import annotations

import pytest
from arbiters import CHALLENGE, RESPONSE, VERDICT, Court
from bourse import FREEZE, REDEEM_GRACE, START_GRACE, ZERO
from brownie import Arbitration, accounts
from words import reverts

from contracts.protocol.eip712 import Domain

TIMES = (START_GRACE, FREEZE, REDEEM_GRACE, CHALLENGE, RESPONSE, VERDICT)


def test_arbitration__built__says_with_what(court: Court) -> None:
    call, bourse = court.call, court.bourse
    wired = (call.market(), call.registry(), call.parameters())
    assert wired == (bourse.market, bourse.registry, bourse.parameters)
    times = (call.REDEEM_GRACE(), call.CHALLENGE(), call.RESPONSE(), call.VERDICT())
    assert times == (REDEEM_GRACE, CHALLENGE, RESPONSE, VERDICT)
    domain = Domain(1337, call.address)
    assert str(call.DOMAIN_SEPARATOR()) == "0x" + domain.separator.hex()


@pytest.mark.parametrize("missing", [0, 2])
def test_arbitration__zero_address__refused(court: Court, missing: int) -> None:
    bourse = court.bourse
    wiring = [bourse.market, bourse.registry, bourse.parameters]
    wiring[missing] = ZERO
    with reverts("ZeroAddress"):
        Arbitration.deploy(*wiring, TIMES, {"from": accounts[1]})


def test_arbitration__registry_of_others__refused(court: Court) -> None:
    bourse = court.bourse
    wiring = (bourse.registry, bourse.parameters)
    for market in (bourse.market, bourse.token):
        with reverts("WiringMismatch", bourse.registry.address):
            Arbitration.deploy(market, *wiring, TIMES, {"from": accounts[1]})


def test_arbitration__too_long_a_case__refused(court: Court) -> None:
    bourse = court.bourse
    times = (*TIMES[:5], 6 * 24 * 3600)
    with reverts("TimingOutOfRange", 7 * 24 * 3600, 6 * 24 * 3600):
        Arbitration.deploy(
            bourse.market, bourse.registry, bourse.parameters, times, {"from": accounts[1]}
        )
