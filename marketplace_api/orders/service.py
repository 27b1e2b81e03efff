"""Accepting and cancelling orders. Signatures are checked before, see ``checks``."""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session

from contracts.protocol.lifecycle import OrderStatus, advance
from contracts.protocol.typed_data import AcknowledgedAction, Acknowledgement, Ask, Bid
from contracts.protocol.wire import parse_hex, to_hex, to_wire
from marketplace_api.context import Context
from marketplace_api.matching.repository import free_balance, is_nonce_cancelled
from marketplace_api.models import LogKind, Order, OrderSide
from marketplace_api.orders import checks, repository
from marketplace_api.orders.checks import SignedAsk, SignedBid
from marketplace_api.problems import ConflictError, ForbiddenError, NotFoundError
from marketplace_api.schemas import Wire, signed_acknowledgement

log = structlog.get_logger()


def accept_ask(session: Session, context: Context, signed: SignedAsk) -> Order:
    """Append an ask to the log."""
    ask = signed.order
    repository.lock_wallet(session, ask.seller)
    _check_unused(session, ask, ask.seller, signed.digest)
    terms = checks.check_terms(ask, repository.find_terms(session, ask.terms))
    _require_known_class(session, "order.terms", terms.device_class)
    attested = repository.attested_milli(session, terms.device_class, ask.seller, context.clock())
    checks.check_ask_sizes(ask, terms, attested)
    return _append(
        session,
        context,
        Order(
            digest=signed.digest,
            side=OrderSide.ASK,
            maker=ask.seller,
            epoch=ask.epoch,
            nonce=ask.nonce,
            device_class=terms.device_class,
            terms=terms.number,
            price_per_gpu_hour=ask.price_per_gpu_hour,
            reserve=0,
            deadline=ask.deadline,
        ),
        to_wire(ask),
        signed.signature,
    )


def accept_bid(session: Session, context: Context, signed: SignedBid) -> Order:
    """Append a bid to the log."""
    bid, class_hash = signed.order, to_hex(signed.order.device_classes)
    repository.lock_wallet(session, bid.buyer)
    _check_unused(session, bid, bid.buyer, signed.digest)
    _require_known_class(session, "order.device_classes", class_hash)
    checks.check_bid_sizes(
        bid,
        repository.steps_of(session, class_hash, bid.min_isolation),
        repository.most_attested_milli(session, class_hash, context.clock()),
    )
    needed = checks.most_cost(bid)
    free = free_balance(session, bid.buyer) - repository.reserved(session, bid.buyer)
    checks.check_funds(needed, free)
    return _append(
        session,
        context,
        Order(
            digest=signed.digest,
            side=OrderSide.BID,
            maker=bid.buyer,
            epoch=bid.epoch,
            nonce=bid.nonce,
            device_class=class_hash,
            terms=None,
            price_per_gpu_hour=bid.max_price_per_gpu_hour,
            reserve=needed,
            deadline=bid.deadline,
        ),
        to_wire(bid),
        signed.signature,
    )


def cancel(session: Session, context: Context, wallet: str, digest: str) -> Order:
    """Take an order out of the book; the acknowledgement makes a later fill provable fraud."""
    order = repository.lock(session, digest)
    if order is None:
        raise NotFoundError("order", digest)
    if order.maker != wallet:
        raise ForbiddenError(
            f"order: one of your own; given one of {order.maker}",
            field="order",
            limit="one of your own",
            given=digest,
        )
    if order.status is OrderStatus.CANCELLED and order.cancellation is not None:
        return order
    if order.status is not OrderStatus.OPEN:
        raise ConflictError("not-open", "order.status", "open", order.status.value)
    now = context.clock()
    entry = repository.append(session, LogKind.CANCEL, digest, wallet, {}, "", now)
    order.status = advance(order.status, OrderStatus.CANCELLED)
    order.reason = "cancelled by its maker"
    order.cancellation = _acknowledge(
        context, digest, AcknowledgedAction.CANCELLED, entry.sequence, now
    )
    session.flush()
    log.info("order.cancelled", order=digest, sequence=entry.sequence)
    return order


def _append(
    session: Session, context: Context, order: Order, payload: Wire, signature: str
) -> Order:
    now = context.clock()
    kind = LogKind.ASK if order.side is OrderSide.ASK else LogKind.BID
    entry = repository.append(session, kind, order.digest, order.maker, payload, signature, now)
    order.sequence = entry.sequence
    order.status = OrderStatus.OPEN
    order.acknowledgement = _acknowledge(
        context, order.digest, AcknowledgedAction.ACCEPTED, entry.sequence, now
    )
    session.add(order)
    session.flush()
    log.info("order.accepted", order=order.digest, side=order.side, sequence=entry.sequence)
    return order


def _acknowledge(
    context: Context, digest: str, action: AcknowledgedAction, sequence: int, at: int
) -> Wire:
    word = Acknowledgement(parse_hex(digest, "digest", 32), action.value, sequence, at)
    signature = context.operator.sign(word, context.deployment.market_domain)
    return signed_acknowledgement(word, signature, context.operator.address)


def _check_unused(session: Session, order: Ask | Bid, maker: str, digest: str) -> None:
    checks.check_epoch(order, repository.epoch_of(session, maker))
    if repository.find(session, digest) is not None:
        raise ConflictError("replayed", "order", "an order that was not accepted before", digest)
    earlier = repository.find_nonce(session, maker, order.epoch, order.nonce)
    if earlier is not None:
        raise ConflictError(
            "nonce-used",
            "order.nonce",
            f"a nonce of which no order of {maker} was accepted",
            order.nonce,
        )
    if is_nonce_cancelled(session, maker, order.epoch, order.nonce):
        raise ConflictError(
            "nonce-cancelled", "order.nonce", "a nonce that was not cancelled on chain", order.nonce
        )


def _require_known_class(session: Session, field: str, class_hash: str) -> None:
    if repository.class_name(session, class_hash) is None:
        raise ConflictError(
            "unknown-class", field, "a device class that some provider reported", class_hash
        )
