"""Server-sent events: parsed, resumed, and never told twice."""

from __future__ import annotations

import pytest

from marketplace_api.client.errors import AnswerError
from marketplace_api.client.events import (
    Event,
    LogText,
    StatusChange,
    parse_events,
    read_log,
    read_status,
)


def test_parse_events__comments_and_several_data_lines__follow_the_standard():
    """Heartbeats are dropped, data lines are joined, the id stays until the next one."""
    lines = [": ping", "", "id: 5", "event: log", "data: a", "data:b", "", "data: c", "", "data: d"]
    found = list(parse_events(lines))
    assert found == [Event("log", "a\nb", "5"), Event("message", "c", "5")]


def test_read_log__overlap_after_a_reconnection__keeps_what_is_new():
    """Bytes that were seen are cut off, bytes that are all old are nothing."""
    event = Event("log", '{"offset": 2, "text": "cdef", "next_offset": 6}', "6")
    assert read_log(event, 0) == LogText(2, "cdef", 6)
    assert read_log(event, 4) == LogText(4, "ef", 6)
    assert read_log(event, 6) is None


def test_read_log__no_end_given__counts_the_bytes():
    """Offsets count bytes, not characters."""
    assert read_log(Event("log", '{"offset": 0, "text": "\\u00e9"}', None), 0) == LogText(0, "é", 2)


@pytest.mark.parametrize("data", ["nonsense", "[]", '{"text": "a"}', '{"offset": "0", "text": ""}'])
def test_read_log__malformed__is_named(data: str):
    """A stream that cannot be read says where."""
    with pytest.raises(AnswerError, match=r"event\.log"):
        read_log(Event("log", data, None), 0)


def test_read_status__members__are_optional_but_the_status():
    """A running job has no exit code."""
    assert read_status(Event("status", '{"status": "running", "exit_code": null}', None)) == (
        StatusChange("running")
    )
    with pytest.raises(AnswerError):
        read_status(Event("status", "{}", None))
