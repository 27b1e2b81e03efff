"""`gpubourse bid`, `ask`, `cancel` and `orders`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from contracts.protocol.amounts import format_tokens, parse_duration, parse_tokens
from contracts.protocol.series import parse_isolation
from contracts.protocol.units import whole_lots
from contracts.protocol.wire import to_hex
from marketplace_api.cli.buying import BidPlan, buy
from marketplace_api.cli.commands.market import DEFAULT_CLASS, DeviceClass
from marketplace_api.cli.jobs import plan_job
from marketplace_api.cli.output import (
    AsJson,
    Yes,
    confirm_spending,
    emit_json,
    print_fields,
)
from marketplace_api.cli.tables import print_table
from marketplace_api.cli.wallet import next_slot, open_desk
from marketplace_api.client import AcceptedTerms, Supply, Wish, new_ask, sign_order

MaxPrice = Annotated[str, typer.Option(help="Most tokens per GPU-hour, e.g. 2.00.")]
Duration = Annotated[str, typer.Option(help="How long: 72s, 20m, 1h; made whole lots.")]
ReservationFee = Annotated[int, typer.Option(help="Most kept of unused time, in 0.01 %.")]
SlaCredit = Annotated[int, typer.Option(help="Least credit for missed time, in 0.01 %.")]
Notice = Annotated[
    int | None, typer.Option(min=0, help="Accept interruption with this notice, in seconds.")
]
Quantity = Annotated[str, typer.Option(help="Device time to sell in all, e.g. 8h; 0 all free.")]
Providers = Annotated[list[str] | None, typer.Option(help="Only this provider; may be repeated.")]
Others = Annotated[list[str] | None, typer.Option(help="Not this provider; may be repeated.")]
Script = Annotated[Path | None, typer.Option(help="Python script to run in the lease.")]
Words = Annotated[list[str] | None, typer.Option(help="Command to run, word by word.")]
Inputs = Annotated[
    list[Path] | None, typer.Option("--input", help="File that the job finds beside it.")
]
SignKey = Annotated[
    Path | None, typer.Option(help="Delegate's key that counter-signs; default the wallet's.")
]


def bid(
    max_price: MaxPrice,
    duration: Duration,
    device_class: DeviceClass = DEFAULT_CLASS,
    milli: Annotated[int, typer.Option(help="Thousandths of a device.")] = 1000,
    isolation: Annotated[str, typer.Option(help="Weakest fence that will do.")] = "any",
    max_reservation_fee: ReservationFee = 0,
    min_sla_credit: SlaCredit = 0,
    min_notice: Notice = None,
    arbiters: Annotated[int, typer.Option(help="The only arbiter set accepted; 0 any.")] = 0,
    allow: Providers = None,
    deny: Others = None,
    start: Annotated[int | None, typer.Option(help="Unix time; default now.")] = None,
    immediate: Annotated[bool, typer.Option(help="Take what is there or nothing.")] = False,
    run: Script = None,
    argv: Words = None,
    input_file: Inputs = None,
    memory_mib: Annotated[int, typer.Option(help="Memory limit of the job.")] = 1024,
    follow: Annotated[bool, typer.Option(help="Stay: show the log and sign usage.")] = False,
    sign_key: SignKey = None,
    wait: Annotated[str, typer.Option(help="How long to wait for a match.")] = "60s",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Buy GPU time: sign a bid, and run a job in the lease that it gets."""
    accepted = AcceptedTerms(max_reservation_fee, min_sla_credit, min_notice, arbiters)
    wish = Wish(
        device_class=device_class,
        milli=milli,
        duration=_nearly(milli, parse_duration(duration, "duration")),
        max_price_per_gpu_hour=parse_tokens(max_price, "max_price"),
        min_isolation=parse_isolation(isolation),
        start=start,
        immediate=immediate,
        allow=tuple(allow or ()),
        deny=tuple(deny or ()),
        terms=accepted,
    )
    job = plan_job(run, argv or [], input_file or [], memory_mib, wish.duration)
    buy(BidPlan(wish, job, follow, sign_key, parse_duration(wait, "wait"), yes, as_json))


def ask(
    terms: Annotated[int, typer.Option(help="Number of the registered terms.")],
    price: Annotated[str, typer.Option(help="Tokens per GPU-hour, e.g. 2.00.")],
    window: Annotated[str, typer.Option(help="How long from now: 2h.")] = "2h",
    max_milli: Annotated[int, typer.Option(help="Most milli of one fill; 0 for all.")] = 0,
    max_duration: Annotated[str | None, typer.Option(help="Longest fill.")] = None,
    quantity: Quantity = "0",
    max_fills: Annotated[int, typer.Option(help="How often to sell; 0 without a limit.")] = 0,
    valid: Annotated[
        str, typer.Option(help="How long the ask is good; over 5m only the operator fills it.")
    ] = "5m",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Offer GPU time under registered terms."""
    with open_desk() as desk:
        found = desk.bourse.market()
        now = found.now
        supply = Supply(
            terms=terms,
            price_per_gpu_hour=parse_tokens(price, "price"),
            window_start=now,
            window_end=now + parse_duration(window, "window"),
            max_milli=max_milli,
            max_duration=parse_duration(max_duration, "max_duration") if max_duration else 0,
            quantity=0 if quantity == "0" else parse_duration(quantity, "quantity") * 1000,
            max_fills=max_fills,
            life=parse_duration(valid, "valid"),
        )
        order = new_ask(desk.signer.address, supply, found, next_slot(desk, found), now)
        shown_price = format_tokens(order.price_per_gpu_hour)
        confirm_spending(f"Offer terms {terms} at {shown_price} tokens per GPU-hour?", yes=yes)
        _, signature = sign_order(order, desk.signer, found)
        accepted = desk.bourse.place_ask(order, signature)
    shown = {"digest": accepted.digest, "sequence": accepted.sequence, "status": accepted.status}
    if as_json:
        emit_json({**shown, "price_per_gpu_hour": order.price_per_gpu_hour, "nonce": order.nonce})
    else:
        print_fields(shown)


def cancel(
    digest: Annotated[str, typer.Argument(help="Digest of the order.")], as_json: AsJson = False
) -> None:
    """Take an order out of the book; `gpubourse chain cancel` also binds others."""
    with open_desk() as desk:
        signed = desk.bourse.cancel_order(digest)
    shown = {
        "digest": digest,
        "sequence": signed.acknowledgement.sequence,
        "at": signed.acknowledgement.at,
        "signature": to_hex(signed.signature),
    }
    emit_json(shown) if as_json else print_fields(shown)


def orders(
    status: Annotated[str | None, typer.Option(help="Only these.")] = None,
    side: Annotated[str | None, typer.Option(help="bid or ask.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one's own orders."""
    with open_desk() as desk:
        found = desk.bourse.orders(status, side)
    if as_json:
        emit_json([asdict(order) for order in found])
        return
    print_table(
        "",
        ("sequence", "side", "status", "reason", "digest"),
        [(o.sequence, o.side, o.status, o.reason or "-", o.digest) for o in found],
    )


def _nearly(milli: int, seconds: int) -> int:
    """Rounded up to whole lots; where that adds more than a tenth, left to be refused by name."""
    whole = whole_lots(milli, seconds)
    return whole if 10 * (whole - seconds) <= seconds else seconds
