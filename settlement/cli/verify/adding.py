"""What each event adds to the sums."""

from __future__ import annotations

from contracts.bindings.events import (
    Bonded,
    BondReleased,
    Closed,
    Deposited,
    Event,
    Filled,
    Merged,
    Paid,
    Redeemed,
    RedeemedGroup,
    ReservationFeePaid,
    Resold,
    SlaCredited,
    Slashed,
    Split,
    TermsRegistered,
    TransferBatch,
    TransferSingle,
    TreasurySet,
    Withdrawn,
)
from contracts.protocol.eip712 import ZERO_ADDRESS
from contracts.protocol.series import Series, of_group_item
from contracts.protocol.units import cost, lots, payment_down, share_down
from settlement.cli.verify.sums import History, Key

_BURNED = "0x000000000000000000000000000000000000dEaD"
"""`ProviderRegistry.BURNED`."""


def add_event(history: History, event: Event, transaction: str) -> None:
    """Count one event."""
    for add in (_add_account, _add_order, _add_case, _add_recut, _add_transfer):
        add(history, event)
    for kind, key in _leases_of(event):
        history.leases[key].transactions.append((kind, transaction))


def _leases_of(event: Event) -> list[tuple[str, Key]]:
    """Which leases an event made what they are, and how."""
    found: list[tuple[str, Key]] = []
    match event:
        case Filled():
            found = [("fill", Key(fill.series, fill.buyer)) for fill in event.fills]
        case Redeemed():
            found = [("redeem", Key(event.series, event.holder))]
        case RedeemedGroup():
            found = [("redeem", key) for key, _ in _items(event)]
        case Closed():
            found = [("close", Key(event.series, event.holder))]
        case Split():
            found = [("split", Key(part, event.holder)) for part in (event.head, event.tail)]
        case Merged():
            found = [("merge", Key(event.merged, event.holder))]
        case Resold():
            found = [("resale", Key(event.series, event.buyer))]
        case _:
            pass  # of no single lease
    return found


def _add_account(history: History, event: Event) -> None:
    match event:
        case Deposited():
            history.deposited[event.account] += event.amount
        case Withdrawn():
            history.withdrawn[event.account] += event.amount
        case Bonded():
            history.bonded[event.account] += event.amount
        case BondReleased():
            history.released[event.account] += event.amount
        case TermsRegistered():
            history.providers[event.number] = event.provider
            history.fee_bps[event.number] = event.fee_bps
        case TreasurySet():
            history.treasury = event.treasury
        case Paid():
            _move(history, event.from_, event.to, event.amount)
        case _:
            pass  # see the other tables


def _add_order(history: History, event: Event) -> None:
    match event:
        case Filled():
            for fill in event.fills:
                history.providers[event.terms] = event.provider
                history.spent[fill.buyer] += cost(fill.units, Series.from_id(fill.series).ticks)
        case Resold():
            _move(history, event.buyer, event.seller, event.payment - event.fee)
            _move(history, event.buyer, history.treasury, event.fee)
        case Redeemed():
            key = Key(event.series, event.holder)
            _add_usage(history, key, event.used_gpu_ms, event.payment, event.fee)
        case RedeemedGroup():
            for key, used in _items(event):
                payment = payment_down(used, key.ticks) - history.leases[key].paid
                fee = share_down(payment, history.fee_bps[event.terms])
                _add_usage(history, key, used, payment, fee)
        case Closed():
            sums = history.leases[Key(event.series, event.holder)]
            sums.refunded += event.refund
            sums.closed += 1
            history.refunded[event.holder] += event.refund
        case _:
            pass  # see the other tables


def _add_case(history: History, event: Event) -> None:
    match event:
        case ReservationFeePaid():
            history.leases[Key(event.series, event.holder)].reservation_fee += event.amount
            history.moved[event.provider] += event.amount
        case SlaCredited():
            history.bonds_lost[event.provider] += event.amount
            history.moved[event.holder] += event.amount
        case Slashed():
            history.bonds_lost[event.account] += event.amount
            history.moved[event.victim] += event.to_victim
            history.moved[_BURNED] += event.amount - event.to_victim
        case _:
            pass  # see the other tables


def _add_recut(history: History, event: Event) -> None:
    """Which of the units burned were only cut anew."""
    match event:
        case Split():
            sums = history.leases[Key(event.series, event.holder)]
            for part in {event.head, event.tail} - {event.series}:
                sums.recut += _lots_of(part, event.milli)
        case Merged():
            for part in (event.first, event.second):
                sums = history.leases[Key(part, event.holder)]
                sums.recut += _lots_of(part, event.milli)
        case _:
            pass  # see the other tables


def _lots_of(series: int, milli: int) -> int:
    return lots(milli, Series.from_id(series).duration)


def _add_usage(history: History, key: Key, used: int, payment: int, fee: int) -> None:
    sums = history.leases[key]
    sums.used_gpu_ms = used
    sums.paid += payment
    sums.fee += fee
    sums.payments.append((used, payment, fee))
    provider = history.providers[Series.from_id(key.series).terms]
    history.earned[provider] += payment - fee
    history.fees += fee
    history.treasuries[history.treasury] += fee
    history.fees_of[provider] += fee


def _items(event: RedeemedGroup) -> list[tuple[Key, int]]:
    found = [of_group_item(item, event.step, event.terms) for item in event.items if item]
    return [(Key(int(series.id), event.holder), used) for series, used in found]


def _move(history: History, source: str, target: str, amount: int) -> None:
    history.moved[source] -= amount
    history.moved[target] += amount


def _add_transfer(history: History, event: Event) -> None:
    match event:
        case TransferSingle():
            _add_units(history, event.from_, event.to, event.id, event.value)
        case TransferBatch():
            for series, value in zip(event.ids, event.values, strict=True):
                _add_units(history, event.from_, event.to, series, value)
        case _:
            pass  # moves no GPU time


def _add_units(history: History, source: str, target: str, series: int, units: int) -> None:
    if source == ZERO_ADDRESS:
        history.leases[Key(series, target)].minted += units
    elif target == ZERO_ADDRESS:
        history.leases[Key(series, source)].burned += units
    else:
        history.leases[Key(series, source)].moved_out += units
        history.leases[Key(series, target)].moved_in += units
