"""What agents report, and how providers look to others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import structlog
from pydantic import ValidationError
from sqlalchemy.orm import Session

from contracts.protocol.eip712 import digest
from contracts.protocol.errors import ProtocolError
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import require_signer
from contracts.protocol.series import device_class_hash, device_hash
from contracts.protocol.typed_data import Inventory as InventoryStruct
from contracts.protocol.wire import canonical_json, from_wire, parse_hex, to_hex, to_wire
from marketplace_api import outbox
from marketplace_api.auth.dependencies import Agent
from marketplace_api.context import Context
from marketplace_api.models import Device, Inventory, InventoryStatus, OutboxKind, Provider
from marketplace_api.problems import ConflictError, ForbiddenError, NotFoundError
from marketplace_api.providers import repository
from marketplace_api.providers.schemas import (
    DeviceView,
    Heartbeat,
    InventoryRequest,
    ProviderRequest,
    ProviderView,
    Report,
)
from marketplace_api.schemas import Wire

log = structlog.get_logger()
CLOCK_SKEW_S = 300


def read_inventory(
    context: Context, agent: Agent, request: InventoryRequest
) -> tuple[InventoryStruct, Report]:
    """Parse and check an inventory without touching the database."""
    claim = from_wire(InventoryStruct, request.inventory, "inventory")
    report = _read_report(request.report)
    _expect("inventory.report", to_hex(_hash(request.report)), to_hex(claim.report))
    _expect("inventory.devices", len(report.devices), claim.devices)
    _expect("inventory.simulated", any(d.simulated for d in report.devices), claim.simulated)
    if claim.simulated and not context.deployment.allow_simulated:
        raise ProtocolError("inventory.simulated", "false on this market", True)
    now = context.clock()
    if abs(claim.issued_at - now) > CLOCK_SKEW_S:
        limit = f"within {CLOCK_SKEW_S} s of now, {now}"
        raise ProtocolError("inventory.issued_at", limit, claim.issued_at)
    for device in report.devices:
        device_class_hash(device.device_class)
    signed = digest(claim, context.deployment.registry_domain)
    require_signer(signed, parse_hex(request.signature, "signature"), claim.agent, "signature")
    _check_parties(claim, agent)
    return claim, report


def accept_inventory(
    session: Session, request: InventoryRequest, claim: InventoryStruct, report: Report
) -> Inventory:
    """Store a claim and ask settlement to have it attested."""
    repository.lock_provider(session, claim.provider)
    last = repository.last_inventory(session, claim.provider)
    if last is not None and last.sequence == claim.sequence:
        if last.inventory == to_wire(claim):
            return last
        raise ConflictError(
            "inventory-differs", "inventory.sequence", f"above {last.sequence}", claim.sequence
        )
    if last is not None and claim.sequence < last.sequence:
        raise ConflictError(
            "inventory-old", "inventory.sequence", f"above {last.sequence}", claim.sequence
        )
    _note_devices(session, claim.provider, report)
    inventory = Inventory(
        provider=claim.provider,
        agent=claim.agent,
        sequence=claim.sequence,
        inventory=to_wire(claim),
        report=request.report,
        signature=request.signature,
        status=InventoryStatus.RECEIVED,
    )
    session.add(inventory)
    session.flush()
    outbox.enqueue(
        session,
        OutboxKind.DEVICE_ATTEST,
        f"device.attest:{inventory.id}",
        {"inventory_id": str(inventory.id)},
    )
    log.info("inventory.received", provider=claim.provider, devices=claim.devices)
    return inventory


def beat(session: Session, agent: Agent, heartbeat: Heartbeat) -> None:
    """Note that an agent is there and how its devices are."""
    for healthy in (True, False):
        uuids = [device.uuid for device in heartbeat.devices if device.healthy is healthy]
        if uuids:
            repository.set_health(session, agent.provider, uuids, healthy)
    repository.touch(session, agent.provider)


def describe(session: Session, wallet: str, request: ProviderRequest) -> Provider:
    """Change a provider's public name and region."""
    provider = repository.find(session, wallet)
    if provider is None:
        raise ConflictError(
            "not-registered", "session", "the wallet of a provider registered on chain", wallet
        )
    provider.name, provider.region = request.name, request.region
    session.flush()
    return provider


