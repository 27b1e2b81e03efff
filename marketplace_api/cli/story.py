"""What a buyer's command tells on the way: lines for people, events for programs."""

from __future__ import annotations

import sys

from contracts.protocol.amounts import format_tokens
from marketplace_api.cli.output import emit_event
from marketplace_api.client.answers import Accepted, Job, Lease, gpu_hours_text
from marketplace_api.client.delegate import Countersigned
from marketplace_api.client.events import LogText, StatusChange


class Story:
    """The steps of an order as the buyer sees them."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def accepted(self, order: Accepted, most: int) -> None:
        """The bid stands in the log."""
        if self._as_json:
            emit_event(
                "accepted",
                digest=order.digest,
                sequence=order.sequence,
                status=order.status,
                most_cost=most,
            )
        else:
            print(f"bid {order.digest} accepted as number {order.sequence}")
            print(f"  at most {format_tokens(most)} tokens")

    def matched(self, lease: Lease) -> None:
        """The bid got a lease."""
        if self._as_json:
            emit_event(
                "matched",
                lease=lease.id,
                status=lease.status,
                provider=lease.provider,
                price_per_gpu_hour=lease.price_per_gpu_hour,
                cost=lease.cost,
                milli=lease.milli,
                start=lease.start,
                end=lease.end,
                ask=lease.ask,
            )
        else:
            price = format_tokens(lease.price_per_gpu_hour)
            print(f"lease {lease.id} from {lease.provider}")
            print(
                f"  {gpu_hours_text(lease.gpu_ms)} GPU-hours at {price} = "
                f"{format_tokens(lease.cost)} tokens in escrow"
            )
            print(f"  next: gpubourse lease show {lease.id} | gpubourse receipts {lease.id}")

    def submitted(self, job: Job) -> None:
        """The job waits for its lease."""
        if self._as_json:
            emit_event("submitted", job=job.id, status=job.status)
        else:
            print(f"job {job.id} {job.status}")

    def output(self, text: LogText) -> None:
        """The job wrote something."""
        if self._as_json:
            emit_event("log", offset=text.offset, text=text.text)
        else:
            sys.stdout.write(text.text)
            sys.stdout.flush()

    def status(self, change: StatusChange) -> None:
        """The job moved on."""
        if self._as_json:
            emit_event(
                "status", status=change.status, exit_code=change.exit_code, reason=change.reason
            )
        else:
            print(f"[job {change.status}]", file=sys.stderr)

    def countersigned(self, signed: Countersigned) -> None:
        """We signed a receipt."""
        if self._as_json:
            emit_event(
                "countersigned",
                sequence=signed.sequence,
                used_gpu_ms=signed.used_gpu_ms,
                is_final=signed.is_final,
            )
        else:
            kind = "final receipt" if signed.is_final else "receipt"
            print(
                f"[{kind} {signed.sequence} signed: {signed.used_gpu_ms} GPU-ms]", file=sys.stderr
            )

    def not_signed(self, reason: str) -> None:
        """We refused to sign, or could not."""
        if self._as_json:
            emit_event("not-signed", reason=reason)
        else:
            print(f"[not signed: {reason}]", file=sys.stderr)
