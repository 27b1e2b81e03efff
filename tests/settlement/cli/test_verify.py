"""The sums to the unit: a single unit anywhere is found and named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.bindings.events import (
    Bonded,
    Closed,
    Deposited,
    Event,
    Filled,
    FilledBid,
    Redeemed,
    TransferSingle,
    Withdrawn,
)
from contracts.bindings.market import PositionState
from contracts.protocol.eip712 import ZERO_ADDRESS
from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer
from contracts.protocol.series import Series
from marketplace_api.client.answers import (
    Balance,
    Balances,
    Statement,
    StatementLine,
    Totals,
)
from settlement.cli.verify.adding import add_event
from settlement.cli.verify.command import read_statements
from settlement.cli.verify.comparing import check_statements
from settlement.cli.verify.conservation import check_chain
from settlement.cli.verify.state import State
from settlement.cli.verify.sums import History, Key, units_of

BUYER, PROVIDER, TREASURY = (Signer(bytes([n]) * 32).address for n in (1, 2, 3))
SERIES = Series(start=1_000, duration=72, ticks=2_000, step=1_000, terms=1).id
KEY = Key(SERIES, BUYER)
USED = 14_001
PAID = 7_778  # floor(14,001 x 2,000 / 3,600) = floor(7,778.33)
FEE = 77
BEFORE_CLOSE: tuple[Event, ...] = (
    Deposited(BUYER, BUYER, 100_000),
    Deposited(PROVIDER, PROVIDER, 50_000),
    Bonded(PROVIDER, 50_000),
    TransferSingle(PROVIDER, ZERO_ADDRESS, BUYER, SERIES, 20),
    Filled(bytes(32), PROVIDER, 1, (FilledBid(bytes(32), BUYER, SERIES, 1000, 20),)),
    Redeemed(SERIES, BUYER, USED, PAID, FEE, is_final=True),
)
CLOSE: tuple[Event, ...] = (
    TransferSingle(PROVIDER, BUYER, ZERO_ADDRESS, SERIES, 20),
    Closed(SERIES, BUYER, USED, 40_000 - PAID),
    Withdrawn(BUYER, BUYER, 1_000),
)


def history_of(events: tuple[Event, ...]) -> History:
    history = History(block=9, transfers_in=150_000, treasury=TREASURY)
    for event in events:
        add_event(history, event, "0x00")
    history.transfers_out = sum(history.withdrawn.values())
    return history


def state_of(*, is_closed: bool) -> State:
    buyer = 100_000 - 40_000 + (40_000 - PAID - 1_000 if is_closed else 0)
    tokens = 149_000 if is_closed else 150_000
    position = PositionState(0, 0, 0, 0, 0) if is_closed else PositionState(20, 1000, USED, 1072, 1)
    return State(
        block=9,
        treasury=TREASURY,
        market_tokens=tokens,
        total_held=tokens,
        balances={BUYER: buyer, PROVIDER: PAID - FEE, TREASURY: FEE},
        bonds={PROVIDER: 50_000},
        positions={KEY: position},
    )


def wrong(history: History, state: State) -> list[tuple[str, int]]:
    return [(c.name, c.difference) for c in check_chain(history, state) if not c.holds]


@pytest.mark.parametrize("is_closed", [False, True])
def test_check_chain__whole_life__agrees(is_closed: bool):
    """At every step: escrow before the close, refund after it."""
    events = BEFORE_CLOSE + CLOSE if is_closed else BEFORE_CLOSE
    assert wrong(history_of(events), state_of(is_closed=is_closed)) == []


def test_check_chain__a_donation__is_ignored():
    """Tokens that somebody sent without paying in are in no account."""
    history = history_of(BEFORE_CLOSE)
    history.transfers_in += 5
    state = replace(state_of(is_closed=False), market_tokens=150_005)
    assert wrong(history, state) == []


def test_check_chain__one_unit_in_an_account__is_named():
    """Both the account and the total say so."""
    state = state_of(is_closed=True)
    planted = replace(state, balances={**state.balances, BUYER: state.balances[BUYER] + 1})
    assert wrong(history_of(BEFORE_CLOSE + CLOSE), planted) == [
        ("tokens of the market = balances + escrow + bonds", -1),
        (f"balance of {BUYER}", 1),
    ]


def test_check_chain__one_unit_of_tokens_missing__is_named():
    """The token contract has less than the market's books."""
    planted = replace(state_of(is_closed=True), market_tokens=148_999)
    assert wrong(history_of(BEFORE_CLOSE + CLOSE), planted) == [
        ("token contract's balance of the market = its books + donations", -1),
        ("tokens that came in - tokens that went out = the market's tokens", -1),
    ]


