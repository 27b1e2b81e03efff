"""The pure parts of the books: movements, the trial balance, due times, fees, nonces."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.bindings.market import PositionState
from contracts.protocol.deployment import Constants
from contracts.protocol.series import Series
from marketplace_api.models import Lease
from settlement.chain.fees import Fees, bumped, fees_for, gas_limit, next_nonce
from settlement.ledger import (
    Entry,
    Kind,
    UnbalancedError,
    gpu_time,
    money,
    move,
    require_balanced,
)
from settlement.requests import close_due
from settlement.trial_balance import Books, Difference, Storage, compare

A, B = "0xA", "0xB"
SERIES = int(Series(1000, 18, 2000, 1000, 1).id)
CLOSED = PositionState(0, 0, 0, 0, 0)
BOOKS = Books(
    {
        money(A, Kind.BALANCE): 90,
        money(A, Kind.ESCROW, SERIES): 5 * 2000 - 1111,
        money(B, Kind.BOND): 7,
        money(A, Kind.OUTSIDE): -100,
        gpu_time(A, Kind.UNITS, SERIES): 18_000,
    },
    {A: 90},
)
STORAGE = Storage(
    market_tokens=90 + 8889 + 7,
    total_held=90 + 8889 + 7,
    balances={A: 90},
    bonds={B: 7},
    positions={(A, SERIES): PositionState(5, 1000, 2000, 1018, 0)},
)


@given(st.integers(min_value=-(2**200), max_value=2**200))
def test_move__any_amount__balances(amount: int) -> None:
    """Two legs, or none for nothing."""
    entries = move(money(A, Kind.BALANCE), money(B, Kind.BALANCE), amount)
    require_balanced(entries)
    assert len(entries) == (0 if amount == 0 else 2)


def test_require_balanced__gpu_time_of_two_series__is_refused() -> None:
    """Units of one series are not those of another."""
    entries = [Entry(gpu_time(A, Kind.UNITS, 1), -5), Entry(gpu_time(A, Kind.UNITS, 2), 5)]
    with pytest.raises(UnbalancedError):
        require_balanced(entries)


def test_require_balanced__money_into_an_escrow__passes() -> None:
    """Money moves between balances and series."""
    require_balanced(move(money(A, Kind.BALANCE), money(A, Kind.ESCROW, 1), 5))


def test_compare__equal__finds_nothing() -> None:
    """To the unit."""
    assert compare(BOOKS, STORAGE) == []


def test_compare__donation__is_ignored() -> None:
    """Tokens that nobody deposited are nobody's."""
    assert compare(BOOKS, replace(STORAGE, market_tokens=STORAGE.market_tokens + 1)) == []


@pytest.mark.parametrize(
    ("books", "storage", "difference"),
    [
        (BOOKS, replace(STORAGE, market_tokens=8985), Difference.MARKET_SHORT),
        (BOOKS, replace(STORAGE, total_held=8987), Difference.HELD_MISMATCH),
        (BOOKS, replace(STORAGE, balances={A: 91}), Difference.BALANCE_MISMATCH),
        (BOOKS, replace(STORAGE, bonds={B: 6}), Difference.BOND_MISMATCH),
        (replace(BOOKS, mirror={A: 89}), STORAGE, Difference.MIRROR_MISMATCH),
        (
            BOOKS,
            replace(STORAGE, positions={(A, SERIES): PositionState(5, 1000, 2002, 1018, 0)}),
            Difference.ESCROW_MISMATCH,
        ),
    ],
)
def test_compare__one_unit_off__has_a_name(
    books: Books, storage: Storage, difference: Difference
) -> None:
    """Each class of difference."""
    (finding,) = compare(books, storage)
    assert finding.difference is difference
    assert abs(finding.books - finding.chain) == 1


def test_compare__position_closed_unseen__is_found_in_money_and_units() -> None:
    """Escrow and units are both left in the books."""
    found = compare(BOOKS, replace(STORAGE, positions={(A, SERIES): CLOSED}))
    assert [f.difference for f in found] == [
        Difference.ESCROW_MISMATCH,
        Difference.UNITS_MISMATCH,
    ]


@pytest.mark.parametrize(("is_final", "due"), [(True, 1000 + 5 + 1), (False, 1018 + 2 + 1)])
def test_close_due__is_the_first_second_that_the_contract_takes(is_final: bool, due: int) -> None:
    """Both limits are exclusive."""
    lease = Lease(start=1000, end=1018)
    assert close_due(lease, Constants(5, 5, 2, 2, 2, 2), is_final=is_final) == due


def test_fees__twice_the_base_and_the_tip() -> None:
    """EIP-1559."""
    assert fees_for(7, 2) == Fees(16, 2)


@given(st.integers(min_value=1, max_value=10**14), st.integers(min_value=1, max_value=10**14))
def test_bumped__both_fees_by_more_than_a_tenth(fee: int, tip: int) -> None:
    """What nodes ask of a replacement."""
    new = bumped(Fees(fee, tip))
    assert new.max_fee * 10 >= fee * 11
    assert new.max_priority_fee * 10 >= tip * 11


@pytest.mark.parametrize(
    ("stored", "on_chain", "expected"), [(None, 0, 0), (None, 5, 5), (7, 5, 8), (7, 9, 9)]
)
def test_next_nonce__never_goes_back(stored: int | None, on_chain: int, expected: int) -> None:
    """Stored ones count before they are mined; foreign ones count too."""
    assert next_nonce(stored, on_chain) == expected


def test_gas_limit__rounds_up_and_has_a_floor() -> None:
    """A skipped element is estimated too cheap."""
    assert gas_limit(101, 120, 0) == 122
    assert gas_limit(101, 120, 1000) == 1000
