"""Bodies and answers of the order endpoints."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from contracts.protocol.lifecycle import OrderStatus
from contracts.protocol.typed_data import Ask, Bid
from contracts.protocol.wire import to_wire
from marketplace_api.leases.schemas import LeaseView
from marketplace_api.models import LogKind, Order, OrderLogEntry, OrderSide
from marketplace_api.schemas import Answer, Request, Signature, SignedAcknowledgement, WideInt, Wire

_WALLET = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
_ASK = to_wire(
    Ask(
        seller=_WALLET,
        terms=1,
        price_per_gpu_hour=2_000_000,
        window_start=1767225600,
        window_end=1767312000,
        valid_from=1767225600,
        deadline=1767225900,
        nonce=1,
    )
)
_BID = to_wire(
    Bid(
        buyer=_WALLET,
        device_classes=bytes(31) + b"\x01",
        milli=1000,
        min_milli=1000,
        window_start=1767225600,
        window_end=1767229200,
        min_duration=72,
        max_duration=72,
        max_price_per_gpu_hour=2_500_000,
        valid_from=1767225600,
        deadline=1767225900,
        nonce=1,
    )
)


class AskRequest(Request):
    """An ask and its maker's EIP-712 signature for ``GpuMarket``."""

    order: Wire = Field(description="Struct `Ask`, snake_case", examples=[_ASK])
    signature: Signature


class BidRequest(Request):
    """A bid and its maker's EIP-712 signature for ``GpuMarket``."""

    order: Wire = Field(description="Struct `Bid`, snake_case", examples=[_BID])
    signature: Signature


class Accepted(Answer):
    """An order that stands in the log. Matching follows within moments: read the order again."""

    digest: str
    sequence: int
    status: OrderStatus
    acknowledgement: SignedAcknowledgement
    leases: tuple[LeaseView, ...] = ()


class Cancelled(Answer):
    """The operator's word that an order was taken out."""

    digest: str
    status: OrderStatus
    acknowledgement: SignedAcknowledgement


class OrderView(Answer):
    """Where an order of yours stands."""

    digest: str
    side: OrderSide
    maker: str
    status: OrderStatus
    reason: str | None
    sequence: int
    device_class: str = Field(description="Hash of the class")
    terms: int | None
    price_per_gpu_hour: WideInt = Field(description="Of a bid, the highest price")
    nonce: WideInt
    epoch: int
    deadline: int
    lease: str | None = Field(description="What a bid became")
    acknowledgement: SignedAcknowledgement
    cancellation: SignedAcknowledgement | None


class LogEntryView(Answer):
    """One public entry of the order log."""

    sequence: int
    kind: LogKind
    digest: str
    maker: str
    order: Wire = Field(description="The signed struct; empty for a cancel")
    signature: str
    accepted_at: int


class LogPage(Answer):
    """A piece of the log."""

    entries: list[LogEntryView]
    next_after: int = Field(description="Give this as `after` to read on")


def accepted(order: Order) -> Accepted:
    """The answer to a new order."""
    return Accepted(
        digest=order.digest,
        sequence=order.sequence,
        status=order.status,
        acknowledgement=SignedAcknowledgement(**order.acknowledgement),
    )


def cancelled(order: Order) -> Cancelled:
    """The answer to a cancel."""
    assert order.cancellation is not None
    return Cancelled(
        digest=order.digest,
        status=order.status,
        acknowledgement=SignedAcknowledgement(**order.cancellation),
    )


def order_view(order: Order, lease: str | None) -> OrderView:
    """An order for its maker."""
    return OrderView(
        digest=order.digest,
        side=order.side,
        maker=order.maker,
        status=order.status,
        reason=order.reason,
        sequence=order.sequence,
        device_class=order.device_class,
        terms=order.terms,
        price_per_gpu_hour=str(order.price_per_gpu_hour),
        nonce=str(order.nonce),
        epoch=order.epoch,
        deadline=order.deadline,
        lease=lease,
        acknowledgement=SignedAcknowledgement(**order.acknowledgement),
        cancellation=SignedAcknowledgement(**order.cancellation) if order.cancellation else None,
    )


def log_page(entries: Sequence[OrderLogEntry], after: int) -> LogPage:
    """A piece of the log for everybody."""
    return LogPage(
        entries=[
            LogEntryView(
                sequence=entry.sequence,
                kind=entry.kind,
                digest=entry.digest,
                maker=entry.maker,
                order=entry.payload,
                signature=entry.signature,
                accepted_at=entry.accepted_at,
            )
            for entry in entries
        ],
        next_after=entries[-1].sequence if entries else after,
    )
