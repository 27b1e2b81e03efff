"""What the database says, so that a test can show that nothing changed."""

from __future__ import annotations

from sqlalchemy import Connection, text

from marketplace_api.models import Base


def snapshot(connection: Connection) -> dict[str, tuple[int, str]]:
    """Of every table: how many rows, and a digest of all that they say."""
    found = {}
    for table in Base.metadata.sorted_tables:
        count, content = connection.execute(
            text(
                f"SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
                f" FROM {table.name} t"
            )
        ).one()
        found[table.name] = (count, content)
    return found
