"""From an agent's inventory to a signed attestation of each device on chain."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session, aliased

from contracts.bindings.events import DeviceAttested, DeviceRevoked
from contracts.protocol.eip712 import ZERO_HASH
from contracts.protocol.keys import Signer
from contracts.protocol.series import device_class_hash, device_hash
from contracts.protocol.typed_data import Attestation, Inventory
from contracts.protocol.wire import from_wire, parse_hex, to_hex
from marketplace_api.db import session_scope
from marketplace_api.models import ChainEvent, Device, InventoryStatus, OutboxMessage, Provider
from marketplace_api.models import Inventory as InventoryRow
from settlement import queue
from settlement.audit import evidence
from settlement.audit.report import ReportedDevice, parse_report
from settlement.audit.rules import Statement, check
from settlement.context import Context
from settlement.failure import give_up
from settlement.outcome import Failed, Retryable
from settlement.standing import settle_inventory

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Claim:
    """An inventory row as it was read."""

    id: UUID
    inventory: dict[str, object]
    report: dict[str, object]
    signature: str
    agent: str | None
    settled: frozenset[str]
    """Devices whose attestation is far from its end, and those that auditors revoked."""


def prepare(context: Context, message_id: int) -> None:
    """Check the inventory, keep the evidence, sign, and store the transaction."""
    now = int(time.time())
    claim = _read(message_id, now + context.settings.attestation_s // 2)
    if claim is None:
        return
    try:
        attestations = _judge(context, claim, now)
    except Failed as error:
        log.warning("inventory.refused", inventory_id=str(claim.id), code=error.code)
        _refuse(message_id, str(error))
        return
    signatures = tuple(sign(context, attestation) for attestation in attestations)
    with session_scope() as session:
        rows = queue.lock_batch(session, message_id, 1)
        if not rows:
            return
        if not attestations:
            settle_inventory(session, claim.id, InventoryStatus.ATTESTED, None)
            rows[0].done_at = func.now()
            return
        data = context.registry.attest(attestations, signatures)
        queue.store_intent(session, rows, context.operator, context.registry.address, data)


def sign(context: Context, attestation: Attestation) -> tuple[bytes, ...]:
    """As many auditors as the contract wants."""
    known = set(context.deployment.auditors)
    signers: list[Signer] = [key for key in context.auditors if key.address in known]
    needed = context.deployment.auditor_threshold
    if len(signers) < needed:
        raise Retryable("too-few-auditors", f"{needed} auditor keys; given {len(signers)}")
    domain = context.deployment.registry_domain
    return tuple(signer.sign(attestation, domain) for signer in signers[:needed])


def _read(message_id: int, fresh_until: int) -> _Claim | None:
    with session_scope() as session:
        message = session.get(OutboxMessage, message_id)
        if message is None or message.transaction_id or message.done_at or message.failed_at:
            return None
        row = session.get(InventoryRow, UUID(str(message.payload["inventory_id"])))
        if row is None:
            queue.give_up(session, message, "no such inventory")
            return None
        provider = session.get(Provider, row.provider)
        return _Claim(
            row.id,
            row.inventory,
            row.report,
            row.signature,
            provider.agent if provider else None,
            _fresh(session, row.provider, fresh_until) | _revoked(session),
        )


def _fresh(session: Session, provider: str, until: int) -> frozenset[str]:
    return frozenset(
        session.scalars(
            select(Device.hash).where(Device.provider == provider, Device.attested_until > until)
        ).all()
    )


def _revoked(session: Session) -> frozenset[str]:
    """Devices revoked and not attested since: an inventory does not bring them back."""
    revoked = ChainEvent.args["device"].astext
    renewed = aliased(ChainEvent)
    is_later = tuple_(renewed.block_number, renewed.log_index) > tuple_(
        ChainEvent.block_number, ChainEvent.log_index
    )
    since = select(renewed.log_index).where(
        renewed.name == DeviceAttested.__name__,
        renewed.args["device"].astext == revoked,
        is_later,
    )
    rows = select(revoked).where(ChainEvent.name == DeviceRevoked.__name__, ~since.exists())
    return frozenset(session.scalars(rows).all())


def _judge(context: Context, claim: _Claim, now: int) -> tuple[Attestation, ...]:
    deployment = context.deployment
    statement = Statement(
        inventory=from_wire(Inventory, claim.inventory),
        report=parse_report(claim.report),
        report_json=claim.report,
        signature=parse_hex(claim.signature, "signature"),
        registered_agent=claim.agent,
        allow_simulated=deployment.allow_simulated,
        domain=deployment.registry_domain,
    )
    check(statement)
    wanted = [
        device
        for device in statement.report.devices
        if device.healthy and to_hex(device_hash(device.uuid)) not in claim.settled
    ]
    if not wanted:
        return ()
    bundle = {
        "kind": "inventory",
        "inventory": claim.inventory,
        "signature": claim.signature,
        "report": claim.report,
        "checked_at": now,
    }
    hash_ = evidence.store(context.settings.evidence_folder, bundle)
    provider, expiry = statement.inventory.provider, now + context.settings.attestation_s
    return tuple(_attestation(device, provider, expiry, hash_) for device in wanted)


def _attestation(device: ReportedDevice, provider: str, expiry: int, hash_: bytes) -> Attestation:
    return Attestation(
        provider=provider,
        device=device_hash(device.uuid),
        parent=device_hash(device.parent) if device.parent else ZERO_HASH,
        device_class=device_class_hash(device.device_class),
        lane_milli=device.lane_milli,
        expiry=expiry,
        evidence=hash_,
        simulated=device.simulated,
    )


def _refuse(message_id: int, reason: str) -> None:
    with session_scope() as session:
        for row in queue.lock_batch(session, message_id, 1):
            give_up(session, row, reason)
