"""Adding up a statement: pure sums over movements."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy.orm import Session

from marketplace_api.context import Context
from marketplace_api.statements import repository
from marketplace_api.statements.repository import Movement
from marketplace_api.statements.schemas import Balance, Balances, Line, Statement, Totals

TOKEN, GPU_MS = "payment_token", "gpu_ms"
REDEEMED, CLOSED = "redeemed", "closed"
Sums = Mapping[tuple[str, str], int]


def statement(session: Session, context: Context, wallet: str, start: int, end: int) -> Statement:
    """The statement of a wallet over [start, end)."""
    moves = repository.movements(session, wallet, start, end)
    opening = repository.balances_before(session, wallet, start)
    earned = [move for move in moves if is_earning(move)]
    fees = repository.fees_by_posting(
        session, [move.posting for move in earned], context.deployment.treasury
    )
    return Statement(
        wallet=wallet,
        balances=balances(opening, moves),
        totals=totals(moves, sum(fees.values()) if wallet != context.deployment.treasury else 0),
        lines=[line(move) for move in moves],
    )


def balances(opening: Sums, moves: Sequence[Movement]) -> Balances:
    """Opening and closing balance of what the wallet has."""

    def of(account: str, asset: str) -> Balance:
        before = opening.get((account, asset), 0)
        change = sum(m.amount for m in moves if (m.account, m.asset) == (account, asset))
        return Balance(opening=str(before), closing=str(before + change))

    return Balances(
        payment_token=of("balance", TOKEN),
        gpu_ms=of("units", GPU_MS),
        escrow=of("escrow", TOKEN),
        bond=of("bond", TOKEN),
    )


def totals(moves: Iterable[Movement], fee: int) -> Totals:
    """Sums of what was paid, refunded and earned; a reversal takes its original back."""
    paid = refunded = earned = 0
    for move in moves:
        what = (_kind(move), move.account, move.asset)
        if what == (REDEEMED, "escrow", TOKEN):
            paid -= move.amount
        elif what == (CLOSED, "balance", TOKEN):
            refunded += move.amount
        elif what == (REDEEMED, "balance", TOKEN):
            earned += move.amount
    return Totals(paid=str(paid), refunded=str(refunded), fee=str(fee), earned=str(earned))


def is_earning(move: Movement) -> bool:
    """Whether the wallet was paid for usage here."""
    return (_kind(move), move.account, move.asset) == (REDEEMED, "balance", TOKEN)


def line(move: Movement) -> Line:
    """A movement for people."""
    return Line(
        at=move.at,
        kind=move.kind,
        account=move.account,
        asset=move.asset,
        amount=str(move.amount),
        lease=move.lease,
        transaction=move.transaction,
    )


def to_csv(found: Statement) -> str:
    """The lines as a table."""
    sink = io.StringIO()
    columns = list(Line.model_fields)
    writer = csv.DictWriter(sink, columns)
    writer.writeheader()
    writer.writerows(entry.model_dump() for entry in found.lines)
    return sink.getvalue()


def _kind(move: Movement) -> str:
    return move.reverses or move.kind
