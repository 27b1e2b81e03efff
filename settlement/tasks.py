"""The Celery tasks: ids in, nothing out."""

from __future__ import annotations

import threading
from functools import cache

from celery import shared_task

from settlement import context, reconcile, work
from settlement.celery_config import RECONCILE, RUN_OUTBOX
from settlement.context import Context
from settlement.settings import SettlementSettings

_building = threading.Lock()


@shared_task(name=RUN_OUTBOX)
def run_outbox(message_id: int) -> None:
    """Do the work of one outbox row."""
    work.run(_context(), message_id)


@shared_task(name=RECONCILE)
def run_reconcile() -> None:
    """Compare books and chain; take up what was left lying."""
    reconcile.run(_context())


def _context() -> Context:
    # A thread pool starts with several tasks at once: one engine is enough.
    with _building:
        return _build()


@cache
def _build() -> Context:
    return context.build(SettlementSettings())
