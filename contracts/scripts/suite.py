"""Which contracts make one deployment, in which order and with which arguments.

Some contracts name each other in immutables, so addresses are predicted from the deployer's nonce:
nothing else may send from that key in between. Used by the deploy script and by every test that
needs a bourse, so that all run what a user would run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts.protocol.eip712 import ZERO_ADDRESS

LIBRARIES = ("Accounts", "Payout", "Recut", "RoleProofs", "Wallets")
"""Linked into the contracts below; recorded, because their code runs theirs."""
CONTRACTS = {
    "payment_token": "TestUSD",
    "timelock": "Timelock",
    "parameters": "Parameters",
    "registry": "ProviderRegistry",
    "resale": "Resale",
    "arbitration": "Arbitration",
    "metadata": "SeriesMetadata",
    "market": "GpuMarket",
}
"""Name in the deployment file and name of the contract."""


@dataclass(frozen=True)
class Times:
    """Time constants in seconds, in the order of ``types/Timing.sol``."""

    start_grace: int = 60
    freeze: int = 600
    redeem_grace: int = 24 * 3600
    challenge: int = 24 * 3600
    response: int = 24 * 3600
    verdict: int = 72 * 3600

    def as_tuple(self) -> tuple[int, ...]:
        return (
            self.start_grace,
            self.freeze,
            self.redeem_grace,
            self.challenge,
            self.response,
            self.verdict,
        )


@dataclass(frozen=True)
class Plan:
    """What to build; amounts in the smallest unit of the payment token."""

    governor: str
    """Proposes to the timelock."""
    pauser: str
    treasury: str
    auditors: tuple[str, ...]
    auditor_threshold: int = 1
    arbiters: tuple[str, ...] = ()
    arbiter_threshold: int = 0
    fee_bps: int = 100
    min_bond_per_milli: int = 0
    role_bond: int = 0
    attestation_fee: int = 0
    dispute_fee: int = 0
    timelock_delay: int = 7 * 24 * 3600
    times: Times = Times()
    allow_simulated: bool = False
    payment_token: str = ""
    """Empty: deploy TestUSD, which anybody may mint."""

    def initial_parameters(self) -> tuple[Any, ...]:
        """`IParameters.Initial`."""
        return (
            self.fee_bps,
            self.treasury,
            list(self.auditors),
            self.auditor_threshold,
            self.min_bond_per_milli,
            self.role_bond,
            self.attestation_fee,
            self.dispute_fee,
            list(self.arbiters),
            self.arbiter_threshold,
        )


def build(
    plan: Plan,
    create: Callable[..., str],
    address_after: Callable[[int], str],
    governance: tuple[str, str] | None = None,
) -> dict[str, str]:
    """Create everything; returns addresses by the names of ``CONTRACTS`` and of ``LIBRARIES``.

    ``create(name, *arguments)`` sends one creation and returns its address, linking the libraries
    that were created before; ``address_after(n)`` is where the one after ``n`` more will stand.
    ``governance``, timelock and parameters that stand already, is for tests.
    """
    times = plan.times.as_tuple()
    built = {name: create(name) for name in LIBRARIES}
    built["payment_token"] = plan.payment_token or create("TestUSD")
    if governance:
        built["timelock"], built["parameters"] = governance
    else:
        built["timelock"] = create(
            "Timelock", plan.timelock_delay, [plan.governor], [ZERO_ADDRESS], ZERO_ADDRESS
        )
        built["parameters"] = create(
            "Parameters", built["timelock"], plan.pauser, plan.initial_parameters()
        )
    parameters = built["parameters"]
    registry, resale, arbitration, metadata, market = (address_after(i) for i in range(5))
    built |= {
        "registry": create(
            "ProviderRegistry", market, arbitration, parameters, times, plan.allow_simulated
        ),
        "resale": create("Resale", market),
        "arbitration": create("Arbitration", market, registry, parameters, times),
        "metadata": create("SeriesMetadata", registry),
        "market": create(
            "GpuMarket",
            built["payment_token"],
            registry,
            parameters,
            resale,
            arbitration,
            metadata,
            times,
        ),
    }
    predicted = (registry, resale, arbitration, metadata, market)
    names = ("registry", "resale", "arbitration", "metadata", "market")
    if tuple(built[name] for name in names) != predicted:
        raise RuntimeError("another transaction was sent from the deployer's key meanwhile")
    return built


def linked(bytecode: str, libraries: dict[str, str]) -> str:
    """Put addresses in the place of the compiler's ``__Name____`` marks (40 characters each)."""
    for name, address in libraries.items():
        bytecode = bytecode.replace(f"__{name}".ljust(40, "_"), address[2:].lower())
    return bytecode
