"""Orders from what people say: a class, a share, a duration and a price."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.protocol.eip712 import ZERO_ADDRESS, digest
from contracts.protocol.keys import Signer
from contracts.protocol.orders import OrderRules, check_ask, check_bid
from contracts.protocol.series import Isolation, device_class_hash
from contracts.protocol.typed_data import Ask, Bid, BidConstraints, TimeInForce
from contracts.protocol.units import MAX_OPEN_ORDER_LIFE, Amount, cost, lots, price_ticks
from marketplace_api.client.answers import Market

_SIGNING_SKEW_S = 2
"""Our clock may be ahead of the API's by this much without an order looking premature."""


@dataclass(frozen=True, slots=True)
class AcceptedTerms:
    """Which conditions of a provider will do."""

    max_reservation_fee_bps: int = 0
    min_sla_credit_bps: int = 0
    min_notice: int | None = None
    """Of an interruption, in seconds; None: terms that allow one will not do."""
    arbiter_set: int = 0
    """The only arbiters accepted; 0 for any."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a buyer wants."""

    device_class: str
    milli: int
    duration: int
    max_price_per_gpu_hour: int
    min_isolation: Isolation = Isolation.ANY
    start: int | None = None
    """Earliest start; None for now."""
    slack: int = 0
    """The window may begin this many seconds later."""
    immediate: bool = False
    """Take what is there and never rest in the book."""
    allow: tuple[str, ...] = ()
    """Providers that may be matched; empty for all."""
    deny: tuple[str, ...] = ()
    terms: AcceptedTerms = AcceptedTerms()


@dataclass(frozen=True, slots=True)
class Slot:
    """A nonce that was not used before, in the account's epoch."""

    nonce: int
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Supply:
    """What a provider offers under registered terms."""

    terms: int
    price_per_gpu_hour: int
    window_start: int
    window_end: int
    max_milli: int = 0
    min_duration: int = 0
    max_duration: int = 0
    quantity: int = 0
    """GPU-ms to sell in all; 0 for as much as is free."""
    max_fills: int = 0
    """How often to sell; 0 without a limit."""
    life: int = MAX_OPEN_ORDER_LIFE
    """Seconds that the ask is good for; above five minutes only the operator may fill it."""


def most_cost(wish: Wish) -> Amount:
    """What a full fill at the limit price puts into escrow; exact."""
    ticks = price_ticks(wish.max_price_per_gpu_hour, "max_price_per_gpu_hour")
    return cost(lots(wish.milli, wish.duration), ticks)


def new_bid(buyer: str, wish: Wish, market: Market, slot: Slot, now: int) -> Bid:
    """An unsigned bid; refuses by name what the market would refuse."""
    start = now if wish.start is None else wish.start
    bid = Bid(
        buyer=buyer,
        device_classes=device_class_hash(wish.device_class),
        milli=wish.milli,
        min_milli=wish.milli,
        window_start=start,
        window_end=start + wish.duration + max(wish.slack, _fill_slack(wish, market)),
        min_duration=wish.duration,
        max_duration=wish.duration,
        max_price_per_gpu_hour=wish.max_price_per_gpu_hour,
        valid_from=now - _SIGNING_SKEW_S,
        deadline=now - _SIGNING_SKEW_S + MAX_OPEN_ORDER_LIFE,
        nonce=slot.nonce,
        epoch=slot.epoch,
        min_isolation=wish.min_isolation.value,
        max_reservation_fee_bps=wish.terms.max_reservation_fee_bps,
        min_sla_credit_bps=wish.terms.min_sla_credit_bps,
        interruptible=wish.terms.min_notice is not None,
        min_notice=wish.terms.min_notice or 0,
        arbiter_set=wish.terms.arbiter_set,
        constraints=BidConstraints(
            time_in_force=_time_in_force(wish).value, allow=wish.allow, deny=wish.deny
        ),
    )
    check_bid(bid, now, OrderRules(market.constants.start_grace))
    return bid


def new_ask(seller: str, supply: Supply, market: Market, slot: Slot, now: int) -> Ask:
    """An unsigned ask; refuses by name what the market would refuse."""
    ask = Ask(
        seller=seller,
        terms=supply.terms,
        price_per_gpu_hour=supply.price_per_gpu_hour,
        window_start=supply.window_start,
        window_end=supply.window_end,
        valid_from=now - _SIGNING_SKEW_S,
        deadline=now - _SIGNING_SKEW_S + supply.life,
        nonce=slot.nonce,
        epoch=slot.epoch,
        filler=market.operator if supply.life > MAX_OPEN_ORDER_LIFE else ZERO_ADDRESS,
        max_milli=supply.max_milli,
        min_duration=supply.min_duration,
        max_duration=supply.max_duration,
        quantity=supply.quantity,
        max_fills=supply.max_fills,
    )
    check_ask(ask, now, OrderRules(market.constants.start_grace))
    return ask


def sign_order(order: Ask | Bid, signer: Signer, market: Market) -> tuple[bytes, bytes]:
    """Digest and signature for the market's contract."""
    return digest(order, market.domain), signer.sign(order, market.domain)


def _time_in_force(wish: Wish) -> TimeInForce:
    return TimeInForce.IMMEDIATE_OR_CANCEL if wish.immediate else TimeInForce.UNTIL_DEADLINE


def _fill_slack(wish: Wish, market: Market) -> int:
    """A bid for "now" may start a little later: by the time of the match the second is over."""
    return 0 if wish.start is not None else market.constants.start_grace
