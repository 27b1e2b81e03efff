"""The embedded servers, each one real: started, used, found again, stopped, started again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis

from marketplace_api.embedded import ganache, postgres, process, valkey
from marketplace_api.embedded.server import Server, ServerError, free_port, recall

PROJECT = Path(__file__).parents[3]
pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Kind:
    """One module under test, behind the calls that all three share."""

    start: Callable[[Path, int], Server]
    is_ready: Callable[[str], bool]
    stop: Callable[[Server], bool]


KINDS = {
    "ganache": Kind(
        lambda folder, port: ganache.start(folder, port, project=PROJECT),
        ganache.is_ready,
        ganache.stop,
    ),
    "postgres": Kind(postgres.start, postgres.is_ready, postgres.stop),
    "valkey": Kind(valkey.start, valkey.is_ready, valkey.stop),
}


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each server in turn."""
    return KINDS[request.param]


def test_start__called_twice__finds_the_first_server(kind: Kind, tmp_path: Path) -> None:
    """The second call starts nothing, whatever port it asks for."""
    first = kind.start(tmp_path, free_port())
    try:
        assert kind.is_ready(first.url)
        assert kind.start(tmp_path, free_port()) == first
    finally:
        assert kind.stop(first)
    assert not kind.is_ready(first.url)
    assert not kind.stop(first)
    assert recall(tmp_path) is None


def test_start__after_a_stop__listens_on_the_same_port(kind: Kind, tmp_path: Path) -> None:
    """A restart keeps the URL, so that whoever holds it need not be told."""
    first = kind.start(tmp_path, free_port())
    kind.stop(first)
    second = kind.start(tmp_path, first.port)
    try:
        assert second.url == first.url
        assert second.ref != first.ref
        assert kind.is_ready(second.url)
    finally:
        kind.stop(second)


def test_ganache__restarted__keeps_its_blocks(tmp_path: Path) -> None:
    """The chain's database is on disk: a balance given before a kill is there afterwards."""
    address = "0x00000000000000000000000000000000000000aa"
    server = ganache.start(tmp_path, free_port(), project=PROJECT)
    ganache.fund(server.url, address, 10**18)
    process.stop(server.ref)
    again = ganache.start(tmp_path, server.port, project=PROJECT)
    try:
        assert ganache.call(again.url, "eth_getBalance", address, "latest") == hex(10**18)
        assert ganache.call(again.url, "eth_chainId") == hex(ganache.CHAIN_ID)
    finally:
        ganache.stop(again)


def test_postgres__started__is_not_root_and_wants_the_password(tmp_path: Path) -> None:
    """Anyone on the machine reaches the port; only our files hold the password."""
    server = postgres.start(tmp_path, free_port())
    try:
        assert Path(f"/proc/{server.ref.pid}").stat().st_uid != 0
        url = server.url.replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("gpubourse",)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url.replace("://gpubourse:", "://gpubourse:x"), connect_timeout=2)
        assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600
    finally:
        postgres.stop(server)


def test_valkey__started__wants_the_password(tmp_path: Path) -> None:
    """A connection without the password may do nothing."""
    server = valkey.start(tmp_path, free_port())
    try:
        with (
            redis.Redis(port=server.port) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.get("key")
    finally:
        valkey.stop(server)


def test_start__port_taken__says_so_with_the_log(tmp_path: Path) -> None:
    """A server that dies while starting is an error that quotes its log."""
    server = valkey.start(tmp_path / "first", free_port())
    try:
        with pytest.raises(ServerError, match=r"(?s)Valkey ended while starting.*in use"):
            valkey.start(tmp_path / "second", server.port)
    finally:
        valkey.stop(server)


def test_stop__another_process_has_the_number__leaves_it_alone() -> None:
    """A reused process id is never signalled."""
    impostor = process.ProcessRef(os.getpid(), "another-boot:1")
    assert not process.stop(impostor)


def test_stop__deaf_process__is_killed(tmp_path: Path) -> None:
    """TERM is asked first; KILL ends what ignores it, children included."""
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\n"
    log = tmp_path / "deaf.log"
    ref = process.spawn([sys.executable, "-c", f"{code}time.sleep(60)"], log=log)
    while not process.last_lines(log):
        assert ref.is_alive()
    assert process.stop(ref, grace_s=0.2)
    assert not ref.is_alive()
