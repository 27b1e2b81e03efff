"""What the agent claims to own: the report, its signed hash, and who uses which device now."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from contracts.protocol.keys import Signer
from contracts.protocol.series import device_class_hash
from contracts.protocol.typed_data import Inventory
from contracts.protocol.units import MILLI_PER_DEVICE
from contracts.protocol.wire import canonical_hash
from provider_agent.gpu.backend import Device, GpuBackend
from provider_agent.home import Enrolment


@dataclass(frozen=True, slots=True)
class SignedInventory:
    """A claim with the report behind its hash."""

    inventory: Inventory
    signature: bytes
    report: dict[str, object]


def sign_inventory(
    devices: Sequence[Device],
    enrolment: Enrolment,
    agent: Signer,
    *,
    sequence: int,
    now: int,
    lane_milli: int = MILLI_PER_DEVICE,
) -> SignedInventory:
    """The claim of these devices; unhealthy ones are listed and not attested."""
    report: dict[str, object] = {
        "devices": [_device_json(device, lane_milli) for device in devices],
        "issued_at": now,
    }
    inventory = Inventory(
        provider=enrolment.provider,
        agent=agent.address,
        sequence=sequence,
        issued_at=now,
        devices=len(devices),
        report=canonical_hash(report),
        simulated=any(device.simulated for device in devices),
    )
    return SignedInventory(
        inventory, agent.sign(inventory, enrolment.place.registry_domain), report
    )


class DevicePool:
    """The devices of the backend and how much of each is in use."""

    def __init__(self, backend: GpuBackend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._devices: tuple[Device, ...] = ()
        self._used: dict[str, int] = defaultdict(int)

    def refresh(self) -> tuple[Device, ...]:
        """Look again: a device may be gone, cut into slices or back."""
        devices = self._backend.devices()
        with self._lock:
            self._devices = devices
        return devices

    def take(self, device_class: str, milli: int) -> tuple[Device, ...]:
        """Healthy devices for ``milli`` of a class (0x-hex hash); empty where there are none."""
        with self._lock:
            taken = self._fitting(device_class, milli)
            for device in taken:
                self._used[device.uuid] += min(milli, MILLI_PER_DEVICE)
            return taken

    def give_back(self, devices: Sequence[Device], milli: int) -> None:
        """The lease that used them is over."""
        with self._lock:
            for device in devices:
                self._used[device.uuid] -= min(milli, MILLI_PER_DEVICE)

    def _fitting(self, device_class: str, milli: int) -> tuple[Device, ...]:
        wanted = max(1, milli // MILLI_PER_DEVICE)
        each = min(milli, MILLI_PER_DEVICE)
        free = [
            device
            for device in self._devices
            if device.healthy
            and "0x" + device_class_hash(device.device_class).hex() == device_class
            and self._used[device.uuid] + each <= MILLI_PER_DEVICE
        ]
        return tuple(free[:wanted]) if len(free) >= wanted else ()


def _device_json(device: Device, lane_milli: int) -> dict[str, object]:
    data = asdict(device)
    data["denied"] = list(device.denied)
    return {**data, "lane_milli": lane_milli}
