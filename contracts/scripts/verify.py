"""Whether what stands on a chain is what the compiler made of a plan.

Three looks at each contract: its code, with links filled in and each immutable one of the values
that the plan gives it; its public immutables by name; and the transaction that created it, whose
input is the whole of code and arguments. The last alone is proof of everything, but a node may
have forgotten old transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from web3 import Web3
from web3.exceptions import TransactionNotFound

from contracts.protocol.eip712 import ZERO_ADDRESS, Domain, checksum
from contracts.protocol.hashing import keccak
from contracts.scripts.creations import (
    WORD,
    Artefact,
    Creation,
    address_of_creation,
    holes,
    without_metadata,
)
from contracts.scripts.suite import Plan

_DOMAIN = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_DOMAIN_NAMES = {
    "TestUSD": "Test USD",
    "GpuMarket": Domain.NAME,
    "ProviderRegistry": Domain.NAME,
    "Arbitration": Domain.NAME,
}
DEFAULT_ADMIN_ROLE = bytes(32)

Read = Callable[..., Any]


def reader(web3: Web3, contract: str, address: str) -> Read:
    """A function that calls the views of a contract by name."""
    bound = web3.eth.contract(checksum(address), abi=Artefact.load(contract).abi)
    return lambda view, *arguments: bound.functions[view](*arguments).call()


# ---------------------------------------------------------------------- code


def code_hash(web3: Web3, address: str) -> str:
    """keccak256 of the code at an address."""
    return "0x" + keccak(bytes(web3.eth.get_code(checksum(address)))).hex()


def code_reasons(web3: Web3, creation: Creation) -> list[str]:
    """What speaks against the code at the address of a creation."""
    actual = bytes(web3.eth.get_code(checksum(creation.address)))
    place = f"{creation.name}: {creation.address}"
    if not actual:
        return [f"{place} has no code"]
    actual, wanted = without_metadata(actual), without_metadata(creation.runtime)
    found = holes(wanted)
    masked = bytearray(actual)
    for start in found:
        masked[start : start + WORD] = bytes(WORD)
    if bytes(masked) != wanted:
        return [f"{place} has other code than the compiled {creation.contract}"]
    known = immutables(creation, web3.eth.chain_id)
    values = (actual[start : start + WORD] for start in found)
    strange = {value.hex() for value in values if value not in known}
    return [f"{place} has an immutable that is not of the plan: 0x{value}" for value in strange]


def immutables(creation: Creation, chain_id: int) -> set[bytes]:
    """Every word that the constructor may have put into the code."""
    words = {_word(value) for value in _flat(creation.arguments)} | {_word(creation.address)}
    if creation.contract == "ProviderRegistry":
        *_, challenge, response, verdict = creation.arguments[3]
        words.add(_word(max(challenge, response) + verdict))
    name = _DOMAIN_NAMES.get(creation.contract)
    return words | _domain_words(name, creation.address, chain_id) if name else words


def _domain_words(name: str, address: str, chain_id: int) -> set[bytes]:
    """What OpenZeppelin's EIP712 keeps of a domain."""
    texts = [name.encode(), Domain.VERSION.encode()]
    hashes = [keccak(text) for text in texts]
    parts = [_DOMAIN, *hashes, _word(chain_id), _word(address)]
    short = [text.ljust(31, b"\0") + bytes([len(text)]) for text in texts]
    return {keccak(b"".join(parts)), *hashes, *short, _word(chain_id)}


