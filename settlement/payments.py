"""From counter-signed receipts to one redeem call, from leases that are over to one close call."""

from __future__ import annotations

import time
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.bindings.market import Closing, SignedVoucher
from contracts.protocol.lifecycle import LeaseStatus
from contracts.protocol.typed_data import Receipt
from contracts.protocol.wire import from_wire, parse_hex
from marketplace_api.db import session_scope
from marketplace_api.models import (
    Account,
    ChainEvent,
    Lease,
    OutboxMessage,
    Provider,
    UsageReceipt,
)
from settlement import endings, queue
from settlement.chain.past import terms_of
from settlement.context import Context
from settlement.outcome import Failed, Retryable
from settlement.usage import Claim, check

log = structlog.get_logger()

ENDED = frozenset({LeaseStatus.CLOSED, LeaseStatus.FAILED, LeaseStatus.MOVED})
RETRY_S = 1.0
RETRY_MAX_S = 30.0


def prepare_redemptions(context: Context, message_id: int) -> None:
    """Store one transaction that redeems this voucher and whatever else waits and holds."""
    with session_scope() as session:
        rows = queue.lock_batch(session, message_id, context.settings.batch_max)
        # Vouchers are cumulative: of one lease the older one comes first or pays nothing.
        rows.sort(key=lambda row: (row.payload["lease_id"], row.payload["sequence"]))
        served: list[OutboxMessage] = []
        vouchers: list[SignedVoucher] = []
        for row in rows:
            if claim := _checked(session, context, row):
                served.append(row)
                vouchers.append(
                    SignedVoucher(claim.voucher, claim.holder_signature, claim.agent_signature)
                )
        if served:
            data = context.market.redeem(tuple(vouchers))
            queue.store_intent(session, served, context.operator, context.market.address, data)
            log.info("redeem.prepared", leases=[row.payload["lease_id"] for row in served])


def prepare_closings(context: Context, message_id: int) -> None:
    """Store one transaction that closes this lease and whatever else is due."""
    with session_scope() as session:
        rows = queue.lock_batch(session, message_id, context.settings.batch_max)
        served: list[OutboxMessage] = []
        closings: list[Closing] = []
        for row in rows:
            lease = session.get(Lease, UUID(str(row.payload["lease_id"])))
            if lease is None or lease.status in ENDED or lease.is_disputed:
                # The end of a case asks for the closing again.
                row.done_at = func.now()
            elif lease.status is LeaseStatus.PENDING:
                queue.detach(session, row, "the fill is not confirmed", RETRY_S)
            elif endings.redeem_first(session, lease):
                queue.detach(session, row, "counter-signed usage is redeemed first", RETRY_S)
            else:
                served.append(row)
                closings.append(Closing(lease.series, lease.holder))
        if served:
            data = context.market.close(tuple(closings))
            queue.store_intent(session, served, context.operator, context.market.address, data)
            log.info("close.prepared", leases=[row.payload["lease_id"] for row in served])


def _checked(session: Session, context: Context, row: OutboxMessage) -> Claim | None:
    """The claim behind a row, if it may be redeemed now; else the row says why not."""
    lease = session.get(Lease, UUID(str(row.payload["lease_id"])))
    receipt = session.get(UsageReceipt, (row.payload["lease_id"], row.payload["sequence"]))
    if lease is None or receipt is None or receipt.holder_signature is None:
        queue.give_up(session, row, "no counter-signed receipt with this number")
        return None
    if lease.status in ENDED or _is_paid(lease, receipt):
        row.done_at = func.now()
        return None
    claim = _claim(session, context, lease, receipt, receipt.holder_signature)
    try:
        check(claim)
    except Failed as error:
        log.warning("voucher.refused", lease_id=str(lease.id), code=error.code)
        queue.give_up(session, row, str(error))
    except Retryable as error:
        queue.detach(session, row, str(error), min(RETRY_MAX_S, RETRY_S * max(1, row.attempts)))
    else:
        return claim
    return None


def _is_paid(lease: Lease, receipt: UsageReceipt) -> bool:
    """Somebody redeemed this one, or a later one."""
    missed = from_wire(Receipt, receipt.receipt).missed_intervals
    is_newer = receipt.used_gpu_ms > lease.used_gpu_ms or missed > lease.missed_intervals
    return not is_newer and not receipt.is_final


def _claim(
    session: Session, context: Context, lease: Lease, receipt: UsageReceipt, signature: str
) -> Claim:
    now = int(time.time())
    account = session.get(Account, lease.holder)
    provider = session.get(Provider, lease.provider)
    current = {account.delegate} if account and account.delegate else set()
    agents = {provider.agent} if provider and provider.agent else set()
    delegates = current | _replaced(session, "DelegateChanged", "account", lease.holder, now)
    agents |= _replaced(session, "AgentChanged", "provider", lease.provider, now)
    return Claim(
        receipt=from_wire(Receipt, receipt.receipt),
        holder_signature=parse_hex(signature, "holder_signature"),
        agent_signature=parse_hex(receipt.voucher_signature, "voucher_signature"),
        series=lease.series,
        holder=lease.holder,
        delegates=frozenset(delegates),
        agents=frozenset(agents),
        milli=lease.milli,
        units=lease.units,
        start=lease.start,
        end=lease.end,
        interval_s=terms_of(session, lease.series).receipt_interval,
        redeemed_gpu_ms=lease.used_gpu_ms,
        missed_intervals=lease.missed_intervals,
        is_running=lease.status in (LeaseStatus.ACTIVE, LeaseStatus.CLOSING),
        now=now,
        domain=context.deployment.market_domain,
    )


def _replaced(session: Session, event: str, field: str, wallet: str, now: int) -> set[str]:
    """Keys that were replaced, but still count: nobody voids a signature by changing a key."""
    rows = session.scalars(
        select(ChainEvent.args).where(
            ChainEvent.name == event, ChainEvent.args[field].astext == wallet
        )
    ).all()
    return {str(args["previous"]) for args in rows if int(args["previous_until"]) >= now}
