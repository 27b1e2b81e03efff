"""What events of the registry mean: providers, agents, terms, devices, collateral."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.bindings.events import (
    AgentChanged,
    BondAdded,
    CreditTaken,
    DeviceAttested,
    DeviceRemoved,
    DeviceRevoked,
    ProviderRegistered,
    Slashed,
    TermsRegistered,
    UnbondingRequested,
    event_from_json,
)
from contracts.protocol.wire import to_hex
from marketplace_api.models import REVOKED, ChainEvent, Device, Provider, Terms
from settlement.chain.past import earlier
from settlement.chain.seen import Seen

log = structlog.get_logger()

BondEvent: TypeAlias = BondAdded | UnbondingRequested | CreditTaken | Slashed
DEVICE_EVENTS = (DeviceAttested, DeviceRevoked, DeviceRemoved)
BOND_EVENTS = (BondAdded, UnbondingRequested, CreditTaken, Slashed)


def provider_registered(session: Session, seen: Seen[ProviderRegistered]) -> None:
    """A new provider."""
    _set_agent(session, seen.event.provider, seen.event.agent)


def undo_provider_registered(session: Session, seen: Seen[ProviderRegistered]) -> None:
    """Nobody's agent any more; the row stays for what refers to it."""
    session.execute(
        update(Provider).where(Provider.wallet == seen.event.provider).values(agent=None)
    )


def agent_changed(session: Session, seen: Seen[AgentChanged]) -> None:
    """Another key signs receipts."""
    _set_agent(session, seen.event.provider, seen.event.agent)


def undo_agent_changed(session: Session, seen: Seen[AgentChanged]) -> None:
    """The key before signs again."""
    _set_agent(session, seen.event.provider, seen.event.previous)


def terms_registered(session: Session, seen: Seen[TermsRegistered]) -> None:
    """Conditions under a number; immutable."""
    event, terms = seen.event, seen.event.terms
    session.execute(
        insert(Terms)
        .values(
            number=event.number,
            provider=event.provider,
            device_class=to_hex(terms.device_class),
            isolation=terms.isolation,
            step=terms.step,
            reservation_fee_bps=terms.reservation_fee_bps,
            sla_credit_bps=terms.sla_credit_bps,
            notice=terms.notice,
            interruptible=terms.interruptible,
            receipt_interval=terms.receipt_interval,
            unsigned_intervals=terms.unsigned_intervals,
            fee_bps=event.fee_bps,
            arbiter_set=terms.arbiter_set,
        )
        .on_conflict_do_nothing()
    )


def undo_terms_registered(session: Session, seen: Seen[TermsRegistered]) -> None:
    """The number is free again."""
    session.execute(delete(Terms).where(Terms.number == seen.event.number))


def device_attested(session: Session, seen: Seen[DeviceAttested]) -> None:
    """Auditors vouch for a device until its attestation expires."""
    _attest(session, seen.event)


def undo_device_attested(session: Session, seen: Seen[DeviceAttested]) -> None:
    """What was attested before counts again."""
    _restore(session, seen, seen.event.device)


def device_revoked(session: Session, seen: Seen[DeviceRevoked]) -> None:
    """Its class is not sold until it is attested anew or removed."""
    _revoke(session, seen.event)


def undo_device_revoked(session: Session, seen: Seen[DeviceRevoked]) -> None:
    """It was still attested."""
    _restore(session, seen, seen.event.device)


def device_removed(session: Session, seen: Seen[DeviceRemoved]) -> None:
    """The device may not be sold any more."""
    _unattest(session, seen.event.device)


def undo_device_removed(session: Session, seen: Seen[DeviceRemoved]) -> None:
    """It was still attested."""
    _restore(session, seen, seen.event.device)


def bond_added(session: Session, seen: Seen[BondAdded]) -> None:
    """More collateral counts."""
    _change_bond(session, seen.event.account, seen.event.amount)


def unbonding_requested(session: Session, seen: Seen[UnbondingRequested]) -> None:
    """Collateral on its way out counts no more."""
    _change_bond(session, seen.event.account, -seen.event.amount)


