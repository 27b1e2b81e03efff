"""Tells workers of open outbox rows: ``python -m settlement.relay``.

The table is the truth: a row is leased, named to Celery, and named again when its lease ends
without result, so that lost messages and killed workers cost time only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import psycopg
import structlog
from celery import Celery
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import func, select
from sqlalchemy.exc import InterfaceError, OperationalError

from marketplace_api import db, log_setup, outbox
from marketplace_api.db import session_scope
from marketplace_api.models import OutboxMessage
from marketplace_api.outbox import CHANNEL, OutboxTask
from settlement.celery_config import RUN_OUTBOX, make_app
from settlement.heartbeat import Heartbeat
from settlement.settings import SettlementSettings

log = structlog.get_logger()

BATCH = 100
LONGEST_WAIT_S = 0.5
"""Also the delay of rows that become due without a notification."""
PAUSE_AFTER_ERROR_S = 1.0


class Relay:
    """Claims rows and hands them out."""

    def __init__(self, app: Celery, lease_s: float) -> None:
        self._app = app
        self._lease_s = lease_s

    def step(self) -> int:
        """Hand out what is due; how many rows that were."""
        with session_scope() as session:
            tasks = outbox.claim(session, BATCH, self._lease_s)
        self._publish(tasks)
        return len(tasks)

    def _publish(self, tasks: Sequence[OutboxTask]) -> None:
        for position, task in enumerate(tasks):
            try:
                self._app.send_task(RUN_OUTBOX, args=[task.id], retry=False)
            except (BrokerError, OSError) as error:
                log.warning("relay.broker_unreachable", reason=str(error)[:300])
                self._release(tasks[position:])
                return

    def _release(self, tasks: Sequence[OutboxTask]) -> None:
        with session_scope() as session:
            for task in tasks:
                row = session.get_one(OutboxMessage, task.id, with_for_update=True)
                row.leased_until = func.now()


def listen(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection that hears of new rows as soon as they are committed."""
    connection = psycopg.connect(
        url.replace("postgresql+psycopg://", "postgresql://", 1), autocommit=True
    )
    connection.execute(f"LISTEN {CHANNEL}")
    return connection


def follow(relay: Relay, url: str, heartbeat: Heartbeat) -> None:
    """Hand out for ever; a lost database connection is opened again."""
    while True:
        try:
            with listen(url) as connection:
                while True:
                    # Rows that came while we were busy are found by the query, not by the signal.
                    if relay.step() < BATCH:
                        heartbeat.beat(_detail())
                        _wait(connection)
        except (OperationalError, InterfaceError, psycopg.OperationalError) as error:
            log.warning("relay.database_unreachable", reason=str(error)[:300])
            time.sleep(PAUSE_AFTER_ERROR_S)


def main() -> None:
    """Run until killed."""
    log_setup.configure()
    settings = SettlementSettings()
    db.connect(settings.database_url, pool_size=2)
    app = make_app(settings.broker_url, settings.reconcile_s)
    follow(Relay(app, settings.outbox_lease_s), settings.database_url, Heartbeat("relay"))


def _wait(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    for _ in connection.notifies(timeout=LONGEST_WAIT_S, stop_after=1):
        pass


def _detail() -> dict[str, str | int | bool | list[str] | None]:
    with session_scope() as session:
        waiting = session.scalar(
            select(func.count())
            .select_from(OutboxMessage)
            .where(OutboxMessage.done_at.is_(None), OutboxMessage.failed_at.is_(None))
        )
    return {"open": waiting or 0}


if __name__ == "__main__":
    main()
