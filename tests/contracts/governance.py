"""`Parameters` under a real timelock, with somebody for each role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bourse import ZERO, initial
from brownie import Parameters, Timelock, accounts, chain

DAY = 24 * 3600
DELAY = 7 * DAY
NOTHING = bytes(32)


@dataclass(frozen=True)
class Governance:
    """Who may do what: the governor proposes, anybody executes, the pauser pauses."""

    timelock: Any
    parameters: Any
    governor: Any
    pauser: Any
    stranger: Any

    def schedule(self, call: str, *, by: Any = None, delay: int = DELAY) -> Any:
        """Announce a call to `Parameters`."""
        sender = {"from": by or self.governor}
        return self.timelock.schedule(self.parameters, 0, call, NOTHING, NOTHING, delay, sender)

    def execute(self, call: str) -> Any:
        """Do what was announced; anybody's call."""
        sender = {"from": self.stranger}
        return self.timelock.execute(self.parameters, 0, call, NOTHING, NOTHING, sender)

    def govern(self, function: str, *args: Any) -> Any:
        """Announce, wait and do."""
        call = getattr(self.parameters, function).encode_input(*args)
        self.schedule(call)
        chain.sleep(DELAY)
        return self.execute(call)

    def state(self, device_class: bytes = NOTHING) -> tuple[Any, ...]:
        """What a refused call must not change."""
        of = self.parameters
        sets = range(1, of.arbiterSetCount() + 1)
        return (
            (of.feeBps(), of.treasury(), of.pausedUntil()),
            (tuple(of.auditors()), of.auditorThreshold()),
            tuple((tuple(of.arbitersOf(n)), of.arbiterThresholdOf(n)) for n in sets),
            (of.minBondPerMilli(NOTHING), of.minBondPerMilli(device_class), of.roleBond()),
            (of.attestationFee(), of.disputeFee(), of.defaultAdmin()),
        )


def govern(**changes: Any) -> Governance:
    """Fresh parameters and their timelock."""
    deployer, governor, pauser, stranger = (accounts[i] for i in (1, 4, 5, 6))
    options = {"from": deployer}
    timelock = Timelock.deploy(DELAY, [governor], [ZERO], ZERO, options)
    parameters = Parameters.deploy(timelock, pauser, initial(**changes), options)
    return Governance(timelock, parameters, governor, pauser, stranger)
