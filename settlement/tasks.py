"""The Celery tasks: ids in, nothing out."""

from __future__ import annotations

from functools import cache

from celery import shared_task

from settlement import context, reconcile, work
from settlement.celery_config import RECONCILE, RUN_OUTBOX
from settlement.context import Context
from settlement.settings import SettlementSettings


@shared_task(name=RUN_OUTBOX)
def run_outbox(message_id: int) -> None:
    """Do the work of one outbox row."""
    work.run(_context(), message_id)


@shared_task(name=RECONCILE)
def run_reconcile() -> None:
    """Compare books and chain; take up what was left lying."""
    reconcile.run(_context())


@cache
def _context() -> Context:
    return context.build(SettlementSettings())
