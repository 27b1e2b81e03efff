"""The state, as the model has it and as the chain's views tell it, under the same labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import eth_abi
from bourse import A100, H100, SLICE, Bourse
from model.parts import HOUR, Account, Record
from model.registry import slices_of
from model.state import State

from contracts.protocol.eip712 import checksum

Label = tuple[Any, ...]
Value = tuple[Any, ...]
CLASSES = (H100, A100, SLICE)

VIEWS = {
    "account": ("market", "accountOf"),
    "position": ("market", "positionOf"),
    "record": ("market", "recordOf"),
    "delegate": ("market", "delegateOf"),
    "held": ("market", "totalHeld"),
    "tokens": ("token", "balanceOf"),
    "bond": ("registry", "bondOf"),
    "capacity": ("registry", "capacityOf"),
    "sold": ("registry", "soldLanes"),
    "device": ("registry", "deviceOf"),
    "agent": ("registry", "agentOf"),
    "terms": ("registry", "termsOf"),
    "case": ("arbitration", "caseOf"),
    "proven": ("arbitration", "isProven"),
    "feeBps": ("parameters", "feeBps"),
    "treasury": ("parameters", "treasury"),
    "pausedUntil": ("parameters", "pausedUntil"),
    "roleBond": ("parameters", "roleBond"),
    "attestationFee": ("parameters", "attestationFee"),
    "disputeFee": ("parameters", "disputeFee"),
    "auditors": ("parameters", "auditors"),
    "auditorThreshold": ("parameters", "auditorThreshold"),
    "arbiters": ("parameters", "arbitersOf"),
    "arbiterThreshold": ("parameters", "arbiterThresholdOf"),
    "minBond": ("parameters", "minBondPerMilli"),
}
"""Contract and view by kind of label; the rest of a label are the view's arguments."""


def expected(state: State) -> dict[Label, Value]:
    """Everything that the model says can be read."""
    found: dict[Label, Value] = {}
    for part in (_money, _leases, _providers, _parameters):
        found.update(part(state))
    return found


def _money(state: State) -> Iterator[tuple[Label, Value]]:
    yield ("held",), (state.total_held,)
    for who, amount in state.tokens.items():
        yield ("tokens", who), (amount,)
    for who, account in state.accounts.items():
        yield ("account", who), (account.balance, account.epoch, *_nonces(account))
    for who in set(state.accounts) | set(state.bonds):
        bond = state.bonds[who]
        milli = state.attested_milli(who)
        yield ("bond", who), (*astuple(bond), state.required_bond(who), milli)
    for who in state.accounts:
        yield ("delegate", who), (state.delegates.get(who, who),)
    for order, record in state.records.items():
        yield ("record", order), (_packed(record),)


def _nonces(account: Account) -> tuple[int, int]:
    first = account.first_nonce
    return first, sum(1 << (nonce - first) for nonce in account.spent if nonce >= first)


def _packed(record: Record) -> int:
    widths = (64, 32, 32, 40, 64)
    word = shift = 0
    for value, width in zip(astuple(record), widths, strict=True):
        word |= value << shift
        shift += width
    return word


def _leases(state: State) -> Iterator[tuple[Label, Value]]:
    for lease, position in state.positions.items():
        values = (position.units, position.milli, position.used, position.end)
        yield ("position", *lease), (*values, int(position.flags), position.missed)
    for lease, case in state.cases.items():
        yield ("case", *lease), astuple(case)
    for proof in state.proven:
        yield ("proven", proof), (True,)


def _providers(state: State) -> Iterator[tuple[Label, Value]]:
    for provider, agent in state.agents.items():
        yield ("agent", provider), (agent,)
    for number, terms in enumerate(state.terms, 1):
        provider, fee_bps, *values = astuple(terms)
        yield ("terms", number), (*values, provider, fee_bps)
    for key, capacity in state.capacities.items():
        lanes, expiry = state.lanes(*key), state.expiry(*key)
        kept = (capacity.last_sold_end, capacity.min_bond_per_milli)
        yield ("capacity", *key), (lanes, capacity.lane_milli, expiry, *kept)
        sold = state.sold(*key)
        for hour in _hours(state, capacity.last_sold_end):
            yield ("sold", *key, hour), (sold[hour],)
    for name, device in state.devices.items():
        owner = (device.provider, device.expiry, slices_of(state, name))
        yield ("device", name), (*owner, device.is_revoked, device.device_class, device.parent)


def _hours(state: State, last_sold_end: int) -> range:
    """Running and later hours in which something was ever sold, and one more; the first fifty."""
    first = state.now // HOUR
    return range(first, min(-(-last_sold_end // HOUR) + 1, first + 50))


def _parameters(state: State) -> Iterator[tuple[Label, Value]]:
    of = state.parameters
    yield ("feeBps",), (of.fee_bps,)
    yield ("treasury",), (of.treasury,)
    yield ("pausedUntil",), (of.paused_until,)
    yield ("roleBond",), (of.role_bond,)
    yield ("attestationFee",), (of.attestation_fee,)
    yield ("disputeFee",), (of.dispute_fee,)
    yield ("auditors",), (of.auditors,)
    yield ("auditorThreshold",), (of.auditor_threshold,)
    for number, (members, threshold) in enumerate(of.arbiter_sets, 1):
        yield ("arbiters", number), (members,)
        yield ("arbiterThreshold", number), (threshold,)
    for device_class in CLASSES:
        yield ("minBond", device_class), (of.min_bond(device_class),)


class Reader:
    """Many views in one call."""

    def __init__(self, bourse: Bourse, batch: Any, node: Any) -> None:
        self._bourse, self._batch, self._node = bourse, batch, node
        self._calls: dict[Label, tuple[str, bytes]] = {}

    def read(self, labels: list[Label]) -> dict[Label, Value]:
        calls = [self._call(label) for label in labels]
        targets, data = [target for target, _ in calls], [call for _, call in calls]
        answer = self._node.call(self._batch.address, self._batch.read.encode_input(targets, data))
        (answers,) = eth_abi.decode(["bytes[]"], answer)
        return {
            label: _decoded(self._view(label), label[0], raw)
            for label, raw in zip(labels, answers, strict=True)
        }

    def _view(self, label: Label) -> Any:
        contract, name = VIEWS[label[0]]
        return getattr(getattr(self._bourse, contract), name)

    def _call(self, label: Label) -> tuple[str, bytes]:
        found = self._calls.get(label)
        if found is None:
            contract = getattr(self._bourse, VIEWS[label[0]][0])
            data = self._view(label).encode_input(*label[1:])
            found = self._calls[label] = (contract.address, bytes.fromhex(data[2:]))
        return found


def _decoded(view: Any, kind: str, raw: bytes) -> Value:
    types = _flat(view.abi["outputs"])
    values = tuple(map(_plain, eth_abi.decode(types, raw)))
    if kind == "device":  # without its place in a list and the mark of a simulation
        return (*values[:3], *values[5:])
    return values


def _flat(outputs: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    for output in outputs:
        found += _flat(output["components"]) if "components" in output else [output["type"]]
    return found


def _plain(value: Any) -> Any:
    """As the model writes it: addresses with their checksum."""
    if isinstance(value, str):
        return checksum(value)
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value
