"""What governance sets, behind the timelock, and the pause."""

from __future__ import annotations

from collections.abc import Sequence

from model.parts import ZERO, Refused
from model.state import State

MAX_FEE_BPS = 1_000
MAX_ATTESTATION_FEE = 100 * 10**6
MAX_DISPUTE_FEE = 1_000 * 10**6
MAX_ROLE_BOND = 100_000 * 10**6
MAX_PAUSE = 7 * 24 * 3600
DONE = 1

Values = tuple[object, ...]


def set_parameter(state: State, caller: str, function: str, values: Values) -> None:
    """A setter of `Parameters`, called directly: the timelock alone may."""
    if caller != state.timelock:
        raise Refused("AccessControlUnauthorizedAccount")
    SETTERS[function](state, *values)


def schedule(state: State, caller: str, operation: bytes, delay: int) -> None:
    if caller != state.governor:
        raise Refused("AccessControlUnauthorizedAccount")
    if operation in state.scheduled:
        raise Refused("TimelockUnexpectedOperationState")
    state.scheduled[operation] = state.now + delay


def execute(state: State, caller: str, operation: bytes, function: str, values: Values) -> None:
    """What was announced and has waited; anybody's call."""
    del caller
    ready = state.scheduled.get(operation, 0)
    if ready <= DONE or state.now < ready:
        raise Refused("TimelockUnexpectedOperationState")
    set_parameter(state, state.timelock, function, values)
    state.scheduled[operation] = DONE


def pause(state: State, caller: str, duration: int) -> None:
    if caller != state.pauser:
        raise Refused("AccessControlUnauthorizedAccount")
    if not 0 < duration <= MAX_PAUSE:
        raise Refused("PauseOutOfRange")
    state.parameters.paused_until = state.now + duration


def unpause(state: State, caller: str) -> None:
    if caller not in (state.pauser, state.timelock):
        raise Refused("AccessControlUnauthorizedAccount")
    if state.now >= state.parameters.paused_until:
        raise Refused("NotPaused")
    state.parameters.paused_until = state.now


def _set_fee(state: State, fee_bps: int) -> None:
    if fee_bps > MAX_FEE_BPS:
        raise Refused("FeeTooHigh")
    state.parameters.fee_bps = fee_bps


def _set_treasury(state: State, treasury: str) -> None:
    if treasury == ZERO:
        raise Refused("ZeroAddress")
    state.parameters.treasury = treasury


def _set_auditors(state: State, auditors: Sequence[str], threshold: int) -> None:
    _check_members(auditors, threshold, "BadAuditor")
    state.parameters.auditors = tuple(auditors)
    state.parameters.auditor_threshold = threshold


def _add_arbiter_set(state: State, arbiters: Sequence[str], threshold: int) -> None:
    _check_members(arbiters, threshold, "BadArbiter")
    state.parameters.arbiter_sets.append((tuple(arbiters), threshold))


def _check_members(members: Sequence[str], threshold: int, bad: str) -> None:
    if not 0 < threshold <= len(members):
        raise Refused("BadThreshold")
    if ZERO in members or len(set(members)) != len(members):
        raise Refused(bad)


def _set_default_min_bond(state: State, amount: int) -> None:
    state.parameters.default_min_bond = amount


def _set_min_bond(state: State, device_class: bytes, amount: int, is_set: bool) -> None:
    state.parameters.class_bonds.pop(device_class, None)
    if is_set:
        state.parameters.class_bonds[device_class] = amount


def _set_role_bond(state: State, amount: int) -> None:
    if amount > MAX_ROLE_BOND:
        raise Refused("RoleBondTooHigh")
    state.parameters.role_bond = amount


def _set_fees(state: State, attestation_fee: int, dispute_fee: int) -> None:
    if attestation_fee > MAX_ATTESTATION_FEE:
        raise Refused("AttestationFeeTooHigh")
    if dispute_fee > MAX_DISPUTE_FEE:
        raise Refused("DisputeFeeTooHigh")
    state.parameters.attestation_fee = attestation_fee
    state.parameters.dispute_fee = dispute_fee


SETTERS = {
    "setFee": _set_fee,
    "setTreasury": _set_treasury,
    "setAuditors": _set_auditors,
    "addArbiterSet": _add_arbiter_set,
    "setDefaultMinBond": _set_default_min_bond,
    "setMinBond": _set_min_bond,
    "setRoleBond": _set_role_bond,
    "setFees": _set_fees,
}
