"""Taking receipts, taking countersignatures, asking settlement to redeem."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from contracts.protocol.eip712 import digest
from contracts.protocol.errors import SignatureError
from contracts.protocol.keys import recover
from contracts.protocol.lifecycle import LeaseStatus
from contracts.protocol.typed_data import Receipt, voucher_of
from contracts.protocol.wire import from_wire, parse_hex, to_hex, to_wire
from marketplace_api import outbox
from marketplace_api.auth.dependencies import Agent
from marketplace_api.context import Context
from marketplace_api.jobs import blobs
from marketplace_api.leases import repository as lease_repository
from marketplace_api.leases import service as lease_service
from marketplace_api.models import Lease, OutboxKind, UsageReceipt
from marketplace_api.problems import ConflictError, ForbiddenError, NotFoundError
from marketplace_api.usage import checks, repository
from marketplace_api.usage.checks import Delivery, Last, LeaseFacts

log = structlog.get_logger()


def accept(
    session: Session, context: Context, agent: Agent, lease_id: UUID, delivery: Delivery
) -> tuple[UsageReceipt, bool]:
    """Store the next receipt of a lease, and whether it is new; the exact repeat is no error."""
    lease = lease_service.for_provider(session, agent.provider, lease_id)
    receipt = delivery.receipt
    known = repository.find(session, lease_id, receipt.sequence)
    if known is not None:
        _require_same(known, delivery)
        return known, False
    _require_running(lease)
    checks.check(receipt, _facts(session, context, lease), _last(session, lease_id))
    stored = UsageReceipt(
        lease_id=lease_id,
        sequence=receipt.sequence,
        receipt=to_wire(receipt),
        struct_hash=delivery.struct_hash,
        used_gpu_ms=receipt.used_gpu_ms,
        interval_start=receipt.interval_start,
        interval_end=receipt.interval_end,
        is_final=receipt.is_final,
        signature=delivery.signature,
        voucher_signature=delivery.voucher_signature,
        samples=_store_samples(session, context, agent, delivery.samples),
    )
    session.add(stored)
    session.flush()
    session.refresh(stored)
    log.info("receipt.stored", lease=str(lease_id), sequence=receipt.sequence)
    return stored, True


def countersign(
    session: Session, context: Context, wallet: str, lease_id: UUID, sequence: int, signature: str
) -> UsageReceipt:
    """Store the signature of the holder or its delegate under the voucher of a receipt."""
    lease = lease_repository.lock(session, lease_id)
    if lease is None:
        raise NotFoundError("lease", lease_id)
    allowed = (lease.holder, lease_service.delegate_of(session, lease))
    if wallet not in allowed:
        limit = "the holder or its delegate"
        raise ForbiddenError(
            f"session: {limit}; given {wallet}", field="session", limit=limit, given=wallet
        )
    stored = repository.find(session, lease_id, sequence)
    if stored is None:
        raise NotFoundError("receipt", sequence)
    _require_signed_by(context, stored, signature, allowed)
    if stored.holder_signature is None:
        stored.holder_signature = to_hex(parse_hex(signature, "signature"))
        stored.countersigned_at = datetime.now(UTC)
        session.flush()
        log.info("receipt.countersigned", lease=str(lease_id), sequence=sequence)
    if stored.is_final or context.clock() >= lease.end:
        _ask_to_redeem(session, lease_id, sequence)
    return stored


def redeem(session: Session, wallet: str, lease_id: UUID) -> UsageReceipt:
    """Ask for the last countersigned receipt to be paid now."""
    lease = lease_service.for_party(session, wallet, lease_id)
    agent = lease_repository.agent_of(session, lease.provider)
    if wallet not in (lease.provider, agent):
        limit = "the provider or its agent"
        raise ForbiddenError(
            f"session: {limit}; given {wallet}", field="session", limit=limit, given=wallet
        )
    stored = repository.last_countersigned(session, lease_id)
    if stored is None:
        raise ConflictError(
            "nothing-countersigned", "lease.receipts", "a countersigned receipt", "none"
        )
    _ask_to_redeem(session, lease_id, stored.sequence)
    return stored


def _ask_to_redeem(session: Session, lease_id: UUID, sequence: int) -> None:
    outbox.enqueue(
        session,
        OutboxKind.VOUCHER_REDEEM,
        f"voucher.redeem:{lease_id}:{sequence}",
        {"lease_id": str(lease_id), "sequence": sequence},
    )


def _require_same(known: UsageReceipt, delivery: Delivery) -> None:
    if known.struct_hash != delivery.struct_hash:
        raise ConflictError(
            "receipt-differs",
            "receipt.sequence",
            f"the stored receipt {known.struct_hash}, or the next sequence",
            delivery.struct_hash,
        )


def _require_running(lease: Lease) -> None:
    if lease.status not in (LeaseStatus.ACTIVE, LeaseStatus.CLOSING):
        raise ConflictError("not-active", "lease.status", "active", lease.status.value)


def _facts(session: Session, context: Context, lease: Lease) -> LeaseFacts:
    return LeaseFacts(
        series=lease.series,
        holder=lease.holder,
        milli=lease.milli,
        start=lease.start,
        end=lease.end,
        simulated=lease.simulated,
        devices=repository.device_hashes(session, lease.provider),
        now=context.clock(),
    )


def _last(session: Session, lease_id: UUID) -> Last:
    found = repository.last(session, lease_id)
    if found is None:
        return checks.NONE_YET
    receipt = from_wire(Receipt, found.receipt)
    return Last(
        sequence=found.sequence,
        struct_hash=parse_hex(found.struct_hash, "struct_hash", 32),
        used_gpu_ms=receipt.used_gpu_ms,
        missed_intervals=receipt.missed_intervals,
        interval_end=receipt.interval_end,
        is_final=receipt.is_final,
    )


def _store_samples(session: Session, context: Context, agent: Agent, content: bytes) -> str | None:
    if not content:
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    path = blobs.write(context.settings.blob_folder, sha256, content)
    blobs.store(session, agent.key, sha256, len(content), path)
    return sha256


def _require_signed_by(
    context: Context, stored: UsageReceipt, signature: str, allowed: tuple[str, str]
) -> None:
    voucher = voucher_of(from_wire(Receipt, stored.receipt))
    raw = parse_hex(signature, "signature")
    found = recover(digest(voucher, context.deployment.market_domain), raw)
    if found not in allowed:
        wanted = " or ".join(dict.fromkeys(allowed))
        raise SignatureError("signature", f"a signature by {wanted}", f"one by {found}")
