"""The books: double entry, append-only, only ever posted from events of the chain.

======================  =======================  =========================================
account (kind)          owner                    holds
======================  =======================  =========================================
``outside``             wallet                   minus what it paid in and did not take out
``balance``             wallet                   its account in ``GpuMarket``
``bond``                wallet                   its collateral
``escrow`` (series)     holder                   what its units of a series may still cost
``issued`` (series)     provider                 minus the GPU time that it sold
``units`` (series)      holder                   GPU time that it holds
``used`` (series)       provider                 GPU time that was served
``unused`` (series)     provider                 GPU time that was closed without use
======================  =======================  =========================================

Every posting sums to zero in each asset and, of GPU time, in each series. The same event posts
once; a re-org reverses, it never deletes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NewType
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from marketplace_api.models import Account, LedgerAccount, LedgerEntry, LedgerPosting

PAYMENT_TOKEN = "payment_token"  # noqa: S105 - the name of an asset
GPU_MS = "gpu_ms"
PostingId = NewType("PostingId", int)


class Kind(StrEnum):
    """What an account is for; see the table above."""

    OUTSIDE = "outside"
    BALANCE = "balance"
    BOND = "bond"
    ESCROW = "escrow"
    ISSUED = "issued"
    UNITS = "units"
    USED = "used"
    UNUSED = "unused"


class PostingKind(StrEnum):
    """What happened; statements name their lines by it."""

    DEPOSITED = "deposited"
    WITHDRAWN = "withdrawn"
    BONDED = "bonded"
    BOND_RELEASED = "bond-released"
    FILLED = "filled"
    REDEEMED = "redeemed"
    CLOSED = "closed"
    RESERVATION_FEE = "reservation-fee"
    SLA_CREDITED = "sla-credited"
    SLASHED = "slashed"
    PAID = "paid"
    TRANSFERRED = "transferred"
    RESOLD = "resold"
    SPLIT = "split"
    MERGED = "merged"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """One account of the books."""

    owner: str
    kind: Kind
    asset: str
    series: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One leg: a positive amount comes into the account."""

    account: AccountKey
    amount: int


@dataclass(frozen=True, slots=True)
class Source:
    """The event that a posting comes from."""

    key: str
    transaction: str
    block_number: int
    at: int


class UnbalancedError(ValueError):
    """Entries that make or lose something."""

    def __init__(self, asset: str, series: int, total: int) -> None:
        super().__init__(f"entries of {asset} {series or ''} sum to {total}, not 0")


def money(owner: str, kind: Kind, series: int = 0) -> AccountKey:
    """An account in the payment token."""
    return AccountKey(owner, kind, PAYMENT_TOKEN, series)


def gpu_time(owner: str, kind: Kind, series: int) -> AccountKey:
    """An account in GPU-ms of a series."""
    return AccountKey(owner, kind, GPU_MS, series)


def move(source: AccountKey, target: AccountKey, amount: int) -> tuple[Entry, ...]:
    """The two legs of a movement; nothing for nothing."""
    if amount == 0:
        return ()
    return Entry(source, -amount), Entry(target, amount)


