"""Bodies and answers of the provider endpoints."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from marketplace_api.schemas import Answer, Request, Signature, Text, WideInt, Wire

DEVICES_MAX = 256


class DeviceView(Answer):
    """One device or slice."""

    hash: str
    uuid: str = Field(description="NVML UUID; the hash where nobody told it")
    device_class: str
    milli: int
    lane_milli: int
    simulated: bool
    healthy: bool
    attested_until: int | None = Field(
        description="Null: a claim, nobody attested it; 0: auditors revoked it"
    )


class ProviderView(Answer):
    """A provider as the bourse knows it."""

    wallet: str
    agent: str | None
    name: str
    region: str
    bond: WideInt
    online: bool
    last_seen: int | None
    devices: list[DeviceView]


class ProviderRequest(Request):
    """What people see of a provider."""

    name: Annotated[Text, Field(max_length=64, examples=["Attic Compute"])] = ""
    region: Annotated[Text, Field(max_length=32, examples=["eu-central"])] = ""


class ReportedDevice(Request):
    """One device of a report; more may be told and is kept as evidence."""

    model_config = ConfigDict(extra="allow")

    uuid: Annotated[Text, Field(min_length=1, max_length=96)]
    device_class: Annotated[Text, Field(max_length=96, examples=["nvidia/h100/80gb/sxm"])]
    lane_milli: Annotated[int, Field(ge=1, le=1000)] = 1000
    simulated: bool = False


class Report(Request):
    """What ``inventory.report`` is the hash of (RFC 8785, keccak256)."""

    model_config = ConfigDict(extra="allow")

    devices: Annotated[list[ReportedDevice], Field(max_length=DEVICES_MAX)]


class InventoryRequest(Request):
    """A signed inventory and the report behind its hash."""

    inventory: Wire = Field(description="Struct `Inventory`, snake_case")
    signature: Signature
    report: Wire = Field(
        description="An object with `devices`: uuid, device_class, lane_milli, simulated, ...",
        examples=[
            {
                "devices": [
                    {
                        "uuid": "GPU-3a1f0000-0000-0000-0000-000000000000",
                        "device_class": "nvidia/h100/80gb/sxm",
                        "simulated": True,
                    }
                ]
            }
        ],
    )


class InventoryAnswer(Answer):
    """An inventory that is being looked at."""

    id: UUID
    status: str


class DeviceHealth(Request):
    """How one device is."""

    uuid: Annotated[Text, Field(max_length=96)]
    healthy: bool


class Heartbeat(Request):
    """A sign of life of an agent."""

    devices: tuple[DeviceHealth, ...] = Field(default=(), max_length=DEVICES_MAX, strict=False)
    leases: tuple[Annotated[Text, Field(max_length=64)], ...] = Field(
        default=(), max_length=1024, strict=False
    )


class HeartbeatAnswer(Answer):
    """The market's clock."""

    now: int
