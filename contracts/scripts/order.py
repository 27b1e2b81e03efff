"""What the environment asks for: each field of `Plan` and `Times`, and what has no default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.protocol.deployment import LOCAL_CHAIN_IDS
from contracts.protocol.eip712 import ZERO_ADDRESS, check_address, checksum
from contracts.protocol.errors import ProtocolError
from contracts.scripts.refusal import Refusal
from contracts.scripts.suite import Plan, Times

PROJECT = Path(__file__).resolve().parents[2]
GWEI = 10**9
PEOPLE = ("governor", "pauser", "treasury")
GROUPS = ("auditors", "arbiters")
NUMBERS = (
    "auditor_threshold",
    "arbiter_threshold",
    "fee_bps",
    "min_bond_per_milli",
    "role_bond",
    "attestation_fee",
    "dispute_fee",
    "timelock_delay",
)
TIMES = tuple(Times.__annotations__)
VARIABLES = {
    "payment_token": "PAYMENT_TOKEN",
    **{name: f"{name.upper()}_ADDRESS" for name in PEOPLE},
    **{name: f"{name.upper()[:-1]}_ADDRESSES" for name in GROUPS},
    **{name: name.upper() for name in (*NUMBERS, *TIMES)},
    "allow_simulated": "ALLOW_SIMULATED",
}
"""Where each field is read from."""
LOCALLY_REQUIRED = ("treasury", "auditors")
REQUIRED = (
    "payment_token",
    *PEOPLE,
    *GROUPS,
    *(name for name in NUMBERS if name != "timelock_delay"),
)
"""What has no default off local chains: whoever deploys decides it."""
MIN_TIMELOCK_DELAY_S = Plan.timelock_delay
"""Off local chains. Seven days: a change must not overtake those who leave because of it, and the
contracts let an exit take six (``TimingLib.MAX_EXIT``)."""


@dataclass(frozen=True)
class Order:
    """What is wanted of one run; amounts in the smallest unit of the token, times in seconds."""

    chain_id: int
    file: Path
    """Where the deployment is, or will be, written down."""
    key_file: Path | None
    given: dict[str, Any]
    """Fields of `Plan` and `Times` that were said; what was not has a default or is missing."""
    max_gas_price: int | None
    """In wei."""
    verify_only: bool
    allow_unproven: bool
    """Verify code also where the transaction that created it is not to be had."""

    @classmethod
    def from_environment(cls, chain_id: int, environment: Mapping[str, str]) -> Order:
        """Read what is set; raises `Refusal` for all values that cannot be read."""
        given, unreadable = {}, []
        for name, variable in VARIABLES.items():
            try:
                if environment.get(variable, "").strip():
                    given[name] = _parsed(name, environment[variable])
            except (ValueError, ProtocolError) as error:
                unreadable.append(f"{variable}: {error}")
        if unreadable:
            raise Refusal("these cannot be read:", unreadable)
        key_file, cap = environment.get("DEPLOYER_KEY_FILE"), environment.get("MAX_GAS_PRICE_GWEI")
        return cls(
            chain_id,
            PROJECT / (environment.get("DEPLOYMENT_FILE") or f"deployments/{chain_id}.json"),
            Path(key_file) if key_file else None,
            given,
            _gwei(cap) if cap else None,
            *(_switch(environment, name) for name in ("VERIFY_ONLY", "ALLOW_UNPROVEN")),
        )

    @property
    def is_local(self) -> bool:
        """Whether money on this chain is worth nothing."""
        return self.chain_id in LOCAL_CHAIN_IDS

    def plan(self, deployer: str | None) -> Plan:
        """The plan of a new deployment; raises `Refusal` with everything that speaks against it."""
        reasons = self._missing(deployer) or self._unsafe(deployer)
        if reasons:
            raise Refusal(f"chain {self.chain_id}: nothing was sent;", reasons)
        values = {name: value for name, value in self.given.items() if name not in TIMES}
        times = {name: value for name, value in self.given.items() if name in TIMES}
        default = {"governor": values["treasury"], "pauser": values["treasury"]}
        return Plan(**{"allow_simulated": self.is_local, **default, **values}, times=Times(**times))

    def _missing(self, deployer: str | None) -> list[str]:
        required = LOCALLY_REQUIRED if self.is_local else REQUIRED
        missing = [VARIABLES[name] for name in required if name not in self.given]
        missing += [] if deployer else ["DEPLOYER_KEY_FILE"]
        return [f"{name}: must be set" for name in missing]

    def _unsafe(self, deployer: str | None) -> list[str]:
        reasons = [*self._bad_threshold("auditor"), *self._bad_threshold("arbiter")]
        if self.is_local:
            return reasons
        if self.given.get("allow_simulated"):
            reasons.append(f"ALLOW_SIMULATED: only on chains {sorted(LOCAL_CHAIN_IDS)}")
        reasons += [
            f"{VARIABLES[name]}: must be above 0"
            for name in ("min_bond_per_milli", "role_bond")
            if self.given[name] == 0
        ]
        for name in (*PEOPLE, *GROUPS):
            value = self.given[name]
            if deployer in ((value,) if isinstance(value, str) else value):
                reasons.append(f"{VARIABLES[name]}: must not be the deployer {deployer}")
        delay = self.given.get("timelock_delay", MIN_TIMELOCK_DELAY_S)
        if delay < MIN_TIMELOCK_DELAY_S:
            reasons.append(f"TIMELOCK_DELAY: at least {MIN_TIMELOCK_DELAY_S}; given {delay}")
        return reasons

    def _bad_threshold(self, role: str) -> list[str]:
        name, members = f"{role}_threshold", self.given.get(f"{role}s", ())
        threshold = self.given.get(name, getattr(Plan, name))
        if not members or 1 <= threshold <= len(members):
            return []
        return [f"{VARIABLES[name]}: from 1 to {len(members)}; given {threshold}"]


def _parsed(name: str, text: str) -> Any:
    if name in GROUPS:
        members = tuple(_address(item) for item in text.split(",") if item.strip())
        if not members:
            raise ValueError(f"at least one address; given {text}")
        return members
    if name in (*NUMBERS, *TIMES):
        return _not_negative(text)
    return _yes(text) if name == "allow_simulated" else _address(text)


def _address(text: str) -> str:
    """An address in lower case or with a valid EIP-55 checksum, which catches slips."""
    given = text.strip()
    address = checksum(given) if given == given.lower() else given
    check_address("an address", address)
    if address == ZERO_ADDRESS:
        raise ValueError("must not be the zero address")
    return address


def _not_negative(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(f"at least 0; given {number}")
    return number


def _gwei(text: str) -> int:
    whole, _, fraction = text.strip().partition(".")
    if not (whole + fraction).isdigit() or len(fraction) > 9:
        raise Refusal("these cannot be read:", [f"MAX_GAS_PRICE_GWEI: a number; given {text}"])
    return int(whole or "0") * GWEI + int(fraction.ljust(9, "0"))


def _switch(environment: Mapping[str, str], name: str) -> bool:
    try:
        return _yes(environment.get(name, ""))
    except ValueError as error:
        raise Refusal("these cannot be read:", [f"{name}: {error}"]) from error


def _yes(text: str) -> bool:
    """Whoever writes `on` must not be told no."""
    said = text.strip().lower()
    if said not in ("", "0", "1", "true", "false", "yes", "no"):
        raise ValueError(f"1 or 0; given {text}")
    return said in ("1", "true", "yes")
