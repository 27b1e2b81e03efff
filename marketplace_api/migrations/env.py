"""Runs migrations against DATABASE_URL, or against the connection that a caller hands over."""

from __future__ import annotations

import os
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, create_engine, text

from marketplace_api.models import Base
from marketplace_api.models.base import Uint256

LOCK = 0x6770_7562
"""Advisory lock: two deployments at once migrate one after the other."""


def run() -> None:
    """Migrate."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    # The one place beside the settings that reads the environment: Alembic owns this process.
    engine = create_engine(os.environ["DATABASE_URL"])
    with engine.connect() as connection:
        _migrate(connection)
    engine.dispose()


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_server_default=False,
        render_item=_render,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        # A migration that waits for a table makes everyone behind it wait too.
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        context.run_migrations()


def _render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    # A revision must not change when our classes do.
    if kind == "type" and isinstance(item, Uint256):
        return "sa.Numeric(precision=78, scale=0)"
    return False


run()
