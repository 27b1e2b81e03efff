"""Server-sent events: the log of a job as it is written, resumed where a connection broke."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from marketplace_api.client.errors import AnswerError


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream, as it came."""

    name: str
    data: str
    id: str | None


@dataclass(frozen=True, slots=True)
class LogText:
    """A piece of the job's output that starts at byte ``offset``."""

    offset: int
    text: str
    next_offset: int


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The job moved on."""

    status: str
    exit_code: int | None = None
    reason: str | None = None


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """Events from the lines of a ``text/event-stream`` body; comments (heartbeats) are dropped."""
    name, data, last_id = "message", list[str](), None
    for line in lines:
        if not line:
            if data:
                yield Event(name, "\n".join(data), last_id)
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            last_id = value


def read_log(event: Event, next_offset: int) -> LogText | None:
    """The new part of a ``log`` event; None for bytes that were seen before a reconnection."""
    data = _object(event)
    offset, text = data.get("offset"), data.get("text")
    if type(offset) is not int or not isinstance(text, str):
        raise AnswerError("event.log", "{offset, text}", event.data)
    raw = text.encode()
    end = _end(data, offset, raw)
    if end <= next_offset:
        return None
    fresh = raw[max(0, next_offset - offset) :]
    return LogText(max(offset, next_offset), fresh.decode(errors="replace"), end)


def read_status(event: Event) -> StatusChange:
    """A ``status`` event."""
    data = _object(event)
    status, code, reason = data.get("status"), data.get("exit_code"), data.get("reason")
    if not isinstance(status, str):
        raise AnswerError("event.status", "{status}", event.data)
    return StatusChange(
        status,
        code if type(code) is int else None,
        reason if isinstance(reason, str) else None,
    )


def _end(data: dict[str, object], offset: int, raw: bytes) -> int:
    """Output that is not UTF-8 travels as replacement signs, so the length alone may mislead."""
    end = data.get("next_offset", data.get("end"))
    return end if type(end) is int else offset + len(raw)


def _object(event: Event) -> dict[str, object]:
    try:
        data = json.loads(event.data)
    except ValueError as error:
        raise AnswerError(f"event.{event.name}", "JSON", event.data) from error
    if not isinstance(data, dict):
        raise AnswerError(f"event.{event.name}", "an object", event.data)
    return data