def view_of(session: Session, context: Context, wallet: str) -> ProviderView:
    """One provider."""
    provider = repository.find(session, wallet)
    if provider is None:
        raise NotFoundError("provider", wallet)
    return views(session, context, [provider])[0]


def views(session: Session, context: Context, providers: Sequence[Provider]) -> list[ProviderView]:
    """Providers with their devices."""
    devices = repository.devices_of(session, [provider.wallet for provider in providers])
    names = repository.class_names(session, [device.device_class for device in devices])
    owned: dict[str, list[DeviceView]] = defaultdict(list)
    for device in devices:
        owned[device.provider].append(_device_view(device, names))
    return [_view(context, provider, owned[provider.wallet]) for provider in providers]


def _view(context: Context, provider: Provider, devices: list[DeviceView]) -> ProviderView:
    seen = int(provider.last_seen.timestamp()) if provider.last_seen else None
    oldest = context.clock() - context.settings.heartbeat_ttl_s
    return ProviderView(
        wallet=provider.wallet,
        agent=provider.agent,
        name=provider.name,
        region=provider.region,
        bond=str(provider.bond),
        online=seen is not None and seen >= oldest,
        last_seen=seen,
        devices=devices,
    )


def _device_view(device: Device, names: dict[str, str]) -> DeviceView:
    return DeviceView(
        hash=device.hash,
        uuid=device.uuid or device.hash,
        device_class=names.get(device.device_class, device.device_class),
        milli=device.milli,
        lane_milli=device.lane_milli,
        simulated=device.simulated,
        healthy=device.healthy,
        attested_until=device.attested_until,
    )


def _note_devices(session: Session, provider: str, report: Report) -> None:
    for device in report.devices:
        found = to_hex(device_hash(device.uuid))
        owner = repository.owner_of_attested(session, found)
        if owner not in (None, provider):
            raise ConflictError(
                "device-taken", "report.devices.uuid", f"a device not of {owner}", device.uuid
            )
        class_hash = to_hex(device_class_hash(device.device_class))
        repository.learn_class(session, class_hash, device.device_class)
        repository.claim_device(
            session,
            Device(
                hash=found,
                uuid=device.uuid,
                provider=provider,
                device_class=class_hash,
                lane_milli=device.lane_milli,
                simulated=device.simulated,
            ),
        )


def _read_report(data: Wire) -> Report:
    try:
        report = Report.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in ("report", *first["loc"]))
        raise ProtocolError(path, first["msg"], first.get("input")) from error
    uuids = [device.uuid for device in report.devices]
    if len(set(uuids)) < len(uuids):
        raise ProtocolError("report.devices", "each uuid once", uuids)
    return report


def _hash(report: Wire) -> bytes:
    try:
        text = canonical_json(report)
    except (ValueError, RecursionError) as error:  # lone surrogates, integers too wide for JSON
        raise ProtocolError("report", "canonical JSON (RFC 8785)", str(error)) from error
    if rb"\u0000" in text:
        raise ProtocolError("report", "texts without NUL", "one with NUL")
    return keccak(text)


def _expect(field: str, wanted: object, given: object) -> None:
    if wanted != given:
        raise ProtocolError(field, str(wanted), given)


def _check_parties(claim: InventoryStruct, agent: Agent) -> None:
    for field, mine, given in (
        ("inventory.agent", agent.key, claim.agent),
        ("inventory.provider", agent.provider, claim.provider),
    ):
        if mine != given:
            raise ForbiddenError(
                f"{field}: {mine}; given {given}", field=field, limit=mine, given=given
            )
