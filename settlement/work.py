"""One outbox row, from claim to sent transaction; safe to run twice and at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from marketplace_api import outbox
from marketplace_api.db import session_scope
from marketplace_api.models import OutboxKind, OutboxMessage
from settlement import cases, endings, leases, payments
from settlement.audit import attest
from settlement.context import Context
from settlement.failure import give_up
from settlement.outcome import Failed, Retryable

log = structlog.get_logger()

RETRY_S = 1.0

PREPARE: Mapping[OutboxKind, Callable[[Context, int], None]] = {
    OutboxKind.DEVICE_ATTEST: attest.prepare,
    OutboxKind.LEASE_FILL: leases.prepare,
    OutboxKind.VOUCHER_REDEEM: payments.prepare_redemptions,
    OutboxKind.LEASE_CLOSE: payments.prepare_closings,
    OutboxKind.LEASE_END: endings.prepare,
    OutboxKind.CASE_RESOLVE: cases.prepare,
}


def run(context: Context, message_id: int) -> None:
    """Do the work of a row, or go on with it where an earlier run stopped."""
    with session_scope() as session:
        task = outbox.load_open(session, message_id)
    if task is None:
        return
    structlog.contextvars.bind_contextvars(outbox_id=message_id, kind=task.kind.value)
    try:
        PREPARE[task.kind](context, message_id)
        context.sender.flush(context.operator)
    except Retryable as error:
        log.warning("work.later", code=error.code, detail=error.detail)
        _later(message_id, str(error))
    except Failed as error:
        log.exception("work.failed", code=error.code)
        with session_scope() as session:
            row = session.get_one(OutboxMessage, message_id, with_for_update=True)
            give_up(session, row, str(error))
    finally:
        structlog.contextvars.clear_contextvars()


def _later(message_id: int, error: str) -> None:
    with session_scope() as session:
        task = outbox.load_open(session, message_id)
        if task is not None:
            outbox.retry_later(session, message_id, RETRY_S, error[:500])
