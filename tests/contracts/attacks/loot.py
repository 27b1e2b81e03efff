"""What an attack took: every account, bond, wallet and lease before and after it.

All are read in one request, so that a test may look as often as it likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from arbiters import BONDED, Court, Lease
from batch import Label, Value, View, ask, read, rpc
from bourse import PEOPLE
from counting import escrow
from stateful.node import GAS, GAS_PRICE, error_names

THIEF = "rival"
WATCHED = (*PEOPLE, "delegate", "agent", *BONDED)


@cache
def _unlock(sender: str) -> None:
    """Let it send without its key, and pay its gas."""
    rpc("evm_addAccount", sender, "")
    rpc("personal_unlockAccount", sender, "", 0)


def sent(contract: Any, data: str, sender: str, gas: int = GAS) -> str:
    """A transaction without Brownie's trace, which takes a second where it reverts.

    Returns the name of the error, or nothing where it went through."""
    _unlock(sender)
    call = {"from": sender, "to": contract.address, "data": data, "gas": hex(gas)}
    answer = rpc("eth_sendTransaction", call | {"gasPrice": hex(GAS_PRICE)})
    if "error" not in answer:
        return ""
    # A call sees the time and the state of the block that the transaction failed in.
    return _error(rpc("eth_call", call, "latest").get("error", {"message": "only in its block"}))


def answers(sender: str, calls: list[tuple[Any, str]]) -> list[str]:
    """What many calls would come to: names of errors, nothing where one would go through."""
    batch = []
    for number, (contract, data) in enumerate(calls):
        call = {"from": sender, "to": contract.address, "data": data, "gas": hex(GAS)}
        batch.append(
            {"jsonrpc": "2.0", "id": number, "method": "eth_call", "params": [call, "latest"]}
        )
    said = {entry["id"]: entry.get("error") for entry in ask(batch)}
    found = (said[number] for number in range(len(calls)))
    return [_error(error) if error else "" for error in found]


def _error(error: dict[str, Any]) -> str:
    return error_names().get(str(error.get("data"))[:10], error["message"])


def refusal(court: Court, by: str, contract: Any, function: str, *arguments: Any) -> str:
    """The error with which somebody's transaction reverts; it must."""
    data = getattr(contract, function).encode_input(*arguments)
    error = sent(contract, data, court.bourse.address(by))
    assert error, f"{function} went through"
    return error


def books(court: Court, *leases: Lease, others: tuple[str, ...] = ()) -> dict[Label, Value]:
    """Everything that an attack could change; `others` are addresses without a name."""
    of = court.bourse
    named = {name: of.address(name) for name in WATCHED}
    named |= {"court": of.arbitration.address, "burned": of.registry.BURNED()}
    named |= {other: other for other in others}
    views: dict[Label, View] = {
        ("held",): (of.market, "totalHeld", ()),
        ("tokens",): (of.token, "balanceOf", (of.market.address,)),
    }
    for name, address in named.items():
        views["account", name] = (of.market, "accountOf", (address,))
        views["bond", name] = (of.registry, "bondOf", (address,))
        views["wallet", name] = (of.token, "balanceOf", (address,))
    for number, lease in enumerate(leases):
        key = (lease.series, named.get(lease.holder, lease.holder))
        views["position", number] = (of.market, "positionOf", key)
        views["case", number] = (of.arbitration, "caseOf", key)
    return read(views)


def roots(court: Court) -> dict[str, str]:
    """The root of each contract's storage: as short as it is, nothing in it can change unseen."""
    of = court.bourse
    contracts = (of.market, of.registry, of.arbitration, of.parameters, of.timelock, of.token)
    return {
        contract._name: rpc("eth_getProof", contract.address, [], "latest")["result"]["storageHash"]
        for contract in contracts
    }


@contextmanager
def unharmed(court: Court) -> Iterator[None]:
    """Nothing changes inside, in the storage of any contract: no balance, nonce, bond or lease."""
    before = roots(court)
    yield
    assert roots(court) == before


def differ(before: dict[Label, Value], after: dict[Label, Value]) -> list[Label]:
    return [label for label in before if before[label] != after[label]]


def money(
    court: Court, action: Callable[[], Any], *leases: Lease, others: tuple[str, ...] = ()
) -> dict[str, int]:
    """Whose money an action changed, and by how much: accounts by name, `bond of` and `wallet of`
    them, `escrow` of all the leases together. The sum of what the market holds is checked."""
    before, escrowed = books(court, others=others), _escrow(court, leases)
    action()
    after = books(court, others=others)
    changed = {"escrow": _escrow(court, leases) - escrowed}
    for label in differ(before, after):
        kind, *rest = label
        delta = _amount(kind, after[label]) - _amount(kind, before[label])
        name = f"{'' if kind == 'account' else f'{kind} of '}{rest[0]}" if rest else kind
        changed[name] = delta
    held = changed.pop("held", 0)
    assert held == changed.pop("tokens", 0)
    inside = sum(delta for name, delta in changed.items() if not name.startswith("wallet"))
    assert inside == held, changed
    return {name: delta for name, delta in changed.items() if delta}


def _amount(kind: str, value: Value) -> int:
    """A bond is what is bonded and what is on its way out."""
    return value[0] + value[1] if kind == "bond" else value[0]


def _escrow(court: Court, leases: tuple[Lease, ...]) -> int:
    return sum(escrow(court.bourse, lease.series, lease.holder) for lease in leases)
