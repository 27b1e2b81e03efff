"""Usage that is paid, and what happens when a position ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.orders import Skips
from model.parts import Flag, Lease, Position, Refused, series_of
from model.state import State

from contracts.protocol.typed_data import Voucher
from contracts.protocol.units import LOT_GPU_MS, cost, payment_down, share_down


@dataclass(frozen=True)
class SignedVoucher:
    """A voucher, and who signed it."""

    voucher: Voucher
    holder_signer: str | None
    agent_signer: str | None = None


def redeem(state: State, caller: str, vouchers: Sequence[SignedVoucher]) -> Skips:
    """Pay counter-signed usage; each voucher pays the difference."""
    del caller  # anybody
    refusals = [_redeem(state, signed) for signed in vouchers]
    return [refusal for refusal in refusals if refusal]


def _redeem(state: State, signed: SignedVoucher) -> str | None:
    voucher = signed.voucher
    lease = (voucher.series, voucher.holder)
    refusal = _usable(state, lease, voucher.used_gpu_ms, voucher.missed_intervals, voucher.is_final)
    if refusal:
        return refusal
    position = state.positions[lease]
    if not state.speaks_for(voucher.holder, signed.holder_signer):
        return "BadSignature"
    both = voucher.is_final or voucher.missed_intervals != position.missed
    provider = state.terms_of(series_of(voucher.series).terms).provider
    if both and not state.is_agent(provider, signed.agent_signer):
        return "BadSignature"
    pay_usage(state, lease, voucher.used_gpu_ms)
    position.missed = voucher.missed_intervals
    if voucher.is_final:
        position.flags |= Flag.FINAL
    return None


def redeem_group(
    state: State,
    caller: str,
    holder: str,
    signer: str | None,
    items: Sequence[tuple[int, int]],
) -> Skips:
    """Many leases of one holder: (series, used) pairs under one signature."""
    del caller  # anybody
    if not state.speaks_for(holder, signer):
        raise Refused("BadSignature")
    skips = []
    for series, used in items:
        lease = (series, holder)
        refusal = _usable(state, lease, used, state.copy_of(lease).missed, final=False)
        if refusal:
            skips.append(refusal)
        else:
            pay_usage(state, lease, used)
    return skips


def _usable(state: State, lease: Lease, used: int, missed: int, final: bool) -> str | None:
    position, parts = state.copy_of(lease), series_of(lease[0])
    if position.units == 0:
        return "NoPosition"
    if Flag.FINAL in position.flags:
        return "PositionFinal"
    if state.now < parts.start:
        return "NotStarted"
    if used < position.used or missed < position.missed:
        return "VoucherNotNewer"
    if (used, missed) == (position.used, position.missed) and not final:
        return "VoucherNotNewer"
    lost = position.milli * state.terms_of(parts.terms).receipt_interval * missed
    return "MoreThanElapsed" if used + lost > state.elapsed(lease) else None


def pay_usage(state: State, lease: Lease, used: int) -> int:
    """Raise a position's usage; the payment goes to the provider less the fee."""
    position, parts = state.positions[lease], series_of(lease[0])
    terms = state.terms_of(parts.terms)
    payment = payment_down(used, parts.ticks) - payment_down(position.used, parts.ticks)
    fee = share_down(payment, terms.fee_bps)
    state.credit(terms.provider, payment - fee)
    state.credit(state.parameters.treasury, fee)
    position.used = used
    return payment


# ------------------------------------------------------------------ close


@dataclass(frozen=True)
class Ending:
    """Who gets what of a position that closes."""

    refund: int
    reservation_fee: int
    credit: int
    """What the terms promise for missed intervals; the bond may hold less."""


def close(state: State, caller: str, leases: Sequence[Lease]) -> Skips:
    refusals = [_close(state, caller, lease) for lease in leases]
    return [refusal for refusal in refusals if refusal]


def _close(state: State, caller: str, lease: Lease) -> str | None:
    position, parts = state.copy_of(lease), series_of(lease[0])
    if position.units == 0:
        return "NoPosition"
    if Flag.CASE in position.flags:
        return "CaseOpen"
    before_start = state.now < parts.start and caller == lease[1]
    lapsed = before_start and state.is_lapsed(parts.terms)
    if not lapsed:
        over = state.now > position.end + state.times.redeem_grace or Flag.FINAL in position.flags
        if not over or state.now <= parts.start + state.times.start_grace:
            return "CloseTooEarly"
    result = ending(state, lease, waived=lapsed or Flag.FAULT in position.flags)
    provider = state.terms_of(parts.terms).provider
    state.positions[lease] = Position()
    state.credit(provider, result.reservation_fee)
    most = state.lease_bond(provider, position.milli)
    credited = state.bonds[provider].take(min(result.credit, most))
    state.credit(lease[1], result.refund + credited)
    return None


def ending(state: State, lease: Lease, waived: bool) -> Ending:
    """Price = payment for usage + reservation fee + refund; the credit comes from the bond."""
    position, parts = state.positions[lease], series_of(lease[0])
    terms, ticks = state.terms_of(parts.terms), parts.ticks
    sold = position.milli * max(0, position.end - parts.start)
    unused = max(0, sold - position.used)
    lost = position.milli * terms.receipt_interval * position.missed
    missed = min(position.units * LOT_GPU_MS - position.used, lost)
    stood = payment_down(max(0, unused - missed), ticks)
    reservation_fee = 0 if waived else share_down(stood, terms.reservation_fee_bps)
    rest = cost(position.units, ticks) - payment_down(position.used, ticks)
    credit = share_down(payment_down(missed, ticks), terms.sla_credit_bps)
    return Ending(rest - reservation_fee, reservation_fee, credit)
