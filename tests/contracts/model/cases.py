"""What one side says alone, and how that ends."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from model.parts import BURNED, Case, Flag, Lease, Position, Refused, Terms, series_of
from model.state import State
from model.usage import pay_usage

from contracts.protocol.typed_data import Verdict, Voucher
from contracts.protocol.units import LOT_GPU_MS, cost, payment_down, share_down

BOND_BPS = 2_000


class Kind(IntEnum):
    """What a case is about."""

    NONE = 0
    USAGE = 1
    NO_SHOW = 2


class Outcome(IntEnum):
    """How a case ended; the first four are verdicts."""

    HONEST = 1
    FAULT = 2
    FRAUD = 3
    INCONCLUSIVE = 4
    UNCHALLENGED = 5
    UNANSWERED = 6
    SILENT = 7
    AGREED = 8
    PROVEN = 9


# ------------------------------------------------------------------ the provider's calls


def claim_usage(state: State, caller: str, voucher: Voucher, signer: str | None) -> None:
    """Usage by the agent's word alone: once per lease, a few intervals, after CHALLENGE."""
    lease = (voucher.series, voucher.holder)
    position = _position(state, lease)
    _only_provider(state, caller, lease)
    _check_claimable(state, lease)
    target = _claimed(state, lease, voucher, signer)
    case = _open(state, lease, Kind.USAGE, state.times.challenge)
    case.base, case.target = position.used, target
    position.flags |= Flag.CASE | Flag.AGENT_CLAIMED


def answer(
    state: State,
    caller: str,
    lease: Lease,
    evidence: bytes,
    voucher: Voucher | None = None,
    signer: str | None = None,
) -> None:
    """Dispute a no-show claim, with a claim of usage or without."""
    _named(evidence)
    position = _position(state, lease)
    _only_provider(state, caller, lease)
    case = _undisputed(state, lease, Kind.NO_SHOW)
    if voucher is not None:
        if (voucher.series, voucher.holder) != lease:
            raise Refused("OtherLease")
        case.target = _claimed(state, lease, voucher, signer)
        case.base = position.used
        position.flags |= Flag.AGENT_CLAIMED
    _dispute(state, lease, case)


def release(state: State, caller: str, lease: Lease, evidence: bytes) -> None:
    """End a lease whose holder signed nothing for too long."""
    _named(evidence)
    position, terms = _position(state, lease), _terms(state, lease)
    _only_provider(state, caller, lease)
    if Flag.FINAL in position.flags:
        raise Refused("PositionFinal")
    if Flag.CASE in position.flags:
        raise Refused("CaseOpen")
    unsigned = terms.receipt_interval * terms.unsigned_intervals
    if state.now < series_of(lease[0]).start + unsigned:
        raise Refused("ReleaseTooEarly")
    if state.now >= position.end:
        raise Refused("LeaseOver")
    position.end = state.now
    position.flags |= Flag.CUT


def interrupt(state: State, caller: str, lease: Lease) -> None:
    """End an interruptible lease after its notice."""
    position, terms = _position(state, lease), _terms(state, lease)
    _only_provider(state, caller, lease)
    if Flag.FINAL in position.flags:
        raise Refused("PositionFinal")
    if not terms.interruptible:
        raise Refused("NotInterruptible")
    end = max(state.now + terms.notice, series_of(lease[0]).start)
    if end >= position.end:
        raise Refused("LeaseOver")
    position.end = end
    position.flags |= Flag.CUT


# ------------------------------------------------------------------ the holder's calls


def challenge(state: State, caller: str, lease: Lease, evidence: bytes) -> None:
    _by_holder(state, caller, lease, evidence)
    case = _undisputed(state, lease, Kind.USAGE)
    _dispute(state, lease, case)
    _take_bond(state, caller, lease, case, case.target)


def claim_no_show(state: State, caller: str, lease: Lease, evidence: bytes) -> None:
    position = _by_holder(state, caller, lease, evidence)
    _check_claimable(state, lease)
    case = _open(state, lease, Kind.NO_SHOW, state.times.response)
    _take_bond(state, caller, lease, case, _window(state, lease))
    position.flags |= Flag.CASE


# ------------------------------------------------------------------ anybody's calls


