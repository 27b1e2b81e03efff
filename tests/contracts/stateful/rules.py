"""The numbered rules (docs/INVARIANTS.md) in terms of what the chain itself says.

Each looks at one call: what the chain told before and after it, and what it logged. They know the
model only by the orders that were sent; rule 6, that every exit is open, is `exits.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import eth_abi
from model.orders import Group, Wanted
from model.parts import HOUR, ZERO, Flag, hours_of, series_of

from contracts.protocol.eip712 import checksum
from contracts.protocol.typed_data import Ask, Bid
from contracts.protocol.units import LOT_GPU_MS, TICK, cost, payment_down
from stateful.twin import Step
from stateful.views import Label, Value

FREEZE, REDEEM_GRACE, LONGEST_CASE = 600, 24 * HOUR, 96 * HOUR
GOVERNING = ("schedule", "execute", "set_parameter", "pause", "unpause")
GOVERNED = (
    "feeBps", "treasury", "pausedUntil", "roleBond", "attestationFee", "disputeFee", "auditors",
    "auditorThreshold", "arbiters", "arbiterThreshold", "minBond",
)  # fmt: skip
ARBITERS_WORD = ("decide", "resolve")


def rule_1__tokens_are_balances_escrow_and_bonds(step: Step) -> None:
    raw = step.after
    balances = sum(value[0] for _, value in _all(raw, "account"))
    bonds = sum(value[0] + value[1] for _, value in _all(raw, "bond"))
    escrow = sum(
        cost(value[0], series_of(label[1]).ticks)
        - payment_down(value[2], series_of(label[1]).ticks)
        for label, value in _all(raw, "position")
    )
    (held,) = raw[("held",)]
    (tokens,) = raw["tokens", step.later.market]
    assert held == balances + escrow + bonds, (held, balances, escrow, bonds)
    assert tokens == held + step.later.donated, (tokens, held)


def rule_2__no_fill_outside_a_signed_limit(step: Step) -> None:
    for group, wanted, series, milli, units in _filled(step):
        ask, bid, parts = group.ask, wanted.bid, series_of(series)
        price = parts.price_per_gpu_hour if not ask.series else wanted.price
        for order in (ask, bid):
            _check_order(step, order, group.ask.seller if order is ask else bid.buyer)
        chosen = ask.filler != ZERO and ask.filler == bid.filler
        assert ask.price_per_gpu_hour == price or (chosen and ask.price_per_gpu_hour < price)
        assert price <= bid.max_price_per_gpu_hour
        assert price % TICK == 0
        assert max(ask.min_milli, bid.min_milli) <= milli <= min(bid.milli, ask.max_milli or milli)
        assert bid.min_duration <= parts.duration <= bid.max_duration
        assert max(ask.window_start, bid.window_start) <= parts.start
        assert parts.end <= min(ask.window_end, bid.window_end)
        assert milli * parts.duration == units * LOT_GPU_MS
        assert not bid.budget or cost(units, price // TICK) <= bid.budget
        _check_terms(step.before["terms", parts.terms], bid)
    if any(True for _ in _filled(step)):
        assert step.before[("pausedUntil",)][0] <= step.now


def _check_order(step: Step, order: Ask | Bid, maker: str) -> None:
    assert order.valid_from <= step.now <= order.deadline
    assert order.deadline - order.valid_from <= (300 if order.filler == ZERO else 24 * HOUR)
    assert order.filler in (ZERO, step.caller)
    _, epoch, first, window = step.before["account", maker]
    assert order.epoch == epoch
    assert order.nonce >= first
    assert not window >> (order.nonce - first) & 1


def _check_terms(terms: Value, bid: Bid) -> None:
    _, isolation, _, reservation, credit, interruptible, notice, _, _, arbiters, _, _ = terms
    assert isolation >= bid.min_isolation
    assert reservation <= bid.max_reservation_fee_bps
    assert credit >= bid.min_sla_credit_bps
    assert not interruptible or (bid.interruptible and notice >= bid.min_notice)
    assert bid.arbiter_set in (0, arbiters)


def rule_3__no_hour_is_sold_twice(step: Step) -> None:
    sold: Counter[tuple[str, bytes, int]] = Counter()
    for label, (_, milli, _, end, _, _) in _all(step.after, "position"):
        terms = step.after["terms", series_of(label[1]).terms]
        for hour in hours_of(series_of(label[1]).start, end):
            if hour >= step.now // HOUR:
                sold[terms[10], terms[0], hour] += milli
    for (provider, device_class, hour), milli in sold.items():
        lanes, lane_milli, *_ = step.after["capacity", provider, device_class]
        assert milli <= lanes * lane_milli, (provider, hour, milli)


def rule_4__a_voucher_pays_the_difference_once(step: Step) -> None:
    paid: Counter[Label] = Counter()
    for topics, data in _events(step, "Redeemed"):
        label = ("position", int(topics[1], 16), _address(topics[2]))
        _, payment, _, _ = eth_abi.decode(["uint64", "uint256", "uint256", "bool"], data)
        paid[label] += payment
    for label, value in _all(step.after, "position"):
        before = step.before.get(label, (0,) * 6)
        if value[0]:  # one that closed has nothing left to compare
            assert value[2] >= before[2], (label, before, value)
        if value[0] and step.name in ("redeem", *ARBITERS_WORD):
            ticks = series_of(label[1]).ticks
            due = payment_down(value[2], ticks) - payment_down(before[2], ticks)
            assert paid[label] == due, (label, paid[label], due)


def rule_5__never_more_than_elapsed(step: Step) -> None:
    for label, (units, milli, used, end, _, _) in _all(step.after, "position"):
        elapsed = max(0, min(step.now, end) - series_of(label[1]).start)
        assert used <= milli * elapsed, (label, used, milli * elapsed)
        more = used - step.before.get(label, (0,) * 6)[2]
        if units and step.name in ARBITERS_WORD:
            terms = step.after["terms", series_of(label[1]).terms]
            assert more <= milli * terms[7] * terms[8], (label, more)
        elif units and more > 0:
            assert step.name in ("redeem", "redeem_group"), (step.name, label)


def rule_7__what_is_not_used_goes_back(step: Step) -> None:
    fees: Counter[Label] = Counter()
    for topics, data in _events(step, "ReservationFeePaid"):
        fees["position", int(topics[1], 16), _address(topics[2])] += int.from_bytes(data, "big")
    for topics, data in _events(step, "Closed"):
        label = ("position", int(topics[1], 16), _address(topics[2]))
        _, refund = eth_abi.decode(["uint64", "uint256"], data)
        units, _, used, _, flags, _ = step.before[label]
        ticks = series_of(label[1]).ticks
        rest = cost(units, ticks) - payment_down(used, ticks)
        assert refund + fees[label] == rest, (label, refund, fees[label], rest)
        terms = step.before["terms", series_of(label[1]).terms]
        assert fees[label] * 10_000 <= rest * terms[3]
        assert not (fees[label] and flags & Flag.FAULT)
        assert step.after[label] == (0,) * 6


def rule_8__a_slash_names_its_evidence(step: Step) -> None:
    taken: Counter[str] = Counter()
    for topics, data in _events(step, "Slashed"):
        amount, to_victim = eth_abi.decode(["uint64", "uint64"], data)
        assert int(topics[3], 16) != 0
        assert to_victim <= amount
        taken[_address(topics[1])] += amount
    for who, amount in taken.items():
        bonded, unbonding, *_ = step.before["bond", who]
        assert amount <= bonded + unbonding
        assert step.name in ("decide", *_PROOFS), step.name
    if step.name == "fill":
        for group, *_ in _filled(step):
            bonded, _, _, required, _ = step.before["bond", group.ask.seller]
            assert bonded >= required
    if step.name == "request_unbonding" and step.error is None:
        _, _, ends, _, _ = step.after["bond", step.caller]
        last = [v[3] for label, v in _all(step.after, "capacity") if label[1] == step.caller]
        assert ends >= max([step.now, *last]) + REDEEM_GRACE + LONGEST_CASE
    if step.name == "release_bond" and step.error is None:
        assert step.before["bond", step.orders[0]][2] <= step.now


_PROOFS = (
    "prove_receipts", "prove_overlap", "prove_cancelled", "prove_verdicts", "prove_attestations",
)  # fmt: skip


def rule_9__no_role_moves_money(step: Step) -> None:
    if step.name in GOVERNING:
        changed = {
            label[0] for label, value in step.after.items() if step.before.get(label) != value
        }
        news = {label[0] for label in step.after if label not in step.before}
        assert changed - news <= set(GOVERNED), changed
    assert step.error != "FillsPaused" or step.name in ("fill", "resale")


def rule_10__whole_steps_until_the_freeze(step: Step) -> None:
    for label, (units, milli, _, end, flags, _) in _all(step.after, "position"):
        parts = series_of(label[1])
        if units and not flags & Flag.CUT:
            assert units * LOT_GPU_MS == milli * parts.duration, (label, units, milli)
            assert milli % parts.step == 0
            assert end == parts.end
        before = step.before.get(label, (0,) * 6)[0]
        if units != before and step.now + FREEZE >= parts.start:
            grows = step.name == "fill" and units > before
            shrinks = 0 < units < before
            # A tail cut off exactly FREEZE ahead is born where it may not move any more.
            tail = before < units and parts.start == step.now + FREEZE
            split = step.name == "split" and step.caller == label[2] and (shrinks or tail)
            ends = step.name == "close" and units == 0
            assert grows or split or ends, (step.name, label, before, units)


RULES = (
    rule_1__tokens_are_balances_escrow_and_bonds,
    rule_2__no_fill_outside_a_signed_limit,
    rule_3__no_hour_is_sold_twice,
    rule_4__a_voucher_pays_the_difference_once,
    rule_5__never_more_than_elapsed,
    rule_7__what_is_not_used_goes_back,
    rule_8__a_slash_names_its_evidence,
    rule_9__no_role_moves_money,
    rule_10__whole_steps_until_the_freeze,
)


# ------------------------------------------------------------------ what the chain told


def _all(raw: dict[Label, Value], kind: str) -> Iterator[tuple[Label, Value]]:
    return ((label, value) for label, value in raw.items() if label[0] == kind)


def _events(step: Step, wanted: str) -> Iterator[tuple[list[str], bytes]]:
    for name, log in step.receipt.events:
        if name == wanted:
            yield log["topics"], bytes.fromhex(log["data"][2:])


def _address(topic: str) -> str:
    return checksum("0x" + topic[-40:])


def _filled(step: Step) -> Iterator[tuple[Group, Wanted, int, int, int]]:
    """Each fill that the chain logged, with the orders that it names: series, milli, units."""
    if step.name not in ("fill", "resale"):
        return
    groups: tuple[Group, ...] = step.orders[0]
    fills = "(bytes32,address,uint256,uint32,uint64)[]"
    for topics, data in _events(step, "Filled"):
        _, found = eth_abi.decode(["uint64", fills], data)
        for bid, _, series, milli, units in found:
            yield (*_pair(groups, topics[1], bid), series, milli, units)
    for topics, data in _events(step, "Resold"):
        bid, series, units, _, _ = eth_abi.decode(
            ["bytes32", "uint256", "uint64", "uint64", "uint64"], data
        )
        milli = units * LOT_GPU_MS // series_of(series).duration
        yield (*_pair(groups, topics[1], bid), series, milli, units)


def _pair(groups: tuple[Group, ...], ask: str, bid: Any) -> tuple[Group, Wanted]:
    """An ask may stand in two groups of a batch."""
    name = "0x" + bid.hex()
    return next(
        (group, wanted)
        for group in groups
        for wanted in group.fills
        if (group.digest, wanted.digest) == (ask, name)
    )
