"""Signs of life of our processes, for the status page."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import structlog
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from marketplace_api.db import session_scope
from marketplace_api.models import ServiceHeartbeat

log = structlog.get_logger()
_EVERY_S = 5.0


def beat(session: Session, name: str, detail: Mapping[str, str | int] | None = None) -> None:
    """Note that the process of this name lives."""
    statement = insert(ServiceHeartbeat).values(name=name, detail=dict(detail or {}))
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"at": func.now(), "detail": statement.excluded.detail},
        )
    )


class Pulse:
    """Beats in the background until it is stopped."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with session_scope() as session:
                    beat(session, self._name)
            except DBAPIError as error:
                log.warning("heartbeat.failed", error=str(error.orig))
            self._stop.wait(_EVERY_S)
