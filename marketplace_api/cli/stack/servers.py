"""The three servers: somebody else's where a URL is set, embedded ones else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.progress import Progress
from marketplace_api.cli.stack.settings import PROJECT, StackSettings
from marketplace_api.cli.stack.state import Part, load_state, record_part
from marketplace_api.embedded import ganache, postgres, valkey
from marketplace_api.embedded.server import Server, free_port

SERVERS = ("ganache", "postgres", "valkey")
_PREFERRED_PORTS = {"ganache": 8545, "postgres": 54329, "valkey": 63790}
_URL_NAMES = {"ganache": "RPC_URL", "postgres": "DATABASE_URL", "valkey": "BROKER_URL"}


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the three servers answer."""

    rpc: str
    database: str
    broker: str


def start_servers(home: Home, settings: StackSettings, progress: Progress) -> Urls:
    """Start those that are ours, all at once."""
    given = {
        "ganache": settings.rpc_url,
        "postgres": settings.database_url,
        "valkey": settings.broker_url,
    }

    def url_of(name: str) -> str:
        if url := given[name]:
            return url
        with progress.step(name):
            server = _start(home, name)
            record_part(home, name, Part(server.ref, str(server.log), server.url))
            return server.url

    with ThreadPoolExecutor(len(SERVERS)) as pool:
        rpc, database, broker = pool.map(url_of, SERVERS)
    return Urls(rpc, database, broker)


def _start(home: Home, name: str) -> Server:
    """On its last port if it is free, so that a restart keeps every URL."""
    last = load_state(home).environment.get(_URL_NAMES[name], "")
    port = free_port(urlsplit(last).port or _PREFERRED_PORTS[name])
    folder, log = home.root / name, home.log(name)
    if name == "ganache":
        return ganache.start(folder, port, project=PROJECT, log=log)
    if name == "postgres":
        return postgres.start(folder, port, log=log)
    return valkey.start(folder, port, log=log)