def netted(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """One leg for each account: what passes through it leaves no trace."""
    totals: dict[AccountKey, int] = defaultdict(int)
    for entry in entries:
        totals[entry.account] += entry.amount
    return tuple(Entry(account, amount) for account, amount in totals.items() if amount)


def require_balanced(entries: Iterable[Entry]) -> None:
    """Refuse entries that do not sum to zero."""
    totals: dict[tuple[str, int], int] = defaultdict(int)
    for entry in entries:
        # Money moves between series and balances; GPU time never changes its series.
        series = entry.account.series if entry.account.asset == GPU_MS else 0
        totals[entry.account.asset, series] += entry.amount
    for (asset, series), total in totals.items():
        if total:
            raise UnbalancedError(asset, series, total)


def post(
    session: Session,
    kind: PostingKind,
    entries: Sequence[Entry],
    source: Source,
    lease_id: UUID | None = None,
) -> PostingId | None:
    """Book one movement; nothing if this event is booked or moves nothing."""
    require_balanced(entries)
    if not entries:
        return None
    earlier, standing = _earlier(session, source.key)
    if standing:
        return None
    # A chain that comes back to a block brings the same events again after their reversal.
    again = replace(source, key=f"{source.key}#{earlier}") if earlier else source
    return _insert(session, kind, entries, again, lease_id, reverses=None)


def reverse(session: Session, key_prefix: str, at: int) -> int:
    """Undo all postings of an event, the last one first; how many there were."""
    undone = aliased(LedgerPosting)
    open_postings = session.scalars(
        select(LedgerPosting)
        .outerjoin(undone, undone.reverses == LedgerPosting.id)
        .where(
            LedgerPosting.key.startswith(key_prefix, autoescape=True),
            LedgerPosting.reverses.is_(None),
            undone.id.is_(None),
        )
        .order_by(LedgerPosting.id.desc())
    ).all()
    for posting in open_postings:
        entries = [replace(e, amount=-e.amount) for e in _entries_of(session, posting.id)]
        source = Source(
            f"reverse:{posting.id}", posting.transaction or "", posting.block_number or 0, at
        )
        _insert(
            session, PostingKind.REVERSED, entries, source, posting.lease_id, reverses=posting.id
        )
    return len(open_postings)


def balances(session: Session) -> dict[AccountKey, int]:
    """The trial balance: every account that is not empty."""
    total = func.sum(LedgerEntry.amount)
    rows = session.execute(
        select(LedgerAccount, total)
        .join(LedgerEntry, LedgerEntry.account_id == LedgerAccount.id)
        .group_by(LedgerAccount.id)
        .having(total != 0)
    ).all()
    return {_key(account): int(amount) for account, amount in rows}


def balance(session: Session, key: AccountKey) -> int:
    """What one account holds."""
    total = session.scalar(
        select(func.sum(LedgerEntry.amount))
        .join(LedgerAccount, LedgerEntry.account_id == LedgerAccount.id)
        .where(
            LedgerAccount.owner == key.owner,
            LedgerAccount.kind == key.kind.value,
            LedgerAccount.asset == key.asset,
            LedgerAccount.series == key.series,
        )
    )
    return int(total or 0)


def _earlier(session: Session, key: str) -> tuple[int, int]:
    """How often this event was booked, and how many of these bookings stand."""
    undone = aliased(LedgerPosting)
    row = session.execute(
        select(func.count(LedgerPosting.id), func.count(undone.id))
        .outerjoin(undone, undone.reverses == LedgerPosting.id)
        .where(
            or_(
                LedgerPosting.key == key,
                LedgerPosting.key.startswith(f"{key}#", autoescape=True),
            )
        )
    ).one()
    return int(row[0]), int(row[0]) - int(row[1])


def _insert(
    session: Session,
    kind: PostingKind,
    entries: Sequence[Entry],
    source: Source,
    lease_id: UUID | None,
    *,
    reverses: int | None,
) -> PostingId | None:
    posting_id = session.scalar(
        insert(LedgerPosting)
        .values(
            key=source.key,
            kind=kind.value,
            at=source.at,
            transaction=source.transaction or None,
            block_number=source.block_number,
            lease_id=lease_id,
            reverses=reverses,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(LedgerPosting.id)
    )
    if posting_id is None:
        return None
    for entry in sorted(entries, key=lambda e: (e.account, e.amount)):
        account_id = _account_id(session, entry.account)
        session.add(LedgerEntry(posting_id=posting_id, account_id=account_id, amount=entry.amount))
        if entry.account.kind is Kind.BALANCE:
            _mirror(session, entry)
    session.flush()
    return PostingId(posting_id)


def _account_id(session: Session, key: AccountKey) -> int:
    found = select(LedgerAccount.id).where(
        LedgerAccount.owner == key.owner,
        LedgerAccount.kind == key.kind.value,
        LedgerAccount.asset == key.asset,
        LedgerAccount.series == key.series,
    )
    account_id = session.scalar(found)
    if account_id is None:
        session.execute(
            insert(LedgerAccount)
            .values(owner=key.owner, kind=key.kind.value, asset=key.asset, series=key.series)
            .on_conflict_do_nothing()
        )
        account_id = session.scalar(found)
    assert account_id is not None
    return account_id


def _mirror(session: Session, entry: Entry) -> None:
    """The API reads one row instead of summing up the books."""
    owner = entry.account.owner
    # Two statements: PostgreSQL checks `balance >= 0` on the row proposed, conflict or not.
    session.execute(insert(Account).values(wallet=owner).on_conflict_do_nothing())
    session.execute(
        update(Account)
        .where(Account.wallet == owner)
        .values(balance=Account.balance + entry.amount)
    )


def _entries_of(session: Session, posting_id: int) -> list[Entry]:
    rows = session.execute(
        select(LedgerEntry, LedgerAccount)
        .join(LedgerAccount, LedgerEntry.account_id == LedgerAccount.id)
        .where(LedgerEntry.posting_id == posting_id)
        .order_by(LedgerEntry.id)
    ).all()
    return [Entry(_key(account), entry.amount) for entry, account in rows]


def _key(account: LedgerAccount) -> AccountKey:
    return AccountKey(account.owner, Kind(account.kind), account.asset, account.series)
