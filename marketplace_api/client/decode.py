"""JSON into frozen dataclasses, without a framework: answers are typed, or refused by name.

Unknown members are ignored, so that the API may add some; wide integers may travel as strings.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import TypeVar, Union, cast, get_args, get_origin, get_type_hints

from contracts.protocol.eip712 import Struct
from contracts.protocol.errors import ProtocolError
from contracts.protocol.wire import from_wire, parse_hex
from marketplace_api.client.errors import AnswerError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    hint: object
    required: bool


def decode(kind: type[T], data: object, where: str = "") -> T:
    """``data`` as ``kind``, a frozen dataclass; names the dotted path of whatever does not fit."""
    return cast("T", _value(kind, data, where or kind.__name__.lower()))


def decode_list(kind: type[T], data: object, where: str = "") -> tuple[T, ...]:
    """A list of ``kind``."""
    path = where or kind.__name__.lower()
    if not isinstance(data, list):
        raise AnswerError(path, "a list", data)
    return tuple(decode(kind, item, f"{path}[{i}]") for i, item in enumerate(data))


def _value(hint: object, data: object, path: str) -> object:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(get_args(hint), data, path)
    if origin is tuple:
        return _items(get_args(hint)[0], data, path)
    if isinstance(hint, type):
        return _instance(hint, data, path)
    raise AssertionError(f"{path}: no reader for {hint}")


def _instance(kind: type, data: object, path: str) -> object:
    if issubclass(kind, Struct):
        return _struct(kind, data, path)
    if is_dataclass(kind):
        return _dataclass(kind, data, path)
    if kind is bool:
        return _exact(bool, data, "true or false", path)
    if kind is int:
        return _integer(data, path)
    if kind is bytes:
        return _bytes(data, path)
    return _exact(kind, data, f"a {kind.__name__}", path)


def _union(choices: tuple[object, ...], data: object, path: str) -> object:
    if data is None and type(None) in choices:
        return None
    real = [choice for choice in choices if choice is not type(None)]
    for choice in real[:-1]:
        if type(data) is choice:
            return data
    return _value(real[-1], data, path)


def _items(hint: object, data: object, path: str) -> tuple[object, ...]:
    if not isinstance(data, list):
        raise AnswerError(path, "a list", data)
    return tuple(_value(hint, item, f"{path}[{i}]") for i, item in enumerate(data))


def _dataclass(kind: type, data: object, path: str) -> object:
    if not isinstance(data, Mapping):
        raise AnswerError(path, "an object", data)
    values: dict[str, object] = {}
    for field in _fields(kind):
        if field.name in data:
            values[field.name] = _value(field.hint, data[field.name], f"{path}.{field.name}")
        elif field.required:
            raise AnswerError(f"{path}.{field.name}", "a value", None)
    return kind(**values)


@cache
def _fields(kind: type) -> tuple[_Field, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _Field(f.name, hints[f.name], f.default is MISSING and f.default_factory is MISSING)
        for f in fields(kind)
    )


def _struct(kind: type[Struct], data: object, path: str) -> Struct:
    try:
        return from_wire(kind, data, path)
    except ProtocolError as error:
        raise AnswerError(error.field, error.limit, error.given) from error


def _integer(data: object, path: str) -> int:
    if type(data) is int:
        return data
    if isinstance(data, str) and data.lstrip("-").isdigit() and data.isascii():
        return int(data)
    raise AnswerError(path, "an integer", data)


def _bytes(data: object, path: str) -> bytes:
    try:
        return parse_hex(data, path)
    except ProtocolError as error:
        raise AnswerError(error.field, error.limit, error.given) from error


def _exact(kind: type, data: object, limit: str, path: str) -> object:
    if type(data) is not kind:
        raise AnswerError(path, limit, data)
    return data