def test_check_chain__one_unit_too_much_refunded__is_named():
    """Cost = paid + refund + escrow, lease by lease."""
    closing = Closed(SERIES, BUYER, USED, 40_000 - PAID + 1)
    events = (*BEFORE_CLOSE, CLOSE[0], closing, CLOSE[2])
    state = state_of(is_closed=True)
    planted = replace(state, balances={**state.balances, BUYER: state.balances[BUYER] + 1})
    names = [name for name, _ in wrong(history_of(events), planted)]
    assert f"lease {SERIES} of {BUYER}: cost = paid + refund + escrow" in names


def test_check_chain__one_unit_too_much_paid__is_named():
    """Rounding is down, on the cumulative amount."""
    redeemed = Redeemed(SERIES, BUYER, USED, PAID + 1, FEE, is_final=True)
    names = [
        n for n, _ in wrong(history_of((*BEFORE_CLOSE[:-1], redeemed)), state_of(is_closed=False))
    ]
    assert f"lease {SERIES} of {BUYER}: paid = floor(used x ticks / 3600)" in names


def test_check_chain__units_out_of_nothing__are_named():
    """GPU time is minted by fills and burned by closings, nothing else."""
    state = state_of(is_closed=False)
    planted = replace(state, positions={KEY: PositionState(21, 1000, USED, 1072, 1)})
    assert wrong(history_of(BEFORE_CLOSE), planted) == [
        ("GPU-ms minted = burned + outstanding", 3_600),
        (f"lease {SERIES} of {BUYER}: units", 1),
    ]


def test_units_of__open_lease__counts_time_and_escrow():
    """20 lots, and their cost less what was paid."""
    found = units_of(history_of(BEFORE_CLOSE), BUYER)
    assert (found.gpu_ms, found.escrow) == (72_000, 40_000 - PAID)


def statement(closing: int = 91_222, refunded: int = 40_000 - PAID) -> Statement:
    none = Balance(0, 0)
    amounts = (100_000, -40_000, 40_000 - PAID, -1_000)
    lines = tuple(StatementLine(1, "x", "balance", "payment_token", n) for n in amounts)
    return Statement(
        BUYER,
        Balances(Balance(0, closing), none, none, none),
        Totals(paid=PAID, refunded=refunded),
        lines,
    )


def test_check_statements__right_one__agrees():
    """Opening, lines, closing and totals are those of the chain."""
    checks = check_statements(
        (statement(),), history_of(BEFORE_CLOSE + CLOSE), state_of(is_closed=True)
    )
    assert [check for check in checks if not check.holds] == []


def test_check_statements__one_unit__is_named():
    """Whoever wrote it."""
    checks = check_statements(
        (statement(closing=91_223),), history_of(BEFORE_CLOSE + CLOSE), state_of(is_closed=True)
    )
    assert [(c.name, c.difference) for c in checks if not c.holds] == [
        (f"statement of {BUYER}: payment token", 1),
        (f"statement of {BUYER}: balance: opening + lines = closing", 1),
    ]


@pytest.mark.parametrize("text", ["nonsense", '{"wallet": 5}', "[{}]"])
def test_read_statements__no_statement__is_named(tmp_path: Path, text: str):
    """A file of something else says what is missing."""
    path = tmp_path / "statements.json"
    path.write_text(text)
    with pytest.raises(ProtocolError) as refused:
        read_statements(path)
    assert "statement" in refused.value.field


def test_read_statements__one_or_several__are_read(tmp_path: Path):
    """As `gpubourse statement --json` prints them, alone or in a list."""
    zero = {"opening": 0, "closing": "1"}
    names = ("payment_token", "gpu_ms", "escrow", "bond")
    one = {"wallet": BUYER, "balances": dict.fromkeys(names, zero), "totals": {"paid": 0}}
    path = tmp_path / "one.json"
    path.write_text(json.dumps(one))
    assert read_statements(path)[0].balances.bond == Balance(0, 1)
    path.write_text(json.dumps([one, one]))
    assert len(read_statements(path)) == 2
