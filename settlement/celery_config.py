"""How Celery runs: it only executes, the outbox table is the truth."""

from __future__ import annotations

from celery import Celery

RUN_OUTBOX = "settlement.tasks.run_outbox"
RECONCILE = "settlement.tasks.reconcile"
VISIBILITY_S = 120
"""Longer than any task and its time in the queue; what is lost comes back by the outbox sooner."""


def make_app(broker_url: str, reconcile_s: float) -> Celery:
    """An application on this broker."""
    app = Celery("settlement", broker=broker_url)
    app.conf.update(
        include=["settlement.tasks"],
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": VISIBILITY_S},
        worker_hijack_root_logger=False,
        timezone="UTC",
        beat_schedule={"reconcile": {"task": RECONCILE, "schedule": reconcile_s}},
    )
    return app
