"""The market, its book and one's account, for display."""

from __future__ import annotations

from sqlalchemy.orm import Session

from contracts.protocol import units
from contracts.protocol.series import device_class_hash
from contracts.protocol.typed_data import Ask
from contracts.protocol.wire import from_wire, to_hex
from marketplace_api.context import Context
from marketplace_api.market_data import repository
from marketplace_api.market_data.schemas import (
    AccountView,
    BookView,
    ConstantsView,
    MarketView,
    OfferView,
)
from marketplace_api.matching import repository as matching
from marketplace_api.matching.book import RestingAsk
from marketplace_api.models import OrderLogEntry, Terms
from marketplace_api.orders import repository as orders
from marketplace_api.problems import NotFoundError

_HOUR = 3600


def market_view(context: Context) -> MarketView:
    """Contracts, constants, clock."""
    found = context.deployment
    return MarketView(
        chain_id=found.chain_id,
        rpc_url=context.settings.rpc_url,
        deployed_block=found.deployed_block,
        payment_token=found.payment_token,
        market=found.market,
        registry=found.registry,
        parameters=found.parameters,
        resale=found.resale,
        arbitration=found.arbitration,
        metadata=found.metadata,
        timelock=found.timelock,
        treasury=found.treasury,
        operator=context.operator.address,
        auditors=list(found.auditors),
        auditor_threshold=found.auditor_threshold,
        fee_bps=found.fee_bps,
        tick=units.TICK,
        lot_gpu_ms=units.LOT_GPU_MS,
        min_bond_per_milli=str(found.min_bond_per_milli),
        allow_simulated=found.allow_simulated,
        constants=ConstantsView(
            start_grace=found.constants.start_grace,
            freeze=found.constants.freeze,
            redeem_grace=found.constants.redeem_grace,
            challenge=found.constants.challenge,
            response=found.constants.response,
            verdict=found.constants.verdict,
        ),
        max_open_order_life=units.MAX_OPEN_ORDER_LIFE,
        max_order_life=units.MAX_ORDER_LIFE,
        max_duration=units.MAX_DURATION,
        max_ahead=units.MAX_AHEAD,
        now=context.clock(),
    )


def book(session: Session, context: Context, device_class: str, limit: int) -> BookView:
    """Open asks of a class."""
    class_hash = to_hex(device_class_hash(device_class))
    if not repository.is_known_class(session, class_hash):
        raise NotFoundError("device_class", device_class)
    rows = repository.open_asks(session, class_hash, context.clock(), limit)
    return BookView(
        device_class=device_class,
        asks=[_offer(session, context, entry, terms, device_class) for entry, terms in rows],
    )


def account_view(session: Session, wallet: str) -> AccountView:
    """What the wallet may spend, and the nonce to sign next."""
    account = repository.account(session, wallet)
    balance, epoch = (account.balance, account.epoch) if account else (0, 0)
    after_pending = matching.free_balance(session, wallet)
    reserved = orders.reserved(session, wallet)
    return AccountView(
        wallet=wallet,
        balance=str(balance),
        pending=str(balance - after_pending),
        reserved=str(reserved),
        free=str(after_pending - reserved),
        epoch=epoch,
        next_nonce=str(orders.next_nonce(session, wallet, epoch)),
        delegate=account.delegate if account else None,
    )


def _offer(
    session: Session, context: Context, entry: OrderLogEntry, terms: Terms, device_class: str
) -> OfferView:
    ask, now = from_wire(Ask, entry.payload), context.clock()
    supply = matching.load_supply(
        session,
        RestingAsk(entry.digest, entry.sequence, ask, matching.terms_view(terms)),
        ask.seller,
        now,
        context.settings.heartbeat_ttl_s,
        context.deployment.min_bond_per_milli,
    )
    start = max(ask.window_start, now)
    return OfferView(
        digest=entry.digest,
        sequence=entry.sequence,
        seller=ask.seller,
        terms=ask.terms,
        device_class=device_class,
        isolation=terms.isolation,
        step=terms.step,
        price_per_gpu_hour=str(ask.price_per_gpu_hour),
        free_milli=max(0, supply.free_milli(start, start + _HOUR)) if supply.is_open else 0,
        min_milli=ask.min_milli,
        max_milli=ask.max_milli,
        window_start=ask.window_start,
        window_end=ask.window_end,
        min_duration=ask.min_duration,
        max_duration=ask.max_duration,
        deadline=ask.deadline,
        reservation_fee_bps=terms.reservation_fee_bps,
        sla_credit_bps=terms.sla_credit_bps,
        interruptible=terms.interruptible,
        notice=terms.notice,
        arbiter_set=terms.arbiter_set,
        quantity=ask.quantity,
        max_fills=ask.max_fills,
        online=supply.is_open,
        simulated=supply.simulated,
    )