def credit_taken(session: Session, seen: Seen[CreditTaken]) -> None:
    """The bond paid an SLA credit, first out of what counts."""
    _change_bond(session, seen.event.provider, -seen.event.amount)


def slashed(session: Session, seen: Seen[Slashed]) -> None:
    """The bond was slashed, first out of what counts."""
    _change_bond(session, seen.event.account, -seen.event.amount)


def undo_bond(session: Session, seen: Seen[BondEvent]) -> None:
    """What counts of the bond follows from the events before."""
    wallet = _bonded_by(seen.event)
    past = earlier(session, seen, BOND_EVENTS)
    events = [e for e in past if isinstance(e, BOND_EVENTS) and _bonded_by(e) == wallet]
    session.execute(
        update(Provider)
        .where(Provider.wallet == wallet)
        .values(bond=counted_bond(reversed(events)))
    )


def counted_bond(events: Iterable[BondEvent]) -> int:
    """What counts of a bond after all its events, oldest first."""
    bonded = 0
    for event in events:
        change = event.amount if isinstance(event, BondAdded) else -event.amount
        bonded = max(0, bonded + change)
    return bonded


def _set_agent(session: Session, wallet: str, agent: str) -> None:
    _ensure(session, wallet)
    owner = session.scalar(select(Provider.wallet).where(Provider.agent == agent))
    if owner not in (None, wallet):
        # The chain lets anybody name any key; whoever named it first keeps its logins.
        log.warning("provider.agent_taken", provider=wallet, agent=agent, owner=owner)
        return
    session.execute(update(Provider).where(Provider.wallet == wallet).values(agent=agent))


def _change_bond(session: Session, wallet: str, amount: int) -> None:
    _ensure(session, wallet)
    session.execute(
        update(Provider)
        .where(Provider.wallet == wallet)
        .values(bond=func.greatest(Provider.bond + amount, 0))
    )


def _bonded_by(event: BondEvent) -> str:
    return event.provider if isinstance(event, CreditTaken) else event.account


def _attest(session: Session, event: DeviceAttested) -> None:
    _ensure(session, event.provider)
    told = {
        "provider": event.provider,
        "device_class": to_hex(event.device_class),
        "lane_milli": event.lane_milli,
        "simulated": event.simulated,
        "attested_until": event.expiry,
        "evidence": to_hex(event.evidence),
    }
    session.execute(
        insert(Device)
        .values(hash=to_hex(event.device), **told)
        .on_conflict_do_update(index_elements=["hash"], set_=told)
    )


def _unattest(session: Session, device: bytes) -> None:
    session.execute(update(Device).where(Device.hash == to_hex(device)).values(attested_until=None))


def _revoke(session: Session, event: DeviceRevoked) -> None:
    session.execute(
        update(Device).where(Device.hash == to_hex(event.device)).values(attested_until=REVOKED)
    )


def _restore(
    session: Session,
    seen: Seen[DeviceAttested] | Seen[DeviceRevoked] | Seen[DeviceRemoved],
    device: bytes,
) -> None:
    """Apply the newest event of this device that is left."""
    _unattest(session, device)
    row = session.scalars(
        select(ChainEvent)
        .where(
            ChainEvent.name.in_([kind.__name__ for kind in DEVICE_EVENTS]),
            ChainEvent.args["device"].astext == to_hex(device),
            ~(
                (ChainEvent.block_number == seen.block_number)
                & (ChainEvent.log_index == seen.index)
            ),
        )
        .order_by(ChainEvent.block_number.desc(), ChainEvent.log_index.desc())
        .limit(1)
    ).first()
    if row is not None:
        event = event_from_json(row.name, row.args)
        if isinstance(event, DeviceAttested):
            _attest(session, event)
        elif isinstance(event, DeviceRevoked):
            _revoke(session, event)


def _ensure(session: Session, wallet: str) -> None:
    session.execute(insert(Provider).values(wallet=wallet).on_conflict_do_nothing())
