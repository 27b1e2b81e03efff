"""The application of worker and beat: ``celery -A settlement.celery_app worker --pool threads``."""

from __future__ import annotations

import logging

from celery import signals

from marketplace_api import log_setup
from settlement.celery_config import RECONCILE, make_app
from settlement.settings import SettlementSettings

settings = SettlementSettings()
app = make_app(settings.broker_url, settings.reconcile_s)


@signals.setup_logging.connect
def _set_up_logging(**_ignored: object) -> None:
    log_setup.configure()
    # Celery's own lines too: the supervisor reads from them that the worker is ready.
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)
    logging.getLogger("celery.app.trace").setLevel(logging.WARNING)


@signals.worker_ready.connect
def _reconcile_on_start(**_ignored: object) -> None:
    # After a stop of any length, what is overdue must not wait for the first tick of beat.
    app.send_task(RECONCILE)
