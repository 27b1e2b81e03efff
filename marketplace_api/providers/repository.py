"""Providers, devices and inventories in the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace_api.models import Device, DeviceClass, Inventory, Provider


def find(session: Session, wallet: str) -> Provider | None:
    """A provider."""
    return session.get(Provider, wallet, populate_existing=True)


def list_all(session: Session, limit: int) -> Sequence[Provider]:
    """Everyone who registered; arbiters, auditors and operators only have a bond."""
    has_devices = select(Device.hash).where(Device.provider == Provider.wallet).exists()
    serves = or_(Provider.agent.is_not(None), has_devices)
    return session.scalars(
        select(Provider).where(serves).order_by(Provider.wallet).limit(limit)
    ).all()


def devices_of(session: Session, providers: Sequence[str]) -> Sequence[Device]:
    """Their devices."""
    return session.scalars(
        select(Device).where(Device.provider.in_(providers)).order_by(Device.provider, Device.hash)
    ).all()


def class_names(session: Session, hashes: Sequence[str]) -> dict[str, str]:
    """Names of classes by hash."""
    rows = session.execute(
        select(DeviceClass.hash, DeviceClass.name).where(DeviceClass.hash.in_(hashes))
    )
    return dict(rows.all())


def learn_class(session: Session, class_hash: str, name: str) -> None:
    """Remember the name behind a hash."""
    session.execute(insert(DeviceClass).values(hash=class_hash, name=name).on_conflict_do_nothing())


def lock_provider(session: Session, wallet: str) -> Provider:
    """A provider, locked: its inventories come one after the other."""
    return session.get_one(Provider, wallet, with_for_update=True, populate_existing=True)


def last_inventory(session: Session, provider: str) -> Inventory | None:
    """The inventory with the highest sequence."""
    return session.scalars(
        select(Inventory)
        .where(Inventory.provider == provider)
        .order_by(Inventory.sequence.desc())
        .limit(1)
    ).first()


def claim_device(session: Session, device: Device) -> None:
    """Note a claimed device. What the chain attested is never overwritten, only named."""
    statement = insert(Device).values(
        hash=device.hash,
        uuid=device.uuid,
        provider=device.provider,
        device_class=device.device_class,
        lane_milli=device.lane_milli,
        simulated=device.simulated,
    )
    given = statement.excluded
    unattested = Device.attested_until.is_(None)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["hash"],
            set_={
                "uuid": given.uuid,
                "provider": case((unattested, given.provider), else_=Device.provider),
                "device_class": case((unattested, given.device_class), else_=Device.device_class),
                "lane_milli": case((unattested, given.lane_milli), else_=Device.lane_milli),
                "simulated": case((unattested, given.simulated), else_=Device.simulated),
            },
        )
    )


def owner_of_attested(session: Session, device_hash: str) -> str | None:
    """To whom the chain says a device belongs."""
    return session.scalar(
        select(Device.provider).where(
            Device.hash == device_hash, Device.attested_until.is_not(None)
        )
    )


def set_health(session: Session, provider: str, uuids: Sequence[str], healthy: bool) -> None:
    """Write only what changed: a heartbeat comes every two seconds."""
    session.execute(
        update(Device)
        .where(
            Device.provider == provider,
            Device.uuid.in_(uuids),
            Device.healthy.is_not(healthy),
        )
        .values(healthy=healthy)
    )


def touch(session: Session, provider: str) -> None:
    """The provider's agent is there."""
    session.execute(
        update(Provider).where(Provider.wallet == provider).values(last_seen=func.now())
    )
