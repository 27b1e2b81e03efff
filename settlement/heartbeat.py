"""Signs of life of the settlement processes, for people and for the status page."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from marketplace_api.db import session_scope
from marketplace_api.models import ServiceHeartbeat

EVERY_S = 1.0
Detail = Mapping[str, str | int | bool | list[str] | None]


class Heartbeat:
    """Writes one row, at most once a second."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = 0.0

    def beat(self, detail: Detail, *, at_once: bool = False) -> None:
        """Say that we live and what we last did."""
        now = time.monotonic()
        if now < self._next and not at_once:
            return
        self._next = now + EVERY_S
        values = {"at": func.now(), "detail": dict(detail)}
        with session_scope() as session:
            session.execute(
                insert(ServiceHeartbeat)
                .values(name=self._name, **values)
                .on_conflict_do_update(index_elements=["name"], set_=values)
            )