def decide(state: State, caller: str, verdict: Verdict, signers: Sequence[str | None]) -> None:
    """End a disputed case by k of n arbiters."""
    del caller
    lease = (verdict.series, verdict.holder)
    case = state.cases[lease]
    if case.kind == Kind.NONE or case.number != verdict.number:
        raise Refused("NoCase")
    if not case.disputed:
        raise Refused("WrongStage")
    if state.now >= case.deadline:
        raise Refused("StageOver")
    if not 1 <= verdict.outcome <= Outcome.INCONCLUSIVE:
        raise Refused("BadOutcome")
    _named(verdict.evidence)
    _check_arbiters(state, _terms(state, lease).arbiter_set, case.role_bond, signers)
    arbiters = [signer for signer in signers if signer]
    end_case(state, lease, Outcome(verdict.outcome), arbiters)


def resolve(state: State, caller: str, lease: Lease) -> None:
    """End a case whose time is over, or that a final voucher made pointless."""
    del caller
    case, position = state.cases[lease], state.copy_of(lease)
    if case.kind == Kind.NONE:
        raise Refused("NoCase")
    agreed = not case.disputed and Flag.FINAL in position.flags
    if not agreed and state.now < case.deadline:
        raise Refused("StageNotOver")
    undisputed = Outcome.UNCHALLENGED if case.kind == Kind.USAGE else Outcome.UNANSWERED
    outcome = Outcome.SILENT if case.disputed else undisputed
    end_case(state, lease, Outcome.AGREED if agreed else outcome, [])


def end_case(state: State, lease: Lease, outcome: Outcome, arbiters: Sequence[str]) -> None:
    """Pay what was found, slash what was proven, and give every bond to whom it belongs."""
    case, before = state.cases[lease], state.copy_of(lease)
    state.cases[lease] = case.emptied()
    provider = _terms(state, lease).provider
    if outcome in (Outcome.FRAUD, Outcome.PROVEN):
        state.cases[lease].slashed = True
    _settle(state, lease, case, outcome)
    each = case.dispute_fee // len(arbiters) if arbiters else 0
    fee = each * len(arbiters)
    covered = _slash(state, lease, before, outcome, fee)
    for arbiter in arbiters:
        state.debit(state.arbitration, each)
        state.credit(arbiter, each)
    back = case.bond + covered - fee
    state.debit(state.arbitration, back)
    state.credit(provider if outcome == Outcome.HONEST else case.claimant, back)


def _settle(state: State, lease: Lease, case: Case, outcome: Outcome) -> None:
    position, terms = state.positions[lease], _terms(state, lease)
    position.flags &= ~Flag.CASE
    if outcome in (Outcome.FRAUD, Outcome.PROVEN, Outcome.FAULT, Outcome.UNANSWERED):
        interval = position.milli * terms.receipt_interval
        # A release does not shorten what its provider answers for; an interruption does.
        sold = _window(state, lease) if terms.interruptible else position.units * LOT_GPU_MS
        unserved = max(0, sold - position.used) // interval
        # Of credit and slash a lease gets one: the credit follows from missed intervals.
        fault = outcome in (Outcome.FAULT, Outcome.UNANSWERED)
        position.missed = unserved if fault else 0
        position.flags |= Flag.FINAL | Flag.FAULT
        return
    if Flag.FINAL in position.flags:
        return
    used = case.target
    if outcome in (Outcome.INCONCLUSIVE, Outcome.SILENT):
        used = case.base + (case.target - case.base) // 2
    used = min(used, _servable(state, lease, position.missed))
    if used > position.used:
        pay_usage(state, lease, used)


def _slash(state: State, lease: Lease, before: Position, outcome: Outcome, fee: int) -> int:
    """Take from the provider's bond what the outcome costs it; returns what pays the arbiters."""
    if outcome not in (Outcome.FRAUD, Outcome.PROVEN, Outcome.FAULT):
        return 0
    provider, ticks = _terms(state, lease).provider, series_of(lease[0]).ticks
    room = state.lease_bond(provider, before.milli)
    if outcome != Outcome.FAULT:
        taken = state.bonds[provider].take(min(cost(before.units, ticks), room))
        to_victim = min(taken, payment_down(before.used, ticks))
        state.credit(lease[1], to_victim)
        state.credit(BURNED, taken - to_victim)
        room -= taken
    covered = state.bonds[provider].take(min(fee, room))
    state.credit(state.arbitration, covered)
    return covered


# ------------------------------------------------------------------ who, what and how much


