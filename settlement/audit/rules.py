"""What an inventory must satisfy before auditors sign for its devices: small rules, pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contracts.protocol.eip712 import Domain, digest
from contracts.protocol.errors import ProtocolError, SignatureError
from contracts.protocol.keys import recover
from contracts.protocol.series import device_class_hash
from contracts.protocol.typed_data import Inventory
from contracts.protocol.units import MILLI_PER_DEVICE
from contracts.protocol.wire import canonical_hash
from settlement.audit.report import DeviceReport, ReportedDevice
from settlement.outcome import Failed

GIB = 1 << 30
LEAST_OF_NOMINAL_PERCENT = 86
"""Cards with in-band error correction show up to an eighth less than their nominal size."""
MOST_OF_NOMINAL_PERCENT = 105


@dataclass(frozen=True, slots=True)
class Statement:
    """An inventory with all that its rules look at."""

    inventory: Inventory
    report: DeviceReport
    report_json: object
    signature: bytes
    registered_agent: str | None
    allow_simulated: bool
    domain: Domain


Rule = Callable[[Statement], None]


def is_signed_by_agent(statement: Statement) -> None:
    """The agent that the chain knows of this provider signed it."""
    try:
        found = recover(digest(statement.inventory, statement.domain), statement.signature)
    except SignatureError as error:
        raise Failed("bad-signature", str(error)) from error
    if found != statement.inventory.agent:
        wanted = statement.inventory.agent
        raise Failed("bad-signature", f"a signature by {wanted}; given one by {found}")


def agent_is_registered(statement: Statement) -> None:
    """It is the provider's agent on chain."""
    agent, registered = statement.inventory.agent, statement.registered_agent
    if agent != registered:
        raise Failed("foreign-agent", f"the registered agent {registered}; given {agent}")


def hash_matches(statement: Statement) -> None:
    """The report is the one that was signed."""
    found = canonical_hash(statement.report_json)
    if found != statement.inventory.report:
        wanted = statement.inventory.report.hex()
        raise Failed("report-mismatch", f"report hash 0x{wanted}; given 0x{found.hex()}")


def counts_match(statement: Statement) -> None:
    """As many devices as signed for, each once, none mixed with simulated ones silently."""
    devices = statement.report.devices
    if len(devices) != statement.inventory.devices:
        raise Failed("device-count", f"{statement.inventory.devices}; given {len(devices)}")
    if len({device.uuid for device in devices}) != len(devices):
        raise Failed("device-repeated", "each uuid once")
    if any(device.simulated for device in devices) != statement.inventory.simulated:
        raise Failed("simulated-mismatch", f"simulated {statement.inventory.simulated} as signed")


def simulated_is_allowed(statement: Statement) -> None:
    """A simulated device is sold on a local market only."""
    if statement.inventory.simulated and not statement.allow_simulated:
        raise Failed("simulated-refused", "this market takes real devices only")


def devices_are_plausible(statement: Statement) -> None:
    """What a device shows fits the class that it is offered as."""
    for device in statement.report.devices:
        require_plausible(device)


RULES: tuple[Rule, ...] = (
    agent_is_registered,
    is_signed_by_agent,
    hash_matches,
    counts_match,
    simulated_is_allowed,
    devices_are_plausible,
)


def check(statement: Statement) -> None:
    """Apply every rule; the first that objects names the reason."""
    for rule in RULES:
        rule(statement)


def require_plausible(device: ReportedDevice) -> None:
    """Class, slice, memory and lane agree with one another."""
    try:
        device_class_hash(device.device_class)
    except ProtocolError as error:
        raise Failed("unknown-class", f"{device.uuid}: {error}") from error
    is_slice = "/mig-" in device.device_class
    if is_slice != (device.parent is not None):
        raise Failed("slice-mismatch", f"{device.uuid}: a slice, and only it, names its parent")
    lane = device.lane_milli
    if lane <= 0 or MILLI_PER_DEVICE % lane or (is_slice and lane != MILLI_PER_DEVICE):
        raise Failed("bad-lane", f"{device.uuid}: lane_milli divides 1000; given {lane}")
    _require_memory(device)


def _require_memory(device: ReportedDevice) -> None:
    parts = device.device_class.split("/")
    # A slice has the memory of its profile, `mig-1g.10gb`, a whole card that of its class.
    size = parts[4].rpartition(".")[2] if len(parts) > 4 else parts[2]
    nominal = int(size.removesuffix("gb")) * GIB
    shown = device.memory_bytes
    if shown is None:
        raise Failed("memory-unknown", f"{device.uuid}: memory_bytes is needed")
    least = nominal * LEAST_OF_NOMINAL_PERCENT // 100
    most = nominal * MOST_OF_NOMINAL_PERCENT // 100
    if not least <= shown <= most:
        raise Failed("memory-implausible", f"{device.uuid}: {least} to {most} bytes; given {shown}")
