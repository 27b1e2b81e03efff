"""What a receipt must satisfy before it is stored: small rules, pure, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.protocol.eip712 import ZERO_HASH, Domain, digest
from contracts.protocol.errors import ProtocolError
from contracts.protocol.hashing import merkle_leaf, merkle_root
from contracts.protocol.keys import require_signer
from contracts.protocol.typed_data import Receipt, voucher_of
from contracts.protocol.units import gpu_ms
from contracts.protocol.wire import canonical_json, from_wire, parse_hex, to_hex
from marketplace_api.problems import ConflictError
from marketplace_api.schemas import Wire

CLOCK_SKEW_S = 2
SAMPLES_MAX = 3600


@dataclass(frozen=True, slots=True)
class Delivery:
    """A receipt whose signatures and samples are known to fit it."""

    receipt: Receipt
    signature: str
    voucher_signature: str
    samples: bytes
    """Canonical JSON of the list; empty where the interval has none."""

    @property
    def struct_hash(self) -> str:
        """What the next receipt names as ``previous``."""
        return to_hex(self.receipt.hash_struct())


@dataclass(frozen=True, slots=True)
class LeaseFacts:
    """What the rules need of the lease at this moment."""

    series: int
    holder: str
    milli: int
    start: int
    end: int
    simulated: bool
    devices: frozenset[bytes]
    """Hashes of the provider's devices."""
    now: int


@dataclass(frozen=True, slots=True)
class Last:
    """The receipt before."""

    sequence: int
    struct_hash: bytes
    used_gpu_ms: int
    missed_intervals: int
    interval_end: int
    is_final: bool


NONE_YET = Last(0, ZERO_HASH, 0, 0, 0, is_final=False)
Rule = Callable[[Receipt, LeaseFacts, Last], None]


def read_delivery(
    domain: Domain,
    agent: str,
    receipt: Wire,
    signature: str,
    voucher_signature: str,
    samples: Sequence[Wire],
) -> Delivery:
    """Parse a receipt and check what it says by itself; raises ``ProtocolError``."""
    parsed = from_wire(Receipt, receipt, "receipt")
    if parsed.sequence == 0:
        raise ProtocolError("receipt.sequence", "from 1 on", 0)
    if parsed.interval_end < parsed.interval_start:
        raise ProtocolError(
            "receipt.interval_end",
            f"at least interval_start, {parsed.interval_start}",
            parsed.interval_end,
        )
    content = _check_samples(parsed, samples)
    raw = parse_hex(signature, "signature")
    require_signer(digest(parsed, domain), raw, agent, "signature")
    voucher_raw = parse_hex(voucher_signature, "voucher_signature")
    require_signer(digest(voucher_of(parsed), domain), voucher_raw, agent, "voucher_signature")
    return Delivery(parsed, to_hex(raw), to_hex(voucher_raw), content)


def check(receipt: Receipt, lease: LeaseFacts, last: Last) -> None:
    """Apply every rule; the first that objects names the reason."""
    for rule in RULES:
        rule(receipt, lease, last)


def names_the_lease(receipt: Receipt, lease: LeaseFacts, _last: Last) -> None:
    """Series and holder are those of the lease."""
    _require("foreign-receipt", "receipt.series", lease.series, receipt.series)
    _require("foreign-receipt", "receipt.holder", lease.holder, receipt.holder)


def follows(receipt: Receipt, _lease: LeaseFacts, last: Last) -> None:
    """Receipts make one chain without gaps; after a final one nothing comes."""
    if last.is_final:
        raise ConflictError(
            "after-final",
            "receipt.sequence",
            f"at most the final {last.sequence}",
            receipt.sequence,
        )
    _require("sequence-gap", "receipt.sequence", last.sequence + 1, receipt.sequence)
    _require(
        "wrong-previous", "receipt.previous", to_hex(last.struct_hash), to_hex(receipt.previous)
    )


def does_not_shrink(receipt: Receipt, _lease: LeaseFacts, last: Last) -> None:
    """Totals are cumulative."""
    for field, before, given in (
        ("used_gpu_ms", last.used_gpu_ms, receipt.used_gpu_ms),
        ("missed_intervals", last.missed_intervals, receipt.missed_intervals),
    ):
        if given < before:
            raise ConflictError("shrinks", f"receipt.{field}", f"at least {before}", given)


def lies_in_the_window(receipt: Receipt, lease: LeaseFacts, last: Last) -> None:
    """The interval lies inside the lease, after the one before, and is over."""
    earliest = max(lease.start, last.interval_end)
    if receipt.interval_start < earliest:
        raise ConflictError(
            "outside-window",
            "receipt.interval_start",
            f"at least {earliest}",
            receipt.interval_start,
        )
    latest = min(lease.end, lease.now + CLOCK_SKEW_S)
    if receipt.interval_end > latest:
        raise ConflictError(
            "outside-window", "receipt.interval_end", f"at most {latest}", receipt.interval_end
        )


def fits_the_clock(receipt: Receipt, lease: LeaseFacts, _last: Last) -> None:
    """No more than milli x elapsed, by our clock."""
    elapsed = max(0, min(lease.now + CLOCK_SKEW_S, lease.end) - lease.start)
    most = gpu_ms(lease.milli, elapsed)
    if receipt.used_gpu_ms > most:
        raise ConflictError(
            "exceeds-elapsed",
            "receipt.used_gpu_ms",
            f"at most milli x elapsed, {lease.milli} x {elapsed} s = {most}",
            receipt.used_gpu_ms,
        )


def admits_simulation(receipt: Receipt, lease: LeaseFacts, _last: Last) -> None:
    """What a simulated device did is never told as real."""
    if lease.simulated and not receipt.simulated:
        raise ConflictError("simulated", "receipt.simulated", "true under this lease", False)


def names_own_devices(receipt: Receipt, lease: LeaseFacts, _last: Last) -> None:
    """Every device that served is the provider's."""
    for index, device in enumerate(receipt.devices):
        if device not in lease.devices:
            raise ConflictError(
                "foreign-device", f"receipt.devices[{index}]", "a device of the provider", device
            )


RULES: tuple[Rule, ...] = (
    names_the_lease,
    follows,
    does_not_shrink,
    lies_in_the_window,
    fits_the_clock,
    admits_simulation,
    names_own_devices,
)


def _check_samples(receipt: Receipt, samples: Sequence[Wire]) -> bytes:
    try:
        leaves = [merkle_leaf(canonical_json(sample)) for sample in samples]
        content = canonical_json(list(samples)) if samples else b""
    except (ValueError, RecursionError) as error:
        raise ProtocolError("samples", "canonical JSON (RFC 8785)", str(error)) from error
    root = merkle_root(leaves)
    if root != receipt.samples_root:
        raise ProtocolError(
            "receipt.samples_root",
            f"the Merkle root of the samples, {to_hex(root)}",
            to_hex(receipt.samples_root),
            code="wrong-samples-root",
        )
    return content


def _require(code: str, field: str, wanted: object, given: object) -> None:
    if wanted != given:
        raise ConflictError(code, field, str(wanted), given)
