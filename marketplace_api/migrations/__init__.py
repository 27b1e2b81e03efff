"""Schema migrations. ``upgrade`` brings a database to the newest revision."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def config_for(connection: Connection) -> Config:
    """Alembic's configuration for commands on this connection."""
    config = Config(Path(__file__).parent.with_name("alembic.ini"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Migrate the database of this connection to the newest revision; the caller commits."""
    command.upgrade(config_for(connection), "head")
