"""Whoever signs two things that cannot both be true is slashed; anybody may prove it."""

from __future__ import annotations

from model.cases import BOND_BPS, Outcome, end_case
from model.parts import BURNED, ZERO, Lease, Refused, series_of
from model.state import State

from contracts.protocol.hashing import keccak
from contracts.protocol.typed_data import (
    AcknowledgedAction,
    Acknowledgement,
    Ask,
    Attestation,
    Bid,
    Receipt,
    Verdict,
)
from contracts.protocol.units import MILLI_PER_DEVICE, share_down

MIG = 3
ROUNDING = 1
"""Seconds that two honest receipts may have in common."""

Signed = tuple[Receipt, str | None]
"""A receipt and who signed it."""


def prove_receipts(state: State, caller: str, first: Signed, second: Signed) -> None:
    """Two receipts of one lease."""
    del caller
    lease = _lease(first[0])
    if _lease(second[0]) != lease:
        raise Refused("OtherLease")
    for receipt, signer in (first, second):
        _check_agent(state, receipt, signer)
    if not contradict(first[0], second[0]):
        raise Refused("NoContradiction")
    if state.copy_of(lease).units == 0:
        raise Refused("NoPosition")
    if state.now < series_of(lease[0]).start:
        raise Refused("NotStarted")
    if not _convict(state, lease):
        raise Refused("AlreadySlashed")


def prove_overlap(state: State, caller: str, first: Signed, second: Signed) -> None:
    """Receipts of two leases of one provider that count one device twice."""
    del caller
    one, two = _lease(first[0]), _lease(second[0])
    if one == two:
        raise Refused("OtherLease")
    if _provider(state, one) != _provider(state, two):
        raise Refused("DifferentProviders")
    for receipt, signer in (first, second):
        _check_agent(state, receipt, signer)
    if not overlap(state, first[0], second[0]):
        raise Refused("NoContradiction")
    convicted = [_convict(state, lease) for lease in (one, two)]
    if not any(convicted):
        raise Refused("NothingToSlash")


def contradict(a: Receipt, b: Receipt) -> bool:
    if a.sequence == b.sequence:
        return a != b
    earlier, later = (a, b) if a.sequence < b.sequence else (b, a)
    shrinks = (
        later.used_gpu_ms < earlier.used_gpu_ms
        or later.missed_intervals < earlier.missed_intervals
        or later.tokens < earlier.tokens
    )
    measured = earlier.energy_measured and later.energy_measured
    less_energy = measured and later.energy_millijoules < earlier.energy_millijoules
    return shrinks or less_energy or later.interval_start < earlier.interval_end


def overlap(state: State, a: Receipt, b: Receipt) -> bool:
    common = min(a.interval_end, b.interval_end) - max(a.interval_start, b.interval_start)
    if common <= ROUNDING or not set(a.devices) & set(b.devices):
        return False
    terms = [state.terms_of(series_of(r.series).terms) for r in (a, b)]
    if any(t.isolation >= MIG for t in terms):
        return True
    return sum(_least_share(state, receipt) for receipt in (a, b)) > MILLI_PER_DEVICE


def _least_share(state: State, receipt: Receipt) -> int:
    """What of a lease's milli does not fit on its other devices."""
    position = state.copy_of(_lease(receipt))
    milli = position.milli if position.units else series_of(receipt.series).step
    return max(0, milli - MILLI_PER_DEVICE * (len(receipt.devices) - 1))


def _lease(receipt: Receipt) -> Lease:
    return (receipt.series, receipt.holder)


def _provider(state: State, lease: Lease) -> str:
    return state.terms_of(series_of(lease[0]).terms).provider


def _check_agent(state: State, receipt: Receipt, signer: str | None) -> None:
    at = max(receipt.interval_end, series_of(receipt.series).start)
    if not state.was_agent(_provider(state, _lease(receipt)), signer, at):
        raise Refused("BadSignature")


def _convict(state: State, lease: Lease) -> bool:
    """Slash a lease once, as for fraud, and end its case."""
    started = state.now >= series_of(lease[0]).start
    if state.copy_of(lease).units == 0 or not started or state.cases[lease].slashed:
        return False
    end_case(state, lease, Outcome.PROVEN, [])
    return True


# ------------------------------------------------------------------ operators, arbiters, auditors


def prove_cancelled(
    state: State,
    caller: str,
    order: Ask | Bid,
    digest: str,
    word: tuple[Acknowledgement, str | None],
) -> None:
    """The filler that an order names acknowledged its cancel and filled it later."""
    del caller
    acknowledgement, signer = word
    cancelled = acknowledgement.action == AcknowledgedAction.CANCELLED
    if acknowledgement.order != bytes.fromhex(digest[2:]) or not cancelled:
        raise Refused("NotCancelled")
    if order.filler == ZERO or signer != order.filler:
        raise Refused("BadSignature")
    record = state.records[digest]
    if record.filled_at <= acknowledgement.at:
        raise Refused("NotFilledAfter")
    _prove(state, acknowledgement.order)
    amount = max(share_down(record.cost, BOND_BPS), state.parameters.dispute_fee)
    taken = state.bonds[order.filler].take(amount)
    if taken == 0:
        raise Refused("NothingToSlash")
    state.credit(order.seller if isinstance(order, Ask) else order.buyer, taken)


def prove_verdicts(
    state: State, caller: str, first: tuple[Verdict, str | None], second: tuple[Verdict, str | None]
) -> None:
    """One arbiter signed two outcomes for one case."""
    one, two = first[0], second[0]
    case = (one.series, one.holder, one.number)
    if case != (two.series, two.holder, two.number) or one.outcome == two.outcome:
        raise Refused("NoContradiction")
    arbiter = _one_signer(first[1], second[1])
    number = state.terms_of(series_of(one.series).terms).arbiter_set
    if number == 0 or arbiter not in state.parameters.arbiter_sets[number - 1][0]:
        raise Refused("NotArbiter")
    holder = int(one.holder, 16)
    _slash_role(state, caller, arbiter, _hash(int(arbiter, 16), one.series, holder, one.number))


def prove_attestations(
    state: State,
    caller: str,
    first: tuple[Attestation, str | None],
    second: tuple[Attestation, str | None],
) -> None:
    """One auditor attested one device to two providers."""
    one, two = first[0], second[0]
    alike = one.evidence == two.evidence or one.expiry == two.expiry
    if one.device != two.device or one.provider == two.provider or not alike:
        raise Refused("NoContradiction")
    auditor = _one_signer(first[1], second[1])
    if auditor not in state.parameters.auditors:
        raise Refused("NotAuditor")
    device = int.from_bytes(one.device, "big")
    _slash_role(state, caller, auditor, _hash(int(auditor, 16), device))


def _one_signer(first: str | None, second: str | None) -> str:
    if first is None or first != second:
        raise Refused("DifferentSigners")
    return first


def _slash_role(state: State, caller: str, culprit: str, proof: bytes) -> None:
    """Half to the prover, half burned, so that nobody takes its bond out against itself."""
    amount = min(state.parameters.role_bond, state.bonds[culprit].whole)
    if amount == 0:
        raise Refused("NothingToSlash")
    _prove(state, proof)
    state.bonds[culprit].take(amount)
    state.credit(caller, amount // 2)
    state.credit(BURNED, amount - amount // 2)


def _prove(state: State, proof: bytes) -> None:
    if proof in state.proven:
        raise Refused("AlreadyProven")
    state.proven.add(proof)


def _hash(*words: int) -> bytes:
    return keccak(b"".join(word.to_bytes(32, "big") for word in words))
