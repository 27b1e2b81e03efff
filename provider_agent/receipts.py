"""From what was measured to the next receipt of a lease: pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from contracts.protocol.eip712 import ZERO_HASH, Domain
from contracts.protocol.keys import Signer
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import Receipt, voucher_of
from contracts.protocol.units import GpuMs, gpu_ms
from provider_agent.lease_check import CheckedLease
from provider_agent.metering import Measured

_MAX_DEVICES = 64


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt with the agent's signatures under it and under its voucher."""

    receipt: Receipt
    signature: bytes
    voucher_signature: bytes


def next_receipt(
    lease: CheckedLease,
    last: Receipt | None,
    measured: Measured,
    now: float,
    *,
    uuids: tuple[str, ...],
    is_final: bool,
) -> Receipt:
    """The receipt after ``last``; its total never exceeds what the interval or the window allow.

    Intervals are whole seconds. An intermediate one ends with the last full second, the final one
    with the begun second: so no interval claims more time than it covers, and nothing is lost.
    """
    start, end = _interval(lease, last, measured, now, is_final=is_final)
    return Receipt(
        series=lease.series,
        holder=lease.holder,
        sequence=1 if last is None else last.sequence + 1,
        interval_start=start,
        interval_end=end,
        used_gpu_ms=_used(lease, last, measured, start, end),
        samples_root=measured.root,
        previous=ZERO_HASH if last is None else last.hash_struct(),
        devices=tuple(device_hash(uuid) for uuid in uuids[:_MAX_DEVICES]),
        missed_intervals=0 if last is None else last.missed_intervals,
        energy_millijoules=measured.energy_mj if measured.energy_measured else 0,
        energy_measured=measured.energy_measured,
        is_final=is_final,
        simulated=lease.simulated,
    )


def sign_receipt(receipt: Receipt, agent: Signer, domain: Domain) -> SignedReceipt:
    """Sign a receipt and the voucher that it entitles to."""
    return SignedReceipt(
        receipt, agent.sign(receipt, domain), agent.sign(voucher_of(receipt), domain)
    )


def _interval(
    lease: CheckedLease, last: Receipt | None, measured: Measured, now: float, *, is_final: bool
) -> tuple[int, int]:
    earliest = lease.start if last is None else last.interval_end
    began = earliest if measured.began_at is None else int(measured.began_at)
    # A wall clock that was set back must not give an interval before the last one.
    start = min(max(earliest, began), lease.end)
    end = math.ceil(now) if is_final else int(now)
    return start, min(max(start, end), lease.end)


def _used(
    lease: CheckedLease, last: Receipt | None, measured: Measured, start: int, end: int
) -> GpuMs:
    before = lease.redeemed_gpu_ms if last is None else last.used_gpu_ms
    within_interval = before + gpu_ms(lease.milli, end - start)
    within_window = gpu_ms(lease.milli, end - lease.start)
    return GpuMs(max(before, min(measured.gpu_ms, within_interval, within_window)))
