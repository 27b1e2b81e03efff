"""Output arrives whole, in order, at once, and not before the API wants it."""

from __future__ import annotations

import threading

from provider_agent.log_shipping import PIECE_BYTES, LogShipper
from provider_agent.transport import ApiRefusedError, ApiUnreachableError


class Sink:
    def __init__(self, *failures: Exception) -> None:
        self.content = b""
        self.pieces = 0
        self.failures = list(failures)
        self.got = threading.Event()

    def post(self, offset: int, data: bytes) -> None:
        if self.failures:
            raise self.failures.pop(0)
        assert offset == len(self.content)
        assert len(data) <= PIECE_BYTES
        self.content += data
        self.pieces += 1
        self.got.set()


def ship(source: bytearray, sink: Sink) -> LogShipper:
    shipper = LogShipper("J", sink.post)
    shipper.start(lambda offset, limit: bytes(source[offset : offset + limit]))
    return shipper


def test_finish__much_output__is_shipped_in_bounded_pieces() -> None:
    source, sink = bytearray(b"x" * (3 * PIECE_BYTES + 1)), Sink()
    shipper = ship(source, sink)
    shipper.ready()
    assert shipper.finish(5)
    assert (sink.content, sink.pieces) == (bytes(source), 4)


def test_notify__not_ready__waits() -> None:
    source, sink = bytearray(b"a"), Sink()
    shipper = ship(source, sink)
    shipper.notify()
    assert not sink.got.wait(0.2)
    shipper.ready()
    assert sink.got.wait(2)
    source += b"b"
    assert shipper.finish(5)
    assert sink.content == b"ab"


def test_ship__unreachable__is_tried_again() -> None:
    sink = Sink(ApiUnreachableError("x"), ApiUnreachableError("x"))
    shipper = ship(bytearray(b"abc"), sink)
    shipper.ready()
    assert shipper.finish(5)
    assert sink.content == b"abc"


def test_ship__refused__gives_up() -> None:
    sink = Sink(ApiRefusedError(409, "log-full", ""))
    shipper = ship(bytearray(b"abc"), sink)
    shipper.ready()
    assert shipper.finish(5)
    assert sink.content == b""
