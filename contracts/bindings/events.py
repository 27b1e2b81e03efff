"""Logs of the contracts as frozen dataclasses, one for each event that somebody acts on.

A dataclass has the name of its event and the event's arguments in snake_case. A log of any other
event decodes to nothing; an event here that the exported ABI lacks, or has otherwise, fails at
import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

from eth_abi.abi import decode

from contracts.bindings.abi_file import Entry, Parameter, entries
from contracts.bindings.market_events import (
    Bonded,
    BondReleased,
    CaseOpened,
    CaseSettled,
    Closed,
    CloseSkipped,
    DelegateChanged,
    Deposited,
    EpochRaised,
    Filled,
    FilledBid,
    FillSkipped,
    IntervalsMissed,
    MarketEvent,
    Merged,
    NoncesCancelled,
    Paid,
    Redeemed,
    RedeemedGroup,
    RedeemSkipped,
    ReservationFeePaid,
    Resold,
    Shortened,
    SlaCredited,
    Split,
    TransferBatch,
    TransferSingle,
    Withdrawn,
)
from contracts.bindings.module_events import (
    Answered,
    ArbitrationEvent,
    CaseEnded,
    Challenged,
    NoShowClaimed,
    ParametersEvent,
    ResaleEvent,
    ResaleSkipped,
    TreasurySet,
    UsageClaimed,
)
from contracts.bindings.registry_events import (
    AgentChanged,
    BondAdded,
    BondTaken,
    CreditTaken,
    DeviceAttested,
    DeviceRemoved,
    DeviceRevoked,
    ProviderRegistered,
    RegistryEvent,
    Slashed,
    TermsRegistered,
    TermsStruct,
    UnbondingRequested,
)
from contracts.protocol.eip712 import camel, checksum

__all__ = [
    "AgentChanged",
    "Answered",
    "BondAdded",
    "BondReleased",
    "BondTaken",
    "Bonded",
    "CaseEnded",
    "CaseOpened",
    "CaseSettled",
    "Challenged",
    "CloseSkipped",
    "Closed",
    "CreditTaken",
    "DelegateChanged",
    "Deposited",
    "DeviceAttested",
    "DeviceRemoved",
    "DeviceRevoked",
    "EpochRaised",
    "Event",
    "FillSkipped",
    "Filled",
    "FilledBid",
    "IntervalsMissed",
    "Merged",
    "NoShowClaimed",
    "NoncesCancelled",
    "Paid",
    "ProviderRegistered",
    "RawLog",
    "RedeemSkipped",
    "Redeemed",
    "RedeemedGroup",
    "ResaleSkipped",
    "ReservationFeePaid",
    "Resold",
    "Shortened",
    "SlaCredited",
    "Slashed",
    "Split",
    "TermsRegistered",
    "TermsStruct",
    "TransferBatch",
    "TransferSingle",
    "TreasurySet",
    "UnbondingRequested",
    "UsageClaimed",
    "Withdrawn",
    "decode_log",
    "event_from_json",
    "event_to_json",
]


@dataclass(frozen=True, slots=True)
class RawLog:
    """A log as a node gives it."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    transaction: str
    index: int


Event: TypeAlias = MarketEvent | RegistryEvent | ArbitrationEvent | ResaleEvent | ParametersEvent
_EVENTS: dict[str, tuple[type[Event], ...]] = {
    "GpuMarket": get_args(MarketEvent),
    "ProviderRegistry": get_args(RegistryEvent),
    "Arbitration": get_args(ArbitrationEvent),
    "Resale": (ResaleSkipped,),
    "Parameters": (TreasurySet,),
}


def decode_log(log: RawLog) -> Event | None:
    """The event of a log; nothing for an event that nobody acts on."""
    found = _decoders().get(log.topics[0]) if log.topics else None
    return found.decode(log) if found else None


def event_to_json(event: Event) -> dict[str, Any]:
    """Arguments for storage; integers stay integers of any size, bytes become 0x-hex."""
    return {field.name: _to_json(getattr(event, field.name)) for field in fields(event)}


def event_from_json(name: str, args: Mapping[str, Any]) -> Event:
    """What `event_to_json` stored."""
    result: Event = _from_json(_classes()[name], args)
    return result


@dataclass(frozen=True, slots=True)
class _Decoder:
    cls: type[Event]
    entry: Entry

    def decode(self, log: RawLog) -> Event:
        plain = [p for p in self.entry.inputs if not p.indexed]
        indexed = [p for p in self.entry.inputs if p.indexed]
        data = decode([p.type for p in plain], log.data)
        found = dict(zip((p.name for p in plain), data, strict=True))
        for parameter, topic in zip(indexed, log.topics[1:], strict=True):
            found[parameter.name] = decode([parameter.type], topic)[0]
        result: Event = _from_chain(self.cls, tuple(found[p.name] for p in self.entry.inputs))
        return result


@cache
def _classes() -> dict[str, type[Event]]:
    return {cls.__name__: cls for classes in _EVENTS.values() for cls in classes}


@cache
def _decoders() -> dict[bytes, _Decoder]:
    found = [_decoder(name, cls) for name, classes in _EVENTS.items() for cls in classes]
    return {decoder.entry.topic: decoder for decoder in found}


def _decoder(contract: str, cls: type[Event]) -> _Decoder:
    known = {entry.name: entry for entry in entries(contract, "event")}
    entry = known.get(cls.__name__)
    names = [camel(field.name.rstrip("_")) for field in fields(cls)]
    if entry is None or [parameter.name for parameter in entry.inputs] != names:
        shown = entry and _names(entry.inputs)
        raise ImportError(f"{contract}.{cls.__name__}: {names} here, {shown} in the ABI")
    return _Decoder(cls, entry)


def _names(inputs: tuple[Parameter, ...]) -> list[str]:
    return [parameter.name for parameter in inputs]


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _from_chain(cls: type, values: tuple[Any, ...]) -> Any:
    hints = _hints(cls)
    return cls(*(_value(hints[f.name], v) for f, v in zip(fields(cls), values, strict=True)))


def _value(hint: Any, value: Any) -> Any:
    if get_origin(hint) is tuple:
        return tuple(_value(get_args(hint)[0], item) for item in value)
    if hint is str:
        return checksum(value)
    if hint in (int, bool, bytes):
        return value
    return _from_chain(hint, value)


def _to_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (int, str)):
        return value
    return event_to_json(value)


def _from_json(cls: Any, args: Mapping[str, Any]) -> Any:
    hints = _hints(cls)
    return cls(*(_stored(hints[field.name], args[field.name]) for field in fields(cls)))


def _stored(hint: Any, value: Any) -> Any:
    if get_origin(hint) is tuple:
        return tuple(_stored(get_args(hint)[0], item) for item in value)
    if hint is bytes:
        return bytes.fromhex(value[2:])
    if hint in (int, bool, str):
        return value
    return _from_json(hint, value)


_decoders()  # a drifted ABI must not wait for its first log
