"""Bodies and answers of the usage endpoints."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contracts.protocol.typed_data import Receipt
from contracts.protocol.wire import to_wire
from marketplace_api.models import UsageReceipt
from marketplace_api.schemas import Answer, Request, Signature, Wire
from marketplace_api.usage.checks import SAMPLES_MAX

_RECEIPT = to_wire(
    Receipt(
        series=1,
        holder="0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
        sequence=1,
        interval_start=1767225600,
        interval_end=1767225610,
        used_gpu_ms=10_000,
        samples_root=bytes(32),
        simulated=True,
    )
)


class ReceiptRequest(Request):
    """A receipt with the agent's signatures under it and under its voucher."""

    receipt: Wire = Field(description="Struct `Receipt`, snake_case", examples=[_RECEIPT])
    signature: Signature
    voucher_signature: Signature
    samples: Annotated[
        list[Wire],
        Field(max_length=SAMPLES_MAX, description="Metering samples under `samples_root`"),
    ] = Field(default_factory=list)


class CountersignRequest(Request):
    """The holder's word that the voucher of a receipt is right."""

    signature: Signature


class ReceiptView(Answer):
    """A stored receipt. Its voucher is {series, holder, used_gpu_ms, missed_intervals, is_final,
    receipt: struct_hash}."""

    sequence: int
    receipt: Wire
    struct_hash: str
    signature: str
    voucher_signature: str
    holder_signature: str | None
    samples: str | None = Field(description="Blob with the samples")
    created_at: int


class RedeemAnswer(Answer):
    """Which receipt is on its way to the chain."""

    lease: str
    sequence: int


def receipt_view(stored: UsageReceipt) -> ReceiptView:
    """A receipt for both sides."""
    return ReceiptView(
        sequence=stored.sequence,
        receipt=stored.receipt,
        struct_hash=stored.struct_hash,
        signature=stored.signature,
        voucher_signature=stored.voucher_signature,
        holder_signature=stored.holder_signature,
        samples=stored.samples,
        created_at=int(stored.created_at.timestamp()),
    )
