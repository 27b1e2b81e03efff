"""Cases whose time is over: anybody may end them, so settlement does, whoever is silent."""

from __future__ import annotations

import structlog
from web3.exceptions import Web3Exception

from contracts.bindings.arbitration import CaseKind, CaseState
from marketplace_api import outbox
from marketplace_api.db import session_scope
from settlement import queue
from settlement.context import Context
from settlement.outcome import Retryable

log = structlog.get_logger()

AGAIN_S = 1.0
"""Pause while the chain's clock, which only moves with its blocks, is behind ours."""


def prepare(context: Context, message_id: int) -> None:
    """Store one transaction that resolves this case, if it is still open and its time is over."""
    with session_scope() as session:
        task = outbox.load_open(session, message_id)
    if task is None:
        return
    series, holder = int(task.payload["series"]), str(task.payload["holder"])
    head = context.chain.head()
    case = _case(context, series, holder, head.number)
    with session_scope() as session:
        rows = queue.lock_batch(session, message_id, most=1)
        if not rows:
            return
        if case.kind == CaseKind.NONE or case.number != task.payload["number"]:
            outbox.finish(session, message_id)
        elif head.timestamp < case.deadline:
            outbox.retry_later(session, message_id, AGAIN_S, "the case may still be disputed")
        else:
            data = context.arbitration.resolve(series, holder)
            to = context.arbitration.address
            queue.store_intent(session, rows, context.operator, to, data)
            log.info("case.resolving", series=str(series), holder=holder)


def _case(context: Context, series: int, holder: str, block: int) -> CaseState:
    try:
        return context.arbitration.case_of(series, holder, block)
    except (Web3Exception, OSError) as error:
        raise Retryable("node-error", str(error)[:300]) from error
