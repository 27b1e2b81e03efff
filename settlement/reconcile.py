"""Compares the books with the contracts, and takes up what was left lying.

Runs on every start of a worker and each minute after. Differences have names (`Difference`); they
are logged, and shown in the heartbeat ``reconcile``. What can be repaired by doing overdue work is
done through the outbox; money is never corrected here: the books only follow events.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import structlog
from sqlalchemy import text

from marketplace_api.db import session_scope
from settlement import overdue
from settlement.chain import cursor
from settlement.chain.client import Reverted
from settlement.chain.cursor import Position
from settlement.context import Context
from settlement.heartbeat import Heartbeat
from settlement.ledger import AccountKey, balances
from settlement.outcome import Retryable
from settlement.trial_balance import Books, Difference, Finding, compare, read_storage

log = structlog.get_logger()

SHOWN = 20
"""Findings named in the heartbeat; the log has all."""


def run(context: Context) -> list[Finding]:
    """One pass: repair first, then compare."""
    now = int(time.time())
    repaired = overdue.take_up(context, now)
    findings = [*overdue.stuck(context, now), *_trial_balance(context)]
    for finding in findings:
        log.error(
            "reconcile.difference",
            difference=finding.difference.value,
            subject=finding.subject,
            books=str(finding.books),
            chain=str(finding.chain),
        )
    log.info("reconcile.done", differences=len(findings), repaired=repaired)
    Heartbeat("reconcile").beat(_detail(findings, repaired), at_once=True)
    return findings


def _trial_balance(context: Context) -> Iterable[Finding]:
    """The books at the watcher's block against storage at that block."""
    position, books = _snapshot()
    if position is None:
        return []
    try:
        storage = read_storage(context, books, position.number)
    except (Retryable, Reverted) as error:
        log.warning("reconcile.storage_unreadable", reason=str(error)[:300])
        return [Finding(Difference.STORAGE_UNREADABLE, context.deployment.market, 0, 0)]
    with session_scope() as session:
        now_at = cursor.load(session)
    block = context.chain.block_at(position.number)
    if now_at is None or block is None or block.hash != position.hash:
        # A re-org in between: the numbers belong to two chains.
        return []
    return compare(books, storage)


def _snapshot() -> tuple[Position | None, Books]:
    with session_scope() as session:
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        position = cursor.load(session)
        found: dict[AccountKey, int] = balances(session)
        mirror = overdue.mirrored_balances(session)
    return position, Books(found, mirror)


def _detail(
    findings: list[Finding], repaired: int
) -> dict[str, str | int | bool | list[str] | None]:
    shown = [f"{finding.difference.value} {finding.subject}" for finding in findings[:SHOWN]]
    return {"differences": len(findings), "repaired": repaired, "findings": shown}