def _flat(values: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        flat += _flat(value) if isinstance(value, tuple | list) else [value]
    return flat


def _word(value: str | int) -> bytes:
    return (int(value, 16) if isinstance(value, str) else int(value)).to_bytes(WORD, "big")


# ---------------------------------------------------------------------- creating transaction


def creation_reasons(web3: Web3, creation: Creation, transaction: str) -> list[str] | None:
    """What speaks against the creating transaction; None if the node does not know it."""
    try:
        sent = web3.eth.get_transaction(transaction)
    except TransactionNotFound:
        return None
    place = f"{creation.name}: transaction {transaction}"
    stands_at = address_of_creation(sent["from"], sent["nonce"])
    if sent.get("to") or stands_at != creation.address:
        return [f"{place} does not create {creation.address}"]
    if _comparable(creation, bytes(sent["input"])) != _comparable(creation, creation.data):
        return [f"{place} has other code or arguments than the plan"]
    return []


def _comparable(creation: Creation, data: bytes) -> tuple[bytes, bytes]:
    """Code without metadata, and arguments."""
    code = creation.code
    return data[: len(without_metadata(code))], data[len(code) :]


# ---------------------------------------------------------------------- views


def view_reasons(web3: Web3, plan: Plan, places: dict[str, str]) -> list[str]:
    """Public constants that are not those of the plan."""
    views = _constants(plan, places)
    read = {name: reader(web3, contract, places[name]) for name, (contract, _) in views.items()}
    return [
        f"{name}: {view} is {actual}, not {wanted}"
        for name, (_, values) in views.items()
        for view, wanted in values.items()
        if (actual := read[name](view)) != wanted
    ]


def _constants(plan: Plan, places: dict[str, str]) -> dict[str, tuple[str, dict[str, Any]]]:
    def of(*names: str) -> dict[str, Any]:
        return {name: places[name] for name in names}

    times = plan.times
    grace = {"REDEEM_GRACE": times.redeem_grace}
    stages = {"CHALLENGE": times.challenge, "RESPONSE": times.response, "VERDICT": times.verdict}
    starts = {"START_GRACE": times.start_grace, "FREEZE": times.freeze}
    simulated = {"ALLOW_SIMULATED": plan.allow_simulated}
    token = {"paymentToken": places["payment_token"]}
    wiring = of("registry", "parameters", "resale", "arbitration")
    return {
        "registry": ("ProviderRegistry", {**of("market", "arbitration"), **grace, **simulated}),
        "resale": ("Resale", of("market")),
        "arbitration": (
            "Arbitration",
            {**of("market", "registry", "parameters"), **grace, **stages},
        ),
        "metadata": ("SeriesMetadata", of("registry")),
        "market": ("GpuMarket", {**token, **wiring, **grace, **starts}),
    }


def state_changes(web3: Web3, plan: Plan, places: dict[str, str]) -> list[str]:
    """What is not as it was created; governance may have changed it since."""
    timelock = places["timelock"]
    parameters = reader(web3, "Parameters", places["parameters"])
    lock = reader(web3, "Timelock", timelock)
    pairs = {
        "fee_bps": (plan.fee_bps, parameters("feeBps")),
        "treasury": (plan.treasury, parameters("treasury")),
        "auditors": (list(plan.auditors), list(parameters("auditors"))),
        "auditor_threshold": (plan.auditor_threshold, parameters("auditorThreshold")),
        "min_bond_per_milli": (
            plan.min_bond_per_milli,
            parameters("minBondPerMilli", bytes(32)),
        ),
        "role_bond": (plan.role_bond, parameters("roleBond")),
        "attestation_fee": (plan.attestation_fee, parameters("attestationFee")),
        "dispute_fee": (plan.dispute_fee, parameters("disputeFee")),
        "arbiters": (list(plan.arbiters), list(parameters("arbitersOf", 1))),
        "arbiter_threshold": (
            plan.arbiter_threshold if plan.arbiters else 0,
            parameters("arbiterThresholdOf", 1),
        ),
        "timelock_delay": (plan.timelock_delay, lock("getMinDelay")),
        "admin of parameters": (timelock, parameters("defaultAdmin")),
        **_roles(plan, timelock, parameters, lock),
    }
    return [
        f"{name}: created as {wanted}, now {actual}"
        for name, (wanted, actual) in pairs.items()
        if wanted != actual
    ]


def _roles(plan: Plan, timelock: str, parameters: Read, lock: Read) -> dict[str, tuple[bool, bool]]:
    def holds(read: Read, role: str, who: str) -> tuple[bool, bool]:
        return True, read("hasRole", read(role), who)

    return {
        "timelock is governor": holds(parameters, "GOVERNOR_ROLE", timelock),
        "pauser may pause": holds(parameters, "PAUSER_ROLE", plan.pauser),
        "governor may propose": holds(lock, "PROPOSER_ROLE", plan.governor),
        "governor may cancel": holds(lock, "CANCELLER_ROLE", plan.governor),
        "anybody may execute": holds(lock, "EXECUTOR_ROLE", ZERO_ADDRESS),
        "timelock administers itself": (
            True,
            lock("hasRole", DEFAULT_ADMIN_ROLE, timelock),
        ),
    }
