"""`gpubourse market` and `book`: what everybody may see."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from marketplace_api.cli.money import format_tokens
from marketplace_api.cli.output import AsJson, emit_json, print_fields
from marketplace_api.cli.tables import print_table
from marketplace_api.cli.wallet import open_public

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
                format_tokens(offer.price_per_gpu_hour)
                + (" (simulated)" if offer.simulated else ""),
                "-" if offer.free_milli is None else offer.free_milli,
                offer.isolation,
                offer.seller or offer.provider or "-",
                offer.window_end,
                offer.digest,
            )
            for offer in offers
        ],
    )
