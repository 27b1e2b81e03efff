"""Leases as holdings: units come to one and leave one, whatever moved them.

The position on chain is one for each series and holder, and so is the lease. Units that are cut off
or passed on make a lease of their own, which keeps the names of the orders that bought them first.
"""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.bindings.events import Event
from contracts.protocol.eip712 import ZERO_HASH
from contracts.protocol.lifecycle import LeaseStatus, advance
from contracts.protocol.series import Series
from contracts.protocol.wire import to_hex
from marketplace_api.matching.repository import attested_devices
from marketplace_api.models import Lease
from settlement.chain.past import terms_of
from settlement.chain.seen import Seen
from settlement.requests import request_end
from settlement.standing import fail_fill, lock_lease_of_position

log = structlog.get_logger()

JOINED = "joined-position"
"""The holder had this series already: the units are in its lease."""
GONE = frozenset({LeaseStatus.MOVED, LeaseStatus.CLOSED})
"""Leases without units; new ones of the same series bring them back."""


def displace(session: Session, series: int, holder: str, keep: str = "") -> None:
    """Another bid of the holder that waits for this very series has lost it to what came."""
    waiting = session.scalars(
        select(Lease.bid_digest).where(
            Lease.series == series,
            Lease.holder == holder,
            Lease.status == LeaseStatus.PENDING,
            Lease.bid_digest != keep,
        )
    ).all()
    for digest in waiting:
        fail_fill(session, digest, JOINED)
    session.flush()


def give(
    session: Session,
    seen: Seen[Event],
    series_id: int,
    holder: str,
    units: int,
    milli: int,
    origin: Lease | None,
) -> Lease:
    """Units came to a holder: its lease of the series grows, or there is a new one."""
    displace(session, series_id, holder)
    lease = lock_lease_of_position(session, series_id, holder)
    if lease is not None and lease.status not in GONE:
        lease.units += units
        lease.milli += milli
        session.flush()
        return lease
    if lease is None:
        lease = _new(session, series_id, holder, origin)
    lease.units, lease.milli = units, milli
    lease.end = Series.from_id(series_id).end
    lease.status, lease.reason = advance(lease.status, LeaseStatus.ACTIVE), None
    lease.fill_transaction = seen.transaction
    lease.activated_at = datetime.now(UTC)
    session.add(lease)
    session.flush()
    request_end(session, lease)
    log.info("lease.received", lease_id=str(lease.id), transaction=seen.transaction)
    return lease


def take(session: Session, series_id: int, holder: str, units: int, milli: int) -> Lease | None:
    """Units left a holder; its lease is over where none stay."""
    lease = lock_lease_of_position(session, series_id, holder)
    if lease is None:
        return None
    if lease.units > units:
        lease.units -= units
        lease.milli -= milli
    else:
        lease.status = advance(lease.status, LeaseStatus.MOVED)
        log.info("lease.moved", lease_id=str(lease.id))
    session.flush()
    return lease


def is_simulated(session: Session, provider: str, device_class: str) -> bool:
    """Whether any device of the class is not a real one."""
    return any(
        device.simulated and device.device_class == device_class
        for device in attested_devices(session, provider)
    )


def _new(session: Session, series_id: int, holder: str, origin: Lease | None) -> Lease:
    series, terms = Series.from_id(series_id), terms_of(session, series_id)
    return Lease(
        bid_digest=origin.bid_digest if origin else to_hex(ZERO_HASH),
        ask_digest=origin.ask_digest if origin else to_hex(ZERO_HASH),
        series=series_id,
        terms=series.terms,
        holder=holder,
        provider=terms.provider,
        device_class=terms.device_class,
        isolation=terms.isolation,
        start=series.start,
        end=series.end,
        ticks=series.ticks,
        simulated=is_simulated(session, terms.provider, terms.device_class),
        status=LeaseStatus.PENDING,
    )
