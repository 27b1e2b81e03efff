"""A model that is wrong in one place does not pass: the comparison can fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import model.state
import model.units
import model.usage
import pytest
from brownie import chain
from model import fills, units, usage
from model.orders import Group, Wanted
from model.parts import Account, Lease
from model.state import State
from words import halves

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import digest
from contracts.protocol.series import Series
from contracts.protocol.typed_data import Ask, Bid, Voucher
from contracts.protocol.units import LOT_GPU_MS, TICK
from stateful.machine import wallet_of
from stateful.play import Play
from stateful.rules import rule_1__tokens_are_balances_escrow_and_bonds
from stateful.twin import Mismatch, Twin

HOUR = 3600
PRICE = 1_234_000
USED = 1_234_567
"""Worth a broken number of units, of which the fee is broken too."""
INTERRUPTIBLE = 2
"""Number of the terms with a reservation fee and a credit."""


@pytest.fixture
def play(opened: Twin) -> Iterator[Play]:
    chain.snapshot()
    run = Play(opened.copy_of(), wallet_of(opened))
    run.twin.node.rpc("miner_stop")
    yield run
    run.twin.node.rpc("miner_start")
    chain.revert()


def live(play: Play) -> None:
    """A short life: bought, cut, used, missed, ended."""
    start = (play.now // HOUR + 2) * HOUR
    series = _fill(play, start)
    _cut(play, series, start)
    head = Series.from_id(series).between(start, start + HOUR).id
    play.twin.now = start + 1800
    _redeem(play, head, USED, missed=1)
    play.twin.now = start + 3000
    _redeem(play, head, 2 * USED + 1, missed=1)
    play.twin.now = start + 2 * HOUR + 24 * HOUR - 1
    leases = [(head, play.address("buyer"))]
    for _ in range(2):
        closing = [leases]
        play.call(play.address("stranger"), "market", "close", closing, usage.close, leases)
        play.twin.now += HOUR
    play.twin.compare(everything=True)


def _fill(play: Play, start: int) -> int:
    buyer, seller = play.address("buyer"), play.address("provider")
    shared: dict[str, Any] = {
        "window_start": start,
        "window_end": start + 2 * HOUR,
        "valid_from": play.now,
        "deadline": play.now + 200,
        "nonce": 128,
    }
    ask = Ask(seller=seller, terms=INTERRUPTIBLE, price_per_gpu_hour=PRICE, **shared)
    bid = Bid(
        buyer=buyer,
        device_classes=play.model.terms_of(INTERRUPTIBLE).device_class,
        milli=1000,
        min_milli=1000,
        min_duration=HOUR,
        max_duration=2 * HOUR,
        max_price_per_gpu_hour=PRICE,
        max_reservation_fee_bps=5_000,
        interruptible=True,
        **shared,
    )
    names = ["0x" + digest(order, play.market_domain).hex() for order in (ask, bid)]
    shape = {"milli": 1000, "start": start, "duration": 2 * HOUR, "price": PRICE}
    wanted = Wanted(bid, names[1], buyer, bid.device_classes, **shape)
    calldata = (as_tuple(bid), play.sign(bid, "buyer"), [], *shape.values())
    encoded = (as_tuple(ask), play.sign(ask, "provider"), [calldata])
    groups = [Group(ask, names[0], seller, (wanted,))]
    caller = play.address("stranger")
    play.call(caller, "market", "fill", [[encoded]], fills.fill, groups, wait=1)
    return Series(start, 2 * HOUR, PRICE // TICK, 1000, INTERRUPTIBLE).id


def _cut(play: Play, series: int, start: int) -> None:
    cut = (series, start + HOUR, 1000)
    play.call(play.address("buyer"), "market", "split", cut, units.split, *cut)


def _redeem(play: Play, series: int, used: int, missed: int) -> None:
    holder = play.address("buyer")
    voucher = Voucher(series, holder, used, missed, False, bytes(32))
    signatures = [play.sign(voucher, name) for name in ("buyer", "agent")]
    signed = usage.SignedVoucher(voucher, holder, play.address("agent"))
    call = [[(as_tuple(voucher), *map(halves, signatures))]]
    play.call(play.address("stranger"), "market", "redeem", call, usage.redeem, [signed])


def _up(amount: int, bps: int) -> int:
    return -(-amount * bps // 10_000)


def _nearest(used: int, ticks: int) -> int:
    return (used * ticks + LOT_GPU_MS // 2) // LOT_GPU_MS


def _without_last_hour(start: int, end: int) -> range:
    return range(start // HOUR, max(start // HOUR + 1, end // HOUR - 1))


_ENDING = usage.ending


def _always_waived(state: State, lease: Lease, waived: bool) -> usage.Ending:
    del waived
    return _ENDING(state, lease, waived=True)


def test_model__right__passes(play: Play) -> None:
    live(play)


@pytest.mark.parametrize(
    ("place", "name", "wrong"),
    [
        (model.usage, "share_down", _up),
        (model.usage, "payment_down", _nearest),
        (model.usage, "ending", _always_waived),
        (model.state, "hours_of", _without_last_hour),
        (Account, "first_nonce", property(lambda account: 0)),
        (State, "lease_bond", lambda state, provider, milli: 7),
        (model.units, "_units_of", lambda milli, seconds: milli * seconds // LOT_GPU_MS + 1),
    ],
    ids=[
        "a fee rounded up",
        "a payment rounded to the nearest",
        "no reservation fee",
        "an hour not charged",
        "a window of nonces that stays",
        "another share of the bond",
        "a unit too many",
    ],
)
def test_model__wrong_in_one_place__is_caught(
    play: Play, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, wrong: Any
) -> None:
    monkeypatch.setattr(place, name, wrong)
    with pytest.raises(Mismatch):
        live(play)


def test_rules__chain_that_lost_a_unit__is_caught(play: Play) -> None:
    """Rule 1 looks at what the chain said, not at the model."""

    def tampered(step: Any) -> None:
        label = ("account", play.address("buyer"))
        balance, *rest = step.after[label]
        step.after[label] = (balance - 1, *rest)
        rule_1__tokens_are_balances_escrow_and_bonds(step)

    play.twin.checks = [tampered]
    with pytest.raises(Mismatch, match="tampered"):
        live(play)
