"""`gpubourse market` and `book`: what everybody may see."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer

from contracts.protocol.amounts import format_tokens, parse_duration
from contracts.protocol.series import Isolation
from marketplace_api.cli.output import AsJson, emit_json, print_fields
from marketplace_api.cli.problems import refuse
from marketplace_api.cli.profile import Profile
from marketplace_api.cli.tables import print_table, shown_time
from marketplace_api.cli.wallet import open_public
from marketplace_api.client.answers import Provider
from marketplace_api.client.errors import NotFoundError

_POLL_S = 0.1
DEFAULT_CLASS = "nvidia/h100/80gb/sxm"
DeviceClass = Annotated[str, typer.Option("--class", help="Device class.")]


def market(as_json: AsJson = False) -> None:
    """Show contracts, fee, constants and providers."""
    with open_public() as bourse:
        found = bourse.market()
        providers = bourse.providers()
    if as_json:
        emit_json({**asdict(found), "providers": [asdict(p) for p in providers]})
        return
    print_fields({k: v for k, v in asdict(found).items() if k not in ("constants", "auditors")})
    print_table(
        "Providers",
        ("wallet", "name", "region", "online", "devices"),
        [
            (
                p.wallet,
                p.name or "-",
                p.region or "-",
                "yes" if p.online else "no",
                ", ".join(sorted({d.device_class for d in p.devices})) or "-",
            )
            for p in providers
        ],
    )


def provider(
    wallet: Annotated[str | None, typer.Argument(help="Default one's own.")] = None,
    wait_attested: Annotated[
        bool, typer.Option(help="Wait until auditors have attested a device.")
    ] = False,
    timeout: Annotated[str, typer.Option(help="How long to wait.")] = "60s",
    as_json: AsJson = False,
) -> None:
    """Show a provider, its bond and its devices."""
    found = _read_provider(
        wallet or Profile.load().signer().address,
        parse_duration(timeout, "timeout") if wait_attested else 0,
    )
    if as_json:
        emit_json(asdict(found))
        return
    fields = {k: v for k, v in asdict(found).items() if k != "devices"}
    fields["bond"] = format_tokens(found.bond)
    fields["last_seen"] = shown_time(found.last_seen)
    print_fields(fields)
    print_table(
        "Devices",
        ("uuid", "class", "milli", "device", "attested until"),
        [
            (d.uuid, d.device_class, d.milli, "simulated" if d.simulated else "real",
             "revoked" if d.attested_until == 0 else shown_time(d.attested_until))
            for d in found.devices
        ],
    )  # fmt: skip


def _read_provider(wallet: str, wait_s: int) -> Provider:
    """The provider; a new one is known as soon as its registration is confirmed."""
    deadline = time.monotonic() + wait_s
    with open_public() as bourse:
        while True:
            try:
                found = bourse.provider(wallet)
            except NotFoundError:
                if time.monotonic() > deadline:
                    raise
            else:
                if not wait_s or any(device.attested_until for device in found.devices):
                    return found
                if time.monotonic() > deadline:
                    refuse(
                        "not-attested",
                        "no auditor attested a device in time",
                        field="devices",
                        limit=f"an attested one within {wait_s} s",
                        given=len(found.devices),
                    )
            time.sleep(_POLL_S)


def book(device_class: DeviceClass = DEFAULT_CLASS, as_json: AsJson = False) -> None:
    """Show the open asks of a device class, best first."""
    with open_public() as bourse:
        offers = bourse.book(device_class)
    if as_json:
        emit_json([asdict(offer) for offer in offers])
        return
    print_table(
        device_class,
        ("price per GPU-hour", "device", "free milli", "isolation", "seller", "until", "digest"),
        [
            (
                format_tokens(offer.price_per_gpu_hour),
                "simulated" if offer.simulated else "real",
                "-" if offer.free_milli is None else offer.free_milli,
                Isolation(offer.isolation).name.lower(),
                offer.seller or offer.provider or "-",
                shown_time(offer.window_end),
                offer.digest,
            )
            for offer in offers
        ],
    )
