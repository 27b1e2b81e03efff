"""Real servers for the integration tests of settlement; unit tests ask for none of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine

from contracts.protocol.deployment import Deployment
from contracts.protocol.keys import Signer
from marketplace_api import db
from marketplace_api.embedded import postgres, process
from marketplace_api.embedded.server import free_port
from settlement import context as settlement_context
from settlement.chain.watcher import Watcher
from settlement.settings import SettlementSettings
from tests.settlement import chain_node
from tests.settlement.chain_node import PROJECT, Node
from tests.settlement.world import World

_numbers = count(1)
NAMED = ("treasury", "auditor-1", "auditor-2", "arbiter-1", "arbiter-2", "operator")


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server with a migrated database `template`."""
    server = postgres.start(tmp_path_factory.mktemp("pg"), free_port())
    try:
        template = postgres.ensure_database(server.url, "settlement_template")
        config = Config(PROJECT / "marketplace_api" / "alembic.ini")
        engine = create_engine(template)
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        engine.dispose()
        yield server.url
    finally:
        postgres.stop(server)


@pytest.fixture
def database_url(server_url: str) -> str:
    """A fresh migrated database: the books are append-only, so nothing can be cleaned up."""
    base, _, _ = server_url.rpartition("/")
    name = f"settlement_{next(_numbers)}"
    admin = base.replace("postgresql+psycopg://", "postgresql://", 1) + "/postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE settlement_template")
    return f"{base}/{name}"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The process's engine on that database."""
    engine = db.connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def keys() -> dict[str, Signer]:
    """Keys of those who are named in the deployment."""
    return {name: Signer.generate() for name in NAMED}


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Signer]) -> Iterator[Node]:
    """A chain of our own."""
    node = chain_node.start(tmp_path_factory.mktemp("ganache"))
    node.fund(keys["operator"].address)
    yield node
    process.stop(node.ref)


@pytest.fixture(scope="session")
def deployed(node: Node, keys: dict[str, Signer]) -> Deployment:
    """The contracts, once."""
    auditors = (keys["auditor-1"].address, keys["auditor-2"].address)
    arbiters = (keys["arbiter-1"].address, keys["arbiter-2"].address)
    return chain_node.deploy(node, keys["treasury"].address, auditors, arbiters)


@pytest.fixture
def deployment(node: Node, deployed: Deployment) -> Iterator[Deployment]:
    """The contracts as they were deployed: what a test did to the chain is undone."""
    snapshot = node.rpc("evm_snapshot")
    yield deployed
    assert node.rpc("evm_revert", snapshot)


@pytest.fixture
def settings(
    tmp_path: Path, database_url: str, node: Node, deployment: Deployment, keys: dict[str, Signer]
) -> SettlementSettings:
    """What the environment would say."""
    for name, key in keys.items():
        key.save(tmp_path / f"{name}.key")
    return SettlementSettings(
        database_url=database_url,
        rpc_url=node.url,
        deployment_file=chain_node.write(deployment, tmp_path / "deployment.json"),
        operator_key_file=tmp_path / "operator.key",
        auditor_key_files=(tmp_path / "auditor-1.key", tmp_path / "auditor-2.key"),
        gpubourse_home=tmp_path / "home",
    )


@pytest.fixture
def world(
    settings: SettlementSettings, node: Node, keys: dict[str, Signer], engine: Engine
) -> Iterator[World]:
    """Settlement on real parts, driven by hand."""
    context = settlement_context.build(settings)
    watcher = Watcher(context.chain, context.deployment, settings.confirmations)
    auditors = (keys["auditor-1"], keys["auditor-2"])
    arbiters = (keys["arbiter-1"], keys["arbiter-2"])
    yield World(node, context, watcher, auditors, arbiters, keys["treasury"])
    context.engine.dispose()


@pytest.fixture
def market(world: World) -> World:
    """With an enrolled provider and a funded buyer."""
    world.enrol()
    return world
