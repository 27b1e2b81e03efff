"""Random fills and resales: mostly valid pairs, now and then with one field out of bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bourse import A100, H100, SLICE
from model import fills
from model.orders import Group, Wanted
from model.parts import HOUR, ZERO, Lease, series_of

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import digest
from contracts.protocol.hashing import keccak
from contracts.protocol.typed_data import Ask, Bid
from contracts.protocol.units import TICK
from stateful.play import HOLDERS, Play

PRICES = (2_000_000, 1_234_000, 777_000)
DURATIONS = (HOUR, HOUR, 2 * HOUR, 3 * HOUR, 5400, 36, 72, 144)
LATER = 24 * HOUR - 400

Twist = Callable[[Play], dict[str, Any]]
ASK_TWISTS: tuple[Twist, ...] = (
    lambda p: {"nonce": 7},
    lambda p: {"epoch": 9},
    lambda p: {"deadline": p.now - 20},
    lambda p: {"valid_from": p.now + 100},
    lambda p: {"filler": p.address("treasury")},
    lambda p: {"deadline": p.now + 90_000},
    lambda p: {"terms": 99},
    lambda p: {"terms": 0},
    lambda p: {"seller": p.address("other")},
    lambda p: {"price_per_gpu_hour": 2_000_500},
    lambda p: {"min_milli": 3000},
    lambda p: {"max_milli": 250},
    lambda p: {"min_duration": 9000},
    lambda p: {"max_duration": 50},
    lambda p: {"window_start": p.now + 5 * HOUR},
    lambda p: {"window_end": p.now + 1000},
)
BID_TWISTS: tuple[Twist, ...] = (
    lambda p: {"epoch": 3},
    lambda p: {"deadline": p.now - 20},
    lambda p: {"valid_from": p.now + 100},
    lambda p: {"valid_from": p.now - 400},
    lambda p: {"filler": p.address("other")},
    lambda p: {"budget": 500_000},
    lambda p: {"milli": 100},
    lambda p: {"min_milli": 4000},
    lambda p: {"max_price_per_gpu_hour": 700_000},
    lambda p: {"min_isolation": 5},
    lambda p: {"min_isolation": 3},
    lambda p: {"max_reservation_fee_bps": 0},
    lambda p: {"min_sla_credit_bps": 2_600},
    lambda p: {"interruptible": False},
    lambda p: {"min_notice": 901},
    lambda p: {"arbiter_set": 2},
    lambda p: {"arbiter_set": 1},
    lambda p: {"min_duration": 9000},
    lambda p: {"max_duration": 71},
    lambda p: {"window_start": p.now + 5 * HOUR},
    lambda p: {"window_end": p.now + 1000},
    lambda p: {"device_classes": keccak(b"other")},
)
SHAPE_TWISTS: tuple[Twist, ...] = (
    lambda p: {"price": 0},
    lambda p: {"price": 2_000_001},
    lambda p: {"price": 3_000_000},
    lambda p: {"milli": 1_100},
    lambda p: {"milli": 0},
    lambda p: {"milli": 9_000},
    lambda p: {"duration": 37},
    lambda p: {"duration": 168 * HOUR + 36},
    lambda p: {"start": p.now - 100},
    lambda p: {"start": p.now + 91 * 24 * HOUR},
)


def fill(play: Play) -> None:
    """One or two asks of providers, each with up to three bids."""
    groups = [_primary(play) for _ in range(play.pick(1, 1, 2))]
    _send(play, "market", fills.fill, groups)


def resale(play: Play) -> None:
    """An ask of a holder, who sells what it holds."""
    leases = play.leases(play.is_unstarted) or play.leases()
    chosen = play.some(leases, most=2)
    if chosen:
        _send(play, "resale", fills.resale, [_secondary(play, lease) for lease in chosen])


def _send(play: Play, contract: str, effect: Any, groups: list[tuple[Any, Group]]) -> None:
    caller = play.address("other" if play.one_in(20) else "stranger")
    encoded, meant = [group[0] for group in groups], [group[1] for group in groups]
    play.call(caller, contract, "fill", [encoded], effect, meant)


def _primary(play: Play) -> tuple[Any, Group]:
    ask, signature, signer = _ask(play)
    bids = [_bid_fill(play, ask) for _ in range(play.pick(1, 1, 2, 3))]
    return _grouped(play, ask, signature, signer, bids)


def _grouped(
    play: Play, ask: Ask, signature: bytes, signer: str | None, bids: list[tuple[Wanted, Any]]
) -> tuple[Any, Group]:
    name = "0x" + digest(ask, play.market_domain).hex()
    wanted = tuple(bid for bid, _ in bids)
    encoded = (as_tuple(ask), signature, [calldata for _, calldata in bids])
    return encoded, Group(ask, name, signer, wanted)


def _ask(play: Play) -> tuple[Ask, bytes, str | None]:
    live = [signed for signed in play.asks if signed[0].deadline > play.now or play.one_in(20)]
    if live and play.one_in(3):
        return play.dice.choice(live)
    number = play.dice.randrange(len(play.model.terms)) + 1
    seller = play.model.terms_of(number).provider
    named = play.one_in(2)
    ask = Ask(
        seller=seller,
        terms=number,
        price_per_gpu_hour=play.pick(*PRICES),
        window_start=play.now - HOUR,
        window_end=play.now + 80 * 24 * HOUR,
        valid_from=play.now - 5,
        deadline=play.now + (LATER if named else 290),
        nonce=play.next_nonce(seller),
        epoch=play.model.accounts[seller].epoch,
        max_fills=play.pick(0, 0, 0, 1, 2),
        quantity=play.pick(0, 0, 0, 3_600_000, 9_000_000),
        filler=play.address("stranger") if named else ZERO,
    )
    return _signed_ask(play, ask)


def _signed_ask(play: Play, ask: Ask) -> tuple[Ask, bytes, str | None]:
    if play.one_in(16):
        ask = replace(ask, **play.pick(*ASK_TWISTS)(play))
    signed = (ask, *play.signed_by(ask, ask.seller))
    play.asks.append(signed)
    return signed


def _bid_fill(play: Play, ask: Ask) -> tuple[Wanted, Any]:
    """A bid for what an ask offers, or one that came before and wants more."""
    terms = play.model.terms_of(ask.terms)
    step = terms.step
    shape = {
        "milli": step * play.pick(1, 1, 1, 2),
        "start": _start(play),
        "duration": play.pick(*DURATIONS) * (1 if step == 1000 else 4),
        "price": _price(play, ask),
    }
    if play.one_in(16):
        shape |= play.pick(*SHAPE_TWISTS)(play)
    live = [
        made
        for made in play.bids
        if play.one_in(30)
        or (_wants_more(play, made[0].bid) and made[0].proven == terms.device_class)
    ]
    if live and play.one_in(3):
        wanted, encoded = play.dice.choice(live)
        wanted = replace(wanted, **shape)
        return wanted, (*encoded[:3], *shape.values())
    return _new_bid(play, ask, shape, terms.device_class)


def _wants_more(play: Play, bid: Bid) -> bool:
    return bid.deadline > play.now and play.model.accounts[bid.buyer].is_open(bid.nonce)


def _start(play: Play) -> int:
    next_hour = (play.now // HOUR + 1) * HOUR
    soon = (play.now - 20, play.now + 20, play.now + 700)
    return play.pick(*soon, next_hour, *(next_hour + h * HOUR for h in (1, 1, 2, 3, 8)))


def _price(play: Play, ask: Ask) -> int:
    above = ask.filler != ZERO and play.one_in(2)
    return ask.price_per_gpu_hour + (7 * TICK if above else 0)


def _new_bid(
    play: Play, ask: Ask, shape: dict[str, int], leaf: bytes
) -> tuple[Wanted, tuple[Any, ...]]:
    buyer = play.pick(*_buyers(play, ask))
    root, proof, proven = _classes(play, leaf)
    named = ask.filler != ZERO or play.one_in(4)
    partial = play.one_in(3)
    bid = Bid(
        buyer=buyer,
        device_classes=root,
        milli=shape["milli"] * (3 if partial else 1),
        min_milli=play.pick(1, shape["milli"]),
        window_start=play.now - HOUR,
        window_end=play.now + 80 * 24 * HOUR,
        min_duration=1,
        max_duration=169 * HOUR,
        max_price_per_gpu_hour=2_500_000,
        valid_from=play.now - 5,
        deadline=play.now + (LATER if named else 290),
        nonce=play.next_nonce(buyer),
        epoch=play.model.accounts[buyer].epoch,
        max_reservation_fee_bps=5_000,
        interruptible=True,
        min_notice=play.pick(0, 900),
        budget=play.pick(0, 0, 8_000_000),
        max_fills=play.pick(2, 3) if partial else play.pick(0, 1),
        filler=play.address("stranger") if named else ZERO,
    )
    if play.one_in(10):
        bid = replace(bid, **play.pick(*BID_TWISTS)(play))
    return _signed_bid(play, bid, proof, proven, shape)


def _buyers(play: Play, ask: Ask) -> list[str]:
    """Mostly not who sells."""
    everyone = [play.address(name) for name in HOLDERS]
    return everyone if play.one_in(16) else [who for who in everyone if who != ask.seller]


def _signed_bid(
    play: Play, bid: Bid, proof: list[bytes], proven: bytes, shape: dict[str, int]
) -> tuple[Wanted, tuple[Any, ...]]:
    signature, signer = play.signed_by(bid, bid.buyer)
    name = "0x" + digest(bid, play.market_domain).hex()
    if not proof:
        proven = bid.device_classes
    elif bid.device_classes == keccak(b"other"):
        proven = bytes(32)
    wanted = Wanted(bid, name, signer, proven, **shape)
    made = (wanted, (as_tuple(bid), signature, proof, *shape.values()))
    play.bids.append(made)
    return made


def _classes(play: Play, leaf: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Root of the accepted leaves, a proof and what it proves: one leaf, or this and another."""
    if play.one_in(2):
        return leaf, [], leaf
    sibling = play.pick(*(c for c in (H100, A100, SLICE) if c != leaf))
    root = keccak(b"".join(sorted((leaf, sibling))))
    if play.one_in(16):
        return root, [keccak(b"wrong")], bytes(32)
    return root, [sibling], leaf


