"""What holders do with units: `gpubourse chain split`, `merge`, `resell`, `buy-units`."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import typer

from contracts.bindings.market import AskGroup, BidFill
from contracts.bindings.resale import Resale
from contracts.protocol.amounts import format_tokens, parse_tokens
from contracts.protocol.errors import ProtocolError
from contracts.protocol.hashing import keccak
from contracts.protocol.series import Series, group_item
from contracts.protocol.typed_data import Ask, Bid, UsageGroup
from contracts.protocol.units import BPS, MAX_OPEN_ORDER_LIFE
from contracts.protocol.wire import from_wire, parse_hex, to_hex, to_wire
from marketplace_api.cli.output import confirm_spending, emit_json
from marketplace_api.cli.wallet import take_nonce
from settlement.cli.acts import Caller, act, open_caller, parse_series

_SKEW_S = 2


def split(series: str, at: int, milli: int, *, as_json: bool) -> None:
    """Cut one's own position."""
    caller = open_caller()
    data = caller.desk.market.split(parse_series(series), at, milli)
    act(caller, "split", caller.desk.market.address, data, as_json=as_json)


def merge(first: str, second: str, milli: int, *, as_json: bool) -> None:
    """Join two parts of one's own."""
    caller = open_caller()
    data = caller.desk.market.merge(parse_series(first), parse_series(second, "second"), milli)
    act(caller, "merged", caller.desk.market.address, data, as_json=as_json)


def resell(series: str, milli: int, price: str, *, as_json: bool) -> None:
    """Sign an offer of one's own units; whoever has it may take it while it is good."""
    caller = open_caller()
    number = parse_series(series)
    window = Series.from_id(number)
    now = int(time.time())
    nonce, epoch = _nonce(caller)
    ask = Ask(
        seller=caller.signer.address,
        terms=0,
        series=number,
        price_per_gpu_hour=parse_tokens(price, "price"),
        window_start=window.start,
        window_end=window.end,
        valid_from=now - _SKEW_S,
        deadline=now - _SKEW_S + MAX_OPEN_ORDER_LIFE,
        nonce=nonce,
        epoch=epoch,
        quantity=milli * window.duration,
    )
    signature = caller.signer.sign(ask, caller.desk.place.domain)
    emit_json({"ask": to_wire(ask), "signature": to_hex(signature)})
    if not as_json:
        typer.echo("Give this line to the buyer as a file: gpubourse chain buy-units", err=True)


def buy_units(file: Path, *, yes: bool, as_json: bool) -> None:
    """Take an offer: sign a bid that names the series, and submit both."""
    caller = open_caller()
    ask, signature = _read(file)
    window, price = Series.from_id(ask.series), ask.price_per_gpu_hour
    milli = ask.quantity // window.duration
    confirm_spending(
        f"Buy {milli} milli for {window.duration} s at {format_tokens(price)} per GPU-hour?",
        yes=yes,
    )
    bid = _bid(caller, ask, milli)
    wanted = BidFill(
        bid=bid,
        signature=caller.signer.sign(bid, caller.desk.place.domain),
        milli=milli,
        start=window.start,
        duration=window.duration,
        price_per_gpu_hour=price,
    )
    resale = Resale(caller.desk.chain.web3, caller.desk.place.resale)
    data = resale.fill((AskGroup(ask, signature, (wanted,)),))
    act(caller, "bought", resale.address, data, as_json=as_json)


def redeem_group(usages: Sequence[str], holder: str | None, *, as_json: bool) -> None:
    """Sign usage of many leases as their holder or its delegate, and redeem it."""
    caller = open_caller()
    found = [_usage(text) for text in usages]
    kinds = {(series.terms, series.step) for series, _ in found}
    if len(kinds) != 1:
        raise ProtocolError("usages", "leases under the same terms", list(usages))
    ((terms, step),) = kinds
    items = tuple(group_item(int(series.id), used) for series, used in found)
    group = UsageGroup(caller.holder(holder), terms, step, items)
    signature = caller.signer.sign(group, caller.desk.place.domain)
    data = caller.desk.market.redeem_group(group, signature)
    act(caller, "redeemed", caller.desk.market.address, data, as_json=as_json)


def _bid(caller: Caller, ask: Ask, milli: int) -> Bid:
    window, now = Series.from_id(ask.series), int(time.time())
    nonce, epoch = _nonce(caller)
    return Bid(
        buyer=caller.signer.address,
        # The leaf of the series itself: its class comes with it, and a premium on its price.
        device_classes=keccak(ask.series.to_bytes(32, "big")),
        milli=milli,
        min_milli=milli,
        window_start=window.start,
        window_end=window.end,
        min_duration=window.duration,
        max_duration=window.duration,
        max_price_per_gpu_hour=ask.price_per_gpu_hour,
        valid_from=now - _SKEW_S,
        deadline=now - _SKEW_S + MAX_OPEN_ORDER_LIFE,
        nonce=nonce,
        epoch=epoch,
        # Whoever names a series knows its terms.
        max_reservation_fee_bps=BPS,
        interruptible=True,
    )


def _nonce(caller: Caller) -> tuple[int, int]:
    place, wallet = caller.desk.place, caller.signer.address
    account = caller.desk.market.account(wallet, caller.desk.head)
    least = account.first_nonce + account.window.bit_length()
    name = f"{place.chain_id}-{place.market}-{wallet}-{account.epoch}"
    return take_nonce(caller.profile.home / "nonces" / name, least), account.epoch


def _read(file: Path) -> tuple[Ask, bytes]:
    try:
        data = json.loads(file.read_text())
        ask = from_wire(Ask, data["ask"], "ask")
        signature = parse_hex(data["signature"], "signature")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProtocolError("file", "what `gpubourse chain resell` printed", str(file)) from error
    if not ask.series or not ask.quantity:
        raise ProtocolError("ask", "an offer of units of a series", str(file))
    return ask, signature


def _usage(text: str) -> tuple[Series, int]:
    series, _, used = text.partition(":")
    if not used.isdigit():
        raise ProtocolError("usages", "SERIES:GPU_MS", text)
    return Series.from_id(parse_series(series, "usages")), int(used)
