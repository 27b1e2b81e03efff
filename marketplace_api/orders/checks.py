"""What an order must satisfy: first by itself (no database), then against the state of the market.

The first half raises ``ProtocolError`` (422: the payload is wrong), the second ``MarketError``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.protocol.eip712 import ZERO_ADDRESS, digest
from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import require_signer
from contracts.protocol.orders import check_ask, check_bid
from contracts.protocol.typed_data import Ask, Bid
from contracts.protocol.units import MILLI_PER_DEVICE, cost, lots, price_ticks
from contracts.protocol.wire import from_wire, parse_hex, to_hex
from marketplace_api.context import Context
from marketplace_api.models import Terms
from marketplace_api.problems import ConflictError, ForbiddenError
from marketplace_api.schemas import Wire


@dataclass(frozen=True, slots=True)
class SignedAsk:
    """An ask whose signature is its maker's."""

    order: Ask
    digest: str
    signature: str


@dataclass(frozen=True, slots=True)
class SignedBid:
    """A bid whose signature is its maker's."""

    order: Bid
    digest: str
    signature: str


def read_ask(context: Context, wallet: str, data: Wire, signature: str) -> SignedAsk:
    """Parse and check an ask without touching the database."""
    ask = from_wire(Ask, data, "order")
    check_ask(ask, context.clock(), context.rules)
    _check_filler(ask, context)
    found = _check_signature(ask, ask.seller, signature, context)
    _check_maker("order.seller", ask.seller, wallet)
    return SignedAsk(ask, found, to_hex(parse_hex(signature, "signature")))


def read_bid(context: Context, wallet: str, data: Wire, signature: str) -> SignedBid:
    """Parse and check a bid without touching the database."""
    bid = from_wire(Bid, data, "order")
    check_bid(bid, context.clock(), context.rules)
    _check_filler(bid, context)
    found = _check_signature(bid, bid.buyer, signature, context)
    _check_maker("order.buyer", bid.buyer, wallet)
    return SignedBid(bid, found, to_hex(parse_hex(signature, "signature")))


def check_epoch(order: Ask | Bid, epoch: int) -> None:
    """Raising the epoch on chain voids every older order."""
    if order.epoch != epoch:
        raise ConflictError(
            "wrong-epoch", "order.epoch", f"the account's epoch, {epoch}", order.epoch
        )


def check_terms(ask: Ask, terms: Terms | None) -> Terms:
    """The terms exist and are the seller's."""
    if terms is None:
        raise ConflictError("unknown-terms", "order.terms", "terms registered on chain", ask.terms)
    if terms.provider != ask.seller:
        raise ForbiddenError(
            f"order.terms: terms of {ask.seller}; given {ask.terms}, those of {terms.provider}",
            code="foreign-terms",
            field="order.terms",
            limit=f"terms of {ask.seller}",
            given=ask.terms,
        )
    return terms


def check_ask_sizes(ask: Ask, terms: Terms, attested: int) -> None:
    """What is offered exists and comes in whole steps."""
    if attested == 0:
        raise ConflictError(
            "not-attested", "order.terms", "terms of a class with attested devices", ask.terms
        )
    for field, milli in (("min_milli", ask.min_milli), ("max_milli", ask.max_milli)):
        if milli % terms.step:
            raise ConflictError(
                "off-step", f"order.{field}", f"a multiple of the step, {terms.step}", milli
            )
        if milli > attested:
            raise ConflictError(
                "exceeds-attested", f"order.{field}", f"at most what is attested, {attested}", milli
            )


def check_bid_sizes(bid: Bid, steps: Sequence[int], attested: int) -> None:
    """Some provider could serve the bid: enough is attested, and a step fits."""
    if bid.min_milli > attested:
        raise ConflictError(
            "exceeds-attested",
            "order.min_milli",
            f"at most what one provider has attested, {attested}",
            bid.min_milli,
        )
    if bid.milli > attested:
        raise ConflictError(
            "exceeds-attested",
            "order.milli",
            f"at most what one provider has attested, {attested}",
            bid.milli,
        )
    offered = sorted(set(steps)) or [MILLI_PER_DEVICE]
    if not any(bid.milli // step * step >= bid.min_milli for step in offered):
        raise ConflictError(
            "off-step",
            "order.milli",
            "from min_milli to milli lies a multiple of a step on offer: "
            + ", ".join(str(step) for step in offered),
            bid.milli,
        )


def most_cost(bid: Bid) -> int:
    """Money that a bid may take at most."""
    ticks = price_ticks(bid.max_price_per_gpu_hour, "max_price_per_gpu_hour")
    full = cost(lots(bid.milli, bid.max_duration), ticks)
    return min(full, bid.budget) if bid.budget else full


def check_funds(needed: int, free: int) -> None:
    """The buyer could pay the bid beside its other open bids."""
    if needed > free:
        raise ConflictError(
            "insufficient-balance",
            "order.max_price_per_gpu_hour",
            f"a cost of at most the free balance, {free}",
            f"a cost of up to {needed}",
        )


def _check_filler(order: Ask | Bid, context: Context) -> None:
    operator = context.operator.address
    if order.filler not in (ZERO_ADDRESS, operator):
        raise ProtocolError(
            "filler", f"zero or the operator {operator}", order.filler, code="foreign-filler"
        )


def _check_signature(order: Ask | Bid, maker: str, signature: str, context: Context) -> str:
    raw = parse_hex(signature, "signature")
    found = digest(order, context.deployment.market_domain)
    require_signer(found, raw, maker, "signature")
    return to_hex(found)


def _check_maker(field: str, maker: str, wallet: str) -> None:
    if maker != wallet:
        raise ForbiddenError(
            f"{field}: the wallet of the session, {wallet}; given {maker}",
            field=field,
            limit=f"the wallet of the session, {wallet}",
            given=maker,
        )
