"""One stack for the whole run, started by the public command, and one order that lived on it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from contracts.protocol.keys import Signer
from marketplace_api.cli.demo import buying, providing
from marketplace_api.cli.demo.cast import Cast, gather
from marketplace_api.cli.demo.processes import GPUBOURSE, Actor, Journal, Json
from marketplace_api.cli.stack.home import Home
from marketplace_api.client import Bourse
from marketplace_api.embedded.server import free_port
from settlement.cli.desk import ChainDesk, Place

PRICES = ("2.20", "2.00")
_OURS = ("DATABASE_URL", "BROKER_URL", "RPC_URL", "API_URL", "KEY_FILE", "DEPLOYMENT_FILE")


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        """What was printed."""
        return json.loads(self.out)

    @property
    def error(self) -> Mapping[str, str]:
        """The refusal that was printed."""
        return self.json["error"]  # type: ignore[return-value]


@dataclass
class Stack:
    """A running bourse, looked at from outside and, where a test must, from inside."""

    home: Path
    operator: Actor
    api: str
    rpc: str
    environment: Mapping[str, str]

    def rows(self, query: str, *values: object) -> list[dict[str, object]]:
        """Rows of the database."""
        url = self.environment["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return connection.execute(query, values).fetchall()

    def try_to_change(self, statement: str) -> None:
        """Run a statement that the database must refuse; nothing is kept either way."""
        url = self.environment["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            connection.execute(statement)
            connection.rollback()

    def desk(self) -> ChainDesk:
        """The contracts."""
        with Bourse(self.api) as bourse:
            market = bourse.market()
        return ChainDesk(
            Place(
                self.rpc,
                market.chain_id,
                market.payment_token,
                market.market,
                market.registry,
                market.parameters,
                market.resale,
                market.arbitration,
                market.treasury,
                market.deployed_block,
            )
        )


@dataclass
class Life:
    """One order that went all ten steps."""

    stack: Stack
    cast: Cast
    enrolled: list[providing.Enrolled]
    asks: list[providing.Offered]
    buyer: str
    delegate: str
    watched: buying.Watched
    during: Json
    lease: Json
    events: list[Json] = field(default_factory=list)

    def bourse(self, actor: Actor) -> Bourse:
        """The SDK, logged in as somebody."""
        signer = Signer.load(Path(actor.environment["KEY_FILE"]))
        bourse = Bourse(self.stack.api, signer=signer)
        bourse.login(signer)
        return bourse


def environment(home: Path) -> dict[str, str]:
    """Our own, without settings that would point at somebody else's servers."""
    base = {name: value for name, value in os.environ.items() if name not in _OURS}
    return {**base, "GPUBOURSE_HOME": str(home), "API_PORT": str(free_port())}


def gpubourse(env: Mapping[str, str], *arguments: str | Path) -> Finished:
    """Run a command as anybody would."""
    argv = [str(GPUBOURSE), *(str(argument) for argument in arguments)]
    result = subprocess.run(
        argv, env=dict(env), capture_output=True, text=True, timeout=240, check=False
    )
    return Finished(result.returncode, result.stdout, result.stderr)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Started by `gpubourse up`, ended by `gpubourse down`."""
    home = tmp_path_factory.mktemp("stack")
    env = environment(home)
    started = gpubourse(env, "up", "--json")
    try:
        assert started.code == 0, started.out + started.err
        urls = {row["name"]: row["url"] for row in started.json}  # type: ignore[index]
        state = json.loads((home / "stack.json").read_text())
        operator = Actor("operator", home, env, Journal())
        yield Stack(home, operator, urls["api"], urls["ganache"], state["environment"])
    finally:
        gpubourse(env, "down")


@pytest.fixture(scope="session")
def life(stack: Stack) -> Life:
    """Two providers, one buyer, one bid, one job, one closed lease; all by public commands."""
    cast = gather(stack.operator, stack.api, stack.rpc)
    home = Home.at(stack.home)
    with ThreadPoolExecutor(3) as pool:
        enrolling = [pool.submit(providing.enrol, actor, home) for actor in cast.providers]
        buyer = pool.submit(buying.prepare, cast.buyer)
        enrolled = [future.result() for future in enrolling]
        wallet = buyer.result()
    asks = [
        providing.offer(actor, one, price)
        for actor, one, price in zip(cast.providers, enrolled, PRICES, strict=True)
    ]
    events: list[Json] = []
    during: list[Json] = []

    def tell(event: Json) -> None:
        events.append(event)
        if event["event"] == "log" and not during:
            during.append(cast.buyer.run("balance"))

    watched = buying.buy(cast.buyer, tell)
    lease = cast.buyer.run("lease", "show", watched.lease, "--wait-for", "closed")
    delegate = Signer.load(cast.buyer.home / "keys" / "delegate.key").address
    return Life(stack, cast, enrolled, asks, wallet, delegate, watched, during[0], lease, events)


__all__ = ["Finished", "Life", "Stack", "environment", "gpubourse"]