# ------------------------------------------------------------------ resale


def _secondary(play: Play, lease: Lease) -> tuple[Any, Group]:
    series, holder = lease
    parts = series_of(series)
    named = play.one_in(2)
    ask = Ask(
        seller=holder,
        terms=0,
        price_per_gpu_hour=parts.price_per_gpu_hour + TICK * play.pick(0, 0, -100, 33),
        window_start=play.now - 100 * HOUR,
        window_end=play.now + 80 * 24 * HOUR,
        valid_from=play.now - 5,
        deadline=play.now + (LATER if named else 290),
        nonce=play.next_nonce(holder),
        epoch=play.model.accounts[holder].epoch,
        max_fills=play.pick(0, 0, 1, 2),
        quantity=play.pick(0, 0, 3_600_000),
        series=series,
        filler=play.address("stranger") if named else ZERO,
    )
    if play.one_in(16):
        ask = replace(ask, **play.pick(*ASK_TWISTS)(play))
    signature, signer = play.signed_by(ask, ask.seller)
    bids = [_resale_bid(play, ask) for _ in range(play.pick(1, 1, 2))]
    return _grouped(play, ask, signature, signer, bids)


def _resale_bid(play: Play, ask: Ask) -> tuple[Wanted, Any]:
    parts = series_of(ask.series)
    shape = {
        "milli": parts.step * play.pick(1, 1, 2),
        "start": parts.start,
        "duration": parts.duration,
        "price": _price(play, ask),
    }
    if play.one_in(16):
        shape |= play.pick(*SHAPE_TWISTS)(play)
    named = fills.series_leaf(ask.series)
    plain = play.model.terms_of(parts.terms).device_class
    return _new_bid(play, ask, shape, play.pick(plain, named))