def _terms(state: State, lease: Lease) -> Terms:
    return state.terms_of(series_of(lease[0]).terms)


def _position(state: State, lease: Lease) -> Position:
    position = state.positions[lease]
    if position.units == 0:
        raise Refused("NoPosition")
    return position


def _named(evidence: bytes) -> None:
    if evidence == bytes(32):
        raise Refused("NoEvidence")


def _only_provider(state: State, caller: str, lease: Lease) -> None:
    provider = _terms(state, lease).provider
    if caller not in (provider, state.agents[provider]):
        raise Refused("OnlyProvider")


def _by_holder(state: State, caller: str, lease: Lease, evidence: bytes) -> Position:
    _named(evidence)
    if not state.speaks_for(lease[1], caller):
        raise Refused("OnlyHolder")
    return _position(state, lease)


def _check_claimable(state: State, lease: Lease) -> None:
    position = state.positions[lease]
    if Flag.FINAL in position.flags:
        raise Refused("PositionFinal")
    if Flag.CASE in position.flags:
        raise Refused("CaseOpen")
    if state.now < series_of(lease[0]).start:
        raise Refused("NotStarted")
    if state.now > position.end + state.times.redeem_grace:
        raise Refused("ClaimTooLate")


def _claimed(state: State, lease: Lease, voucher: Voucher, signer: str | None) -> int:
    """What the agent's word alone comes to."""
    position, terms = state.positions[lease], _terms(state, lease)
    if Flag.AGENT_CLAIMED in position.flags:
        raise Refused("AgentClaimSpent")
    if not state.is_agent(terms.provider, signer):
        raise Refused("BadSignature")
    beyond = position.milli * terms.receipt_interval * terms.unsigned_intervals
    missed = max(position.missed, voucher.missed_intervals)
    limit = min(position.used + beyond, _servable(state, lease, missed))
    target = min(voucher.used_gpu_ms, limit)
    if target <= position.used:
        raise Refused("NothingClaimed")
    return target


def _servable(state: State, lease: Lease, missed: int) -> int:
    """GPU-ms that elapsed, less those of missed intervals."""
    interval = state.positions[lease].milli * _terms(state, lease).receipt_interval
    return max(0, state.elapsed(lease) - interval * missed)


def _window(state: State, lease: Lease) -> int:
    position = state.positions[lease]
    return position.milli * max(0, position.end - series_of(lease[0]).start)


def _open(state: State, lease: Lease, kind: Kind, seconds: int) -> Case:
    case = state.cases[lease]
    case.number += 1
    case.kind, case.deadline = kind, state.now + seconds
    case.dispute_fee = state.parameters.dispute_fee
    case.role_bond = state.parameters.role_bond
    return case


def _undisputed(state: State, lease: Lease, kind: Kind) -> Case:
    case = state.cases[lease]
    if case.kind != kind or case.disputed:
        raise Refused("WrongStage")
    if state.now >= case.deadline:
        raise Refused("StageOver")
    return case


def _dispute(state: State, lease: Lease, case: Case) -> None:
    """Terms without arbiters have nobody to wait for."""
    case.disputed = True
    case.deadline = state.now + (state.times.verdict if _terms(state, lease).arbiter_set else 0)


def _take_bond(state: State, caller: str, lease: Lease, case: Case, used: int) -> None:
    """max(dispute fee, 20 % of what `used` would still pay), from the caller."""
    position, ticks = state.positions[lease], series_of(lease[0]).ticks
    amount = payment_down(max(used, position.used), ticks) - payment_down(position.used, ticks)
    case.claimant = caller
    case.bond = max(share_down(amount, BOND_BPS), case.dispute_fee)
    state.debit(caller, case.bond)
    state.credit(state.arbitration, case.bond)


def _check_arbiters(
    state: State, number: int, role_bond: int, signers: Sequence[str | None]
) -> None:
    members, threshold = ((), 0) if number == 0 else state.parameters.arbiter_sets[number - 1]
    for place, signer in enumerate(signers):
        if signer is None or signer not in members:
            raise Refused("NotArbiter")
        if signer in signers[:place]:
            raise Refused("ArbiterRepeated")
        if state.free_bond(signer) < role_bond:
            raise Refused("ArbiterBondTooLow")
    if len(signers) < threshold:
        raise Refused("TooFewArbiters")
