"""Schema migrations. ``upgrade`` brings a database to the newest revision."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Migrate the database of this connection to the newest revision, in its own transaction."""
    config = Config(Path(__file__).parent.with_name("alembic.ini"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
