"""The device report of an inventory, as far as auditors read it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from settlement.outcome import Failed


class ReportedDevice(BaseModel):
    """One device or slice, by its agent's word."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    uuid: str = Field(min_length=1, max_length=96)
    device_class: str = Field(max_length=96)
    name: str = ""
    simulated: bool
    healthy: bool = True
    parent: str | None = None
    memory_bytes: int | None = None
    lane_milli: int = 1000
    """Milli of one unit of the capacity calendar: below 1000 where the device is shared."""


class DeviceReport(BaseModel):
    """What `Inventory.report` is the hash of."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    devices: tuple[ReportedDevice, ...] = Field(max_length=64)


def parse_report(data: object) -> DeviceReport:
    """Read a report; names what is wrong with it."""
    try:
        return DeviceReport.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Failed("bad-report", f"report.{where}: {first['msg']}") from error
