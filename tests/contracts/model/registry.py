"""Providers: keys, terms, devices and hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from model.parts import HOUR, ZERO, Capacity, Device, Refused, Terms, hours_of
from model.state import State

from contracts.protocol.typed_data import Attestation, Revocation
from contracts.protocol.units import BPS, MAX_DURATION, MILLI_PER_DEVICE

MIG, HOST = 3, 5
MAX_UNSIGNED_SECONDS = 600
MAX_RESERVATION_FEE_BPS = 5_000
MAX_LANES = 511
MAX_VALIDITY = 400 * 24 * HOUR


def register(state: State, caller: str, agent: str) -> None:
    if agent == ZERO:
        raise Refused("ZeroAddress")
    if caller in state.agents:
        raise Refused("AlreadyRegistered")
    state.agents[caller] = agent


def set_agent(state: State, caller: str, agent: str) -> None:
    if agent == ZERO:
        raise Refused("ZeroAddress")
    previous = _registered(state, caller)
    if agent != previous:
        state.agents[caller] = agent
        state.agent_until[caller, previous] = state.now + state.times.redeem_grace


def register_terms(state: State, caller: str, terms: Terms) -> None:
    """Terms of the caller, under the next number and at the fee of now."""
    _registered(state, caller)
    if terms.device_class == bytes(32):
        raise Refused("BadClass")
    if not 1 <= terms.isolation <= HOST:
        raise Refused("BadIsolation")
    divides = terms.step > 0 and MILLI_PER_DEVICE % terms.step == 0
    if not divides or (terms.isolation >= MIG and terms.step != MILLI_PER_DEVICE):
        raise Refused("BadStep")
    if not 0 < terms.receipt_interval * terms.unsigned_intervals <= MAX_UNSIGNED_SECONDS:
        raise Refused("BadReceiptInterval")
    if terms.reservation_fee_bps > MAX_RESERVATION_FEE_BPS or terms.sla_credit_bps > BPS:
        raise Refused("BpsTooHigh")
    if (terms.notice != 0) != terms.interruptible or terms.notice > MAX_DURATION:
        raise Refused("BadNotice")
    if terms.arbiter_set > len(state.parameters.arbiter_sets):
        raise Refused("UnknownArbiterSet")
    state.terms.append(replace(terms, provider=caller, fee_bps=state.parameters.fee_bps))


def attest(
    state: State,
    caller: str,
    attestations: Sequence[Attestation],
    signers: Sequence[Sequence[str | None]],
) -> None:
    """Enrol or renew devices; all or nothing."""
    for attestation, signed in zip(attestations, signers, strict=True):
        _registered(state, attestation.provider)
        _check_attestation(state, attestation)
        _check_auditors(state, signed)
        is_new = state.devices[attestation.device].provider == ZERO
        _enrol(state, attestation)
        if is_new:
            _check_shares(state, attestation.provider)
        for auditor in signed:
            if auditor is not None and state.parameters.attestation_fee:
                state.debit(caller, state.parameters.attestation_fee)
                state.credit(auditor, state.parameters.attestation_fee)


def _check_attestation(state: State, attestation: Attestation) -> None:
    if attestation.device_class == bytes(32):
        raise Refused("BadClass")
    if attestation.device in (bytes(32), attestation.parent):
        raise Refused("BadDevice")
    if attestation.lane_milli == 0 or MILLI_PER_DEVICE % attestation.lane_milli:
        raise Refused("BadLane")
    if attestation.evidence == bytes(32):
        raise Refused("NoEvidence")
    if attestation.expiry <= state.now:
        raise Refused("StaleAttestation")
    if attestation.expiry > state.now + MAX_VALIDITY:
        raise Refused("AttestationTooLong")


def _check_shares(state: State, provider: str) -> None:
    """No new device makes the shares of sold leases smaller than the minimum."""
    if state.bonds[provider].bonded >= state.required_bond(provider):
        return
    ends = [c.last_sold_end for (owner, _), c in state.capacities.items() if owner == provider]
    if state.now < max(ends) + state.times.redeem_grace + state.times.longest_case:
        raise Refused("BondTooLow")


def revoke(
    state: State,
    _caller: str,
    revocations: Sequence[Revocation],
    signers: Sequence[Sequence[str | None]],
) -> None:
    """Auditors end attestations early; all or nothing."""
    for revocation, signed in zip(revocations, signers, strict=True):
        _check_auditors(state, signed)
        device = state.devices[revocation.device]
        if device.provider == ZERO:
            raise Refused("DeviceUnknown")
        if revocation.evidence == bytes(32):
            raise Refused("NoEvidence")
        if device.is_revoked or device.expiry != revocation.expiry:
            raise Refused("NotRevocable")
        device.is_revoked = True
        _reprice(state, device.provider, device.device_class)


def _reprice(state: State, provider: str, device_class: bytes) -> None:
    capacity = state.capacities[provider, device_class]
    capacity.min_bond_per_milli = state.parameters.min_bond(device_class)


def _check_auditors(state: State, signers: Sequence[str | None]) -> None:
    for place, signer in enumerate(signers):
        if signer not in state.parameters.auditors:
            raise Refused("NotAuditor")
        if signer in signers[:place]:
            raise Refused("AuditorRepeated")
        if state.free_bond(signer) < state.parameters.role_bond:
            raise Refused("RoleBondTooLow")
    if len(signers) < state.parameters.auditor_threshold:
        raise Refused("TooFewAuditors")


def _enrol(state: State, attestation: Attestation) -> None:
    device = state.devices[attestation.device]
    key = (attestation.provider, attestation.device_class)
    if attestation.expiry <= device.expiry:
        raise Refused("StaleAttestation")
    lanes, per_device = state.lanes(*key), MILLI_PER_DEVICE // attestation.lane_milli
    if lanes and state.capacities[key].lane_milli != attestation.lane_milli:
        raise Refused("LaneMismatch")
    if device.provider == ZERO:
        _admit(state, attestation)
        if lanes + per_device > MAX_LANES:
            raise Refused("TooManyLanes")
    elif (device.provider, device.device_class, device.parent) != (*key, attestation.parent):
        raise Refused("DeviceTaken")
    state.devices[attestation.device] = Device(
        attestation.provider, attestation.expiry, attestation.device_class, attestation.parent
    )
    if attestation.parent != bytes(32):
        parent = state.devices[attestation.parent]
        parent.expiry = max(parent.expiry, attestation.expiry)
    capacity = state.capacities.setdefault(key, Capacity())
    capacity.lane_milli = attestation.lane_milli
    capacity.min_bond_per_milli = state.parameters.min_bond(attestation.device_class)


def slices_of(state: State, device: bytes) -> int:
    return sum(d.parent == device and d.provider != ZERO for d in state.devices.values())


def _admit(state: State, attestation: Attestation) -> None:
    """A whole device and its slices exclude each other."""
    if slices_of(state, attestation.device):
        raise Refused("SlicesEnrolled")
    if attestation.parent == bytes(32):
        return
    parent = state.devices[attestation.parent]
    if parent.provider != ZERO:
        raise Refused("ParentEnrolled")
    if not slices_of(state, attestation.parent) and attestation.expiry <= parent.expiry:
        raise Refused("StaleAttestation")


def remove_device(state: State, caller: str, name: bytes) -> None:
    device = state.devices[name]
    if device.provider == ZERO:
        raise Refused("DeviceUnknown")
    if caller != device.provider and state.now < device.expiry and not device.is_revoked:
        raise Refused("NotRemovable")
    key = (device.provider, device.device_class)
    capacity = state.capacities[key]
    stay = state.lanes(*key) - MILLI_PER_DEVICE // capacity.lane_milli
    running = state.now // HOUR * HOUR
    to_come = hours_of(running, max(running, capacity.last_sold_end))
    sold = state.sold(*key)
    if any(sold[hour] > stay for hour in to_come):
        raise Refused("HoursSold")
    state.devices[name] = Device(expiry=device.expiry)
    capacity.min_bond_per_milli = state.parameters.min_bond(key[1])


def reserve(state: State, number: int, milli: int, start: int, end: int) -> str | None:
    """Whether the hours of a window are there to be sold."""
    terms = state.terms_of(number)
    key = (terms.provider, terms.device_class)
    lanes = state.lanes(*key)
    if lanes == 0:
        return "NotAttested"
    if state.now >= state.expiry(*key):
        return "AttestationExpired"
    capacity = state.capacities[key]
    if terms.step % capacity.lane_milli:
        return "StepMismatch"
    if state.bonds[terms.provider].bonded < state.required_bond(terms.provider):
        return "BondTooLow"
    wanted, sold = milli // capacity.lane_milli, state.sold(*key)
    if any(sold[hour] + wanted > lanes for hour in hours_of(start, end)):
        return "OverCapacity"
    capacity.last_sold_end = max(capacity.last_sold_end, end)
    return None


def _registered(state: State, provider: str) -> str:
    if provider not in state.agents:
        raise Refused("NotRegistered")
    return state.agents[provider]
