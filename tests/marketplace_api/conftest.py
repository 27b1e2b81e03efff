"""A real PostgreSQL, migrated once; each test in a transaction that is rolled back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine

from marketplace_api import db, migrations
from marketplace_api.embedded import postgres
from marketplace_api.embedded.server import free_port
from tests.marketplace_api.market import Clock, Market


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs the database is an integration test."""
    for item in items:
        if "database_url" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """An empty database of our own."""
    folder = Path(tempfile.mkdtemp(prefix="gpubourse-test-"))
    server = postgres.start(folder, free_port())
    yield server.url
    postgres.stop(server)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    """The engine of the migrated database."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        migrations.upgrade(connection)
        connection.commit()
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """Sessions of this test nest in one transaction, which never commits."""
    with engine.connect() as connection, connection.begin() as transaction:
        db.bind(connection)
        yield connection
        transaction.rollback()


@pytest.fixture
def clock() -> Clock:
    """A clock that only the test moves."""
    return Clock()


@pytest.fixture
def market(connection: Connection, clock: Clock, tmp_path: Path) -> Iterator[Market]:
    """A market with an API, nobody in it yet."""
    market = Market.on(connection, clock, tmp_path)
    yield market
    market.close()
