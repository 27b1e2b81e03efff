"""The books as one wallet sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace_api.models import LedgerAccount, LedgerEntry, LedgerPosting

COUNTER_ACCOUNTS = ("outside", "issued")
"""The other legs of a wallet's own deposits and sales: they would show each of them twice."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One leg of a posting in an account of the wallet."""

    posting: int
    at: int
    kind: str
    account: str
    asset: str
    amount: int
    lease: str | None
    transaction: str | None
    reverses: str | None
    """Kind of the posting that this one undoes."""


def movements(session: Session, wallet: str, start: int, end: int) -> list[Movement]:
    """Movements in [start, end), oldest first."""
    undone = LedgerPosting.__table__.alias("undone")
    rows = session.execute(
        select(
            LedgerPosting.id,
            LedgerPosting.at,
            LedgerPosting.kind,
            LedgerAccount.kind,
            LedgerAccount.asset,
            LedgerEntry.amount,
            LedgerPosting.lease_id,
            LedgerPosting.transaction,
            undone.c.kind,
        )
        .join(LedgerEntry, LedgerEntry.posting_id == LedgerPosting.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .outerjoin(undone, undone.c.id == LedgerPosting.reverses)
        .where(
            LedgerAccount.owner == wallet,
            LedgerAccount.kind.not_in(COUNTER_ACCOUNTS),
            LedgerPosting.at >= start,
            LedgerPosting.at < end,
        )
        .order_by(LedgerPosting.at, LedgerPosting.id, LedgerEntry.id)
    )
    return [
        Movement(
            posting=posting,
            at=at,
            kind=kind,
            account=account,
            asset=asset,
            amount=amount,
            lease=str(lease) if lease else None,
            transaction=transaction,
            reverses=reverses,
        )
        for posting, at, kind, account, asset, amount, lease, transaction, reverses in rows
    ]


def balances_before(session: Session, wallet: str, at: int) -> dict[tuple[str, str], int]:
    """Balance by (account, asset) over everything before ``at``."""
    rows = session.execute(
        select(LedgerAccount.kind, LedgerAccount.asset, func.sum(LedgerEntry.amount))
        .join(LedgerEntry, LedgerEntry.account_id == LedgerAccount.id)
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(LedgerAccount.owner == wallet, LedgerPosting.at < at)
        .group_by(LedgerAccount.kind, LedgerAccount.asset)
    )
    return {(kind, asset): int(total) for kind, asset, total in rows}


def fees_by_posting(session: Session, postings: Sequence[int], treasury: str) -> dict[int, int]:
    """What went to the treasury in each posting."""
    rows = session.execute(
        select(LedgerEntry.posting_id, func.sum(LedgerEntry.amount))
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(LedgerEntry.posting_id.in_(postings), LedgerAccount.owner == treasury)
        .group_by(LedgerEntry.posting_id)
    )
    return {posting: int(total) for posting, total in rows}
