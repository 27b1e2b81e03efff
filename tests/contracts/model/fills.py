"""New leases, and leases that change hands by signed orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from model import units
from model.orders import (
    Group,
    Skips,
    Wanted,
    ask_rest,
    bid_rest,
    buyer,
    clock,
    is_done,
    keeps_record,
    maker,
    pair,
    validity,
)
from model.parts import ZERO, Lease, Record, Refused, series_of
from model.registry import reserve
from model.state import State

from contracts.protocol.hashing import keccak
from contracts.protocol.series import Series
from contracts.protocol.units import TICK, share_down

Begin = Callable[[State, str, Group], str | None]
Take = Callable[[State, str, Group, Wanted], str | None]


def fill(state: State, caller: str, groups: Sequence[Group]) -> Skips:
    """Pair asks of providers with bids."""
    return _batch(state, caller, groups, _open_sale, _fill_bid)


def _batch(state: State, caller: str, groups: Sequence[Group], begin: Begin, take: Take) -> Skips:
    """An ask that fails is skipped with its bids, a bid alone."""
    if state.now < state.parameters.paused_until:
        raise Refused("FillsPaused")
    skips: Skips = []
    for group in groups:
        refusal = begin(state, caller, group)
        if refusal:
            skips.append(refusal)
            continue
        refusals = (take(state, caller, group, wanted) for wanted in group.fills)
        skips.extend(refusal for refusal in refusals if refusal)
    return skips


def _open_sale(state: State, caller: str, group: Group) -> str | None:
    ask = group.ask
    if ask.series:
        return "WrongMarket"
    refusal = validity(state, ask, caller)
    if refusal:
        return refusal
    provider = state.terms_of(ask.terms).provider
    if provider == ZERO or provider != ask.seller:
        return "TermsNotSellers"
    refusal = maker(state, ask.seller, ask)
    if refusal:
        return refusal
    return None if group.signer == ask.seller else "BadSignature"


def _fill_bid(state: State, caller: str, group: Group, wanted: Wanted) -> str | None:
    ask, bid, terms = group.ask, wanted.bid, state.terms_of(group.ask.terms)
    end = wanted.start + wanted.duration
    refusal = (
        pair(state, caller, ask, terms, terms.device_class, wanted)
        or clock(state, wanted.start)
        or ask_rest(ask, state.records[group.digest], wanted.gpu_ms)
        or bid_rest(bid, state.records[wanted.digest], wanted.milli, wanted.payment)
        or buyer(state, bid, wanted.payment)
        or (None if wanted.signer == bid.buyer else "BadSignature")
    )
    if refusal:
        return refusal
    series = Series(wanted.start, wanted.duration, wanted.ticks, terms.step, ask.terms).id
    lease = (series, bid.buyer)
    if state.positions[lease].flags:
        return "PositionNotOpen"
    refusal = reserve(state, ask.terms, wanted.milli, wanted.start, end)
    if refusal:
        return refusal
    _remember(state, group, wanted)
    state.debit(bid.buyer, wanted.payment)
    state.add_units(lease, wanted.units, wanted.milli, end)
    return None


def _remember(state: State, group: Group, wanted: Wanted) -> None:
    """Records of both orders, and the nonce of a bid that is done."""
    added = (wanted.gpu_ms, wanted.milli, wanted.payment, state.now)
    if keeps_record(group.ask):
        state.records[group.digest] = state.records[group.digest].add(*added)
    record = Record().add(*added)
    if keeps_record(wanted.bid):
        record = state.records[wanted.digest].add(*added)
        state.records[wanted.digest] = record
    if is_done(wanted.bid, record):
        state.accounts[wanted.bid.buyer].spend(wanted.bid.nonce)


# ------------------------------------------------------------------ resale


def resale(state: State, caller: str, groups: Sequence[Group]) -> Skips:
    """Pair asks of holders, which name a series, with bids."""
    return _batch(state, caller, groups, _open_offer, _sell)


def _open_offer(state: State, caller: str, group: Group) -> str | None:
    ask = group.ask
    if ask.series == 0 or ask.terms:
        return "WrongMarket"
    refusal = validity(state, ask, caller)
    if refusal:
        return refusal
    refusal = _movable(state, (ask.series, ask.seller)) or maker(state, ask.seller, ask)
    if refusal:
        return refusal
    return None if group.signer == ask.seller else "BadSignature"


def _movable(state: State, lease: Lease) -> str | None:
    """Whether units may change hands, and still have devices behind them."""
    position, parts = state.copy_of(lease), series_of(lease[0])
    if position.units == 0:
        return "NoPosition"
    if position.flags:
        return "PositionNotOpen"
    if state.now + state.times.freeze >= parts.start:
        return "TransfersFrozen"
    return "AttestationExpired" if state.is_lapsed(parts.terms) else None


def _sell(state: State, caller: str, group: Group, wanted: Wanted) -> str | None:
    ask, bid = group.ask, wanted.bid
    refusal = _offered(state, caller, group, wanted) or ask_rest(
        ask, state.records[group.digest], wanted.gpu_ms
    )
    if refusal:
        return refusal
    if wanted.units > state.positions[ask.series, ask.seller].units:
        return "ERC1155InsufficientBalance"
    refusal = bid_rest(bid, state.records[wanted.digest], wanted.milli, wanted.payment) or buyer(
        state, bid, wanted.payment
    )
    if refusal:
        return refusal
    if state.positions[ask.series, bid.buyer].flags:
        return "PositionNotOpen"
    if wanted.signer != bid.buyer:
        return "BadSignature"
    _remember(state, group, wanted)
    fee = share_down(wanted.payment, state.terms_of(series_of(ask.series).terms).fee_bps)
    state.debit(bid.buyer, wanted.payment)
    state.credit(ask.seller, wanted.payment - fee)
    state.credit(state.parameters.treasury, fee)
    units.move(state, ask.seller, bid.buyer, ask.series, wanted.units)
    return None


def series_leaf(series: int) -> bytes:
    """What a bid names instead of a class to accept one series at any price."""
    return keccak(series.to_bytes(32, "big"))


def _offered(state: State, caller: str, group: Group, wanted: Wanted) -> str | None:
    """The rules of a fill, for the window and the terms of the series."""
    ask, parts = group.ask, series_of(group.ask.series)
    if ask.seller == wanted.bid.buyer:
        return "SellerIsBuyer"
    if wanted.start != parts.start:
        return "WindowOutsideLimits"
    if wanted.duration != parts.duration:
        return "DurationOutsideLimits"
    terms, leaf = state.terms_of(parts.terms), series_leaf(ask.series)
    named = wanted.proven == leaf
    refusal = pair(state, caller, ask, terms, leaf if named else terms.device_class, wanted)
    if refusal or named:
        return refusal
    return "AboveSeriesPrice" if wanted.price > parts.ticks * TICK else None
