"""What a test counts from outside: money, sold hours, events; and a module's own calls."""

from __future__ import annotations

from typing import Any

from bourse import H100, HOUR, Bourse
from brownie import accounts
from brownie.network.web3 import web3

from contracts.protocol.series import Series
from contracts.protocol.units import cost, payment_down

NOBODY = (0, 0, 0, 0, 0, 0)
"""A position that is not there."""
FINAL, CUT, CASE, AGENT_CLAIMED, FAULT = 1, 2, 4, 8, 16


def accounted(bourse: Bourse, *held: tuple[int, str], others: tuple[str, ...] = ()) -> int:
    """Rule 1 as a sum: balances and bonds of everybody, and what `held` (series, address or name)
    still holds in escrow. `others` are addresses without a name."""
    people = (*(key.address for key in bourse.keys.values()), *others, bourse.registry.BURNED())
    balances = sum(bourse.market.accountOf(person)[0] for person in people)
    bonds = sum(sum(bourse.registry.bondOf(person)[:2]) for person in people)
    return int(balances + bonds + sum(escrow(bourse, *position) for position in held))


def escrow(bourse: Bourse, series: int, holder: str) -> int:
    """What the position has cost less what was paid for usage."""
    address = bourse.keys[holder].address if holder in bourse.keys else holder
    units, _, used = bourse.market.positionOf(series, address)[:3]
    ticks = Series.from_id(series).ticks
    return cost(units, ticks) - payment_down(used, ticks)


def lanes(bourse: Bourse, start: int, hours: int, device_class: bytes = H100) -> list[int]:
    """Lanes of the provider sold in the hours from `start` on."""
    provider = bourse.address("provider")
    first = start // HOUR
    sold = (bourse.registry.soldLanes(provider, device_class, first + i) for i in range(hours))
    return [int(count) for count in sold]


def position(bourse: Bourse, series: int, holder: str = "buyer") -> tuple[int, ...]:
    """Units, milli, used, end, flags and missed intervals."""
    address = bourse.keys[holder].address if holder in bourse.keys else holder
    return tuple(map(int, bourse.market.positionOf(series, address)))


def window(series: int, start: int, duration: int) -> int:
    """The series of equal price, step and terms over another window."""
    parts = Series.from_id(series)
    return Series(start, duration, parts.ticks, parts.step, parts.terms).id


def acting(contract: Any) -> dict[str, Any]:
    """Transaction options: sent by a contract, as no key could."""
    account = accounts.at(contract.address, force=True)
    web3.provider.make_request("evm_setAccountBalance", [contract.address, hex(10**20)])
    return {"from": account}
