"""What a buyer checks before it counter-signs a receipt: pure, so that every refusal can be tested.

A counter-signature pays at once. So nothing is taken from the receipt that the buyer could have
seen by itself: the place in the chain of receipts, the time that passed on its own clock, and
whether a job of the lease really ran.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.protocol.eip712 import ZERO_HASH, Domain, digest
from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import require_signer
from contracts.protocol.typed_data import Receipt, Voucher, voucher_of
from contracts.protocol.units import gpu_ms
from marketplace_api.client.answers import StoredReceipt

DEFAULT_SKEW_S = 3.0
"""How much later than the agent we may have learnt of a start, and how far clocks may differ."""


class ReceiptRefusedError(ProtocolError):
    """A receipt that the buyer does not counter-sign."""

    code = "receipt-refused"


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the buyer bought and from whom, read once when the lease became active."""

    series: int
    holder: str
    agent: str
    milli: int
    start: int
    end: int
    simulated: bool
    domain: Domain


@dataclass(frozen=True, slots=True)
class Observation:
    """What the buyer saw of the lease itself, by its own clock (unix seconds)."""

    now: float
    running_seconds: float = 0.0
    """How long a job of the lease was seen to run."""
    log_bytes: int = 0
    """Output received from jobs of the lease."""
    job_seen: bool = False
    """Whether a job was seen to run or to have ended by itself."""
    skew_s: float = DEFAULT_SKEW_S


@dataclass(frozen=True, slots=True)
class Signed:
    """The last receipt that was counter-signed."""

    sequence: int = 0
    struct_hash: bytes = ZERO_HASH
    used_gpu_ms: int = 0
    missed_intervals: int = 0
    interval_end: int = 0
    is_final: bool = False

    @classmethod
    def of(cls, receipt: Receipt) -> Signed:
        """What has to be remembered of a receipt."""
        return cls(
            receipt.sequence,
            receipt.hash_struct(),
            receipt.used_gpu_ms,
            receipt.missed_intervals,
            receipt.interval_end,
            receipt.is_final,
        )


def check_receipt(
    stored: StoredReceipt, last: Signed, grounds: Grounds, seen: Observation
) -> Voucher:
    """The voucher to counter-sign; raises ``ReceiptRefusedError`` or ``SignatureError``."""
    receipt = stored.receipt
    _check_identity(receipt, grounds)
    _check_chain(receipt, last)
    _check_interval(receipt, last, grounds, seen)
    _check_usage(receipt, last, grounds, seen)
    voucher = voucher_of(receipt)
    require_signer(
        digest(receipt, grounds.domain), stored.signature, grounds.agent, "receipt.signature"
    )
    require_signer(
        digest(voucher, grounds.domain),
        stored.voucher_signature,
        grounds.agent,
        "receipt.voucher_signature",
    )
    return voucher


def _check_identity(receipt: Receipt, grounds: Grounds) -> None:
    if receipt.series != grounds.series:
        raise ReceiptRefusedError("series", f"the lease's, {grounds.series}", receipt.series)
    if receipt.holder != grounds.holder:
        raise ReceiptRefusedError("holder", f"ourselves, {grounds.holder}", receipt.holder)
    if receipt.simulated != grounds.simulated:
        raise ReceiptRefusedError("simulated", f"as bought, {grounds.simulated}", receipt.simulated)


def _check_chain(receipt: Receipt, last: Signed) -> None:
    if last.is_final:
        raise ReceiptRefusedError("sequence", "nothing after the final receipt", receipt.sequence)
    if receipt.sequence != last.sequence + 1:
        raise ReceiptRefusedError("sequence", f"the next, {last.sequence + 1}", receipt.sequence)
    if receipt.previous != last.struct_hash:
        raise ReceiptRefusedError(
            "previous", f"the receipt before, 0x{last.struct_hash.hex()}", receipt.previous.hex()
        )
    if receipt.missed_intervals < last.missed_intervals:
        raise ReceiptRefusedError(
            "missed_intervals", f"at least {last.missed_intervals}", receipt.missed_intervals
        )


def _check_interval(receipt: Receipt, last: Signed, grounds: Grounds, seen: Observation) -> None:
    earliest = max(grounds.start, last.interval_end)
    if receipt.interval_start < earliest:
        raise ReceiptRefusedError("interval_start", f"at least {earliest}", receipt.interval_start)
    if receipt.interval_end < receipt.interval_start:
        raise ReceiptRefusedError(
            "interval_end",
            f"at least interval_start, {receipt.interval_start}",
            receipt.interval_end,
        )
    latest = min(grounds.end, int(seen.now + seen.skew_s))
    if receipt.interval_end > latest:
        raise ReceiptRefusedError("interval_end", f"at most {latest}", receipt.interval_end)


def _check_usage(receipt: Receipt, last: Signed, grounds: Grounds, seen: Observation) -> None:
    used = receipt.used_gpu_ms
    if used < last.used_gpu_ms:
        raise ReceiptRefusedError("used_gpu_ms", f"at least {last.used_gpu_ms}", used)
    interval = receipt.interval_end - receipt.interval_start
    if used - last.used_gpu_ms > gpu_ms(grounds.milli, interval):
        raise ReceiptRefusedError(
            "used_gpu_ms",
            f"at most {last.used_gpu_ms} + {grounds.milli} milli x {interval} s",
            used,
        )
    if used > last.used_gpu_ms and not seen.job_seen:
        raise ReceiptRefusedError(
            "used_gpu_ms", f"{last.used_gpu_ms}: no job of this lease was seen to run", used
        )
    elapsed = min(seen.now + seen.skew_s, grounds.end) - grounds.start
    _check_cap(used, grounds.milli, elapsed, "s since the start, by our clock")
    _check_cap(used, grounds.milli, seen.running_seconds + seen.skew_s, "s that we saw a job run")


def _check_cap(used: int, milli: int, seconds: float, what: str) -> None:
    # Observed time is a float by nature; the limit in GPU-ms is floored before it is compared.
    limit = int(milli * max(0.0, seconds))
    if used > limit:
        raise ReceiptRefusedError(
            "used_gpu_ms", f"at most {limit}: {milli} milli x {seconds:.1f} {what}", used
        )
