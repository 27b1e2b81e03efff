"""Cases between holders and providers, and auditors who end an attestation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts.protocol.keys import Signer
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import Revocation, Voucher
from contracts.protocol.wire import parse_hex
from settlement.cli.acts import Caller, act, open_caller, parse_evidence, parse_series


@dataclass(frozen=True, slots=True)
class Claimed:
    """Usage that an agent signs alone."""

    used_gpu_ms: int
    missed_intervals: int
    receipt: str
    agent_key: Path | None


def resolve(series: str, holder: str | None, *, as_json: bool) -> None:
    """End a case whose stage is over."""
    caller = open_caller()
    data = caller.arbitration.resolve(parse_series(series), caller.holder(holder))
    _act(caller, "resolved", data, as_json=as_json)


def claim_usage(series: str, holder: str, claimed: Claimed, *, as_json: bool) -> None:
    """Claim usage by the agent's word alone."""
    caller = open_caller()
    voucher, signature = _signed(caller, parse_series(series), holder, claimed)
    _act(caller, "claimed", caller.arbitration.claim_usage(voucher, signature), as_json=as_json)


def claim_no_show(series: str, holder: str | None, evidence: str, *, as_json: bool) -> None:
    """Say that a lease is not served."""
    caller = open_caller()
    data = caller.arbitration.claim_no_show(
        parse_series(series), caller.holder(holder), parse_evidence(evidence)
    )
    _act(caller, "claimed", data, as_json=as_json)


def challenge(series: str, holder: str | None, evidence: str, *, as_json: bool) -> None:
    """Dispute claimed usage."""
    caller = open_caller()
    data = caller.arbitration.challenge(
        parse_series(series), caller.holder(holder), parse_evidence(evidence)
    )
    _act(caller, "challenged", data, as_json=as_json)


def answer(
    series: str, holder: str, evidence: str, claimed: Claimed | None, *, as_json: bool
) -> None:
    """Dispute a no-show claim, with or without a claim of usage."""
    caller = open_caller()
    number, whose = parse_series(series), caller.holder(holder)
    voucher, signature = Voucher(number, whose, 0, 0, is_final=False, receipt=bytes(32)), b""
    if claimed is not None:
        voucher, signature = _signed(caller, number, whose, claimed)
    data = caller.arbitration.answer(parse_evidence(evidence), voucher, signature)
    _act(caller, "answered", data, as_json=as_json)


def release(series: str, holder: str, evidence: str, *, as_json: bool) -> None:
    """End a lease whose holder's side no longer signs."""
    caller = open_caller()
    data = caller.arbitration.release(
        parse_series(series), caller.holder(holder), parse_evidence(evidence)
    )
    _act(caller, "released", data, as_json=as_json)


def interrupt(series: str, holder: str, *, as_json: bool) -> None:
    """End an interruptible lease after its notice."""
    caller = open_caller()
    data = caller.arbitration.interrupt(parse_series(series), caller.holder(holder))
    _act(caller, "interrupted", data, as_json=as_json)


def revoke(device: str, evidence: str, auditor_keys: tuple[Path, ...], *, as_json: bool) -> None:
    """End the attestation of a device that counts now."""
    caller = open_caller()
    hash_ = parse_hex(device, "device", 32) if device.startswith("0x") else device_hash(device)
    state = caller.desk.registry.device_of(hash_, caller.desk.head)
    revocation = Revocation(hash_, state.expiry, parse_evidence(evidence))
    auditors = tuple(Signer.load(path) for path in auditor_keys) or (caller.signer,)
    domain = caller.desk.place.registry_domain
    signatures = tuple(auditor.sign(revocation, domain) for auditor in auditors)
    data = caller.desk.registry.revoke((revocation,), (signatures,))
    act(caller, "revoked", caller.desk.place.registry, data, as_json=as_json)


def _signed(caller: Caller, series: int, holder: str, claimed: Claimed) -> tuple[Voucher, bytes]:
    receipt = parse_hex(claimed.receipt, "receipt", 32)
    voucher = Voucher(
        series=series,
        holder=caller.holder(holder),
        used_gpu_ms=claimed.used_gpu_ms,
        missed_intervals=claimed.missed_intervals,
        is_final=False,
        receipt=receipt,
    )
    agent = Signer.load(claimed.agent_key) if claimed.agent_key else caller.signer
    return voucher, agent.sign(voucher, caller.desk.place.domain)


def _act(caller: Caller, what: str, data: bytes, *, as_json: bool) -> None:
    act(caller, what, caller.desk.place.arbitration, data, as_json=as_json)
