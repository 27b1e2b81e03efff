"""What events of accounts mean: money in and out, bonds, delegates, cancelled orders."""

from __future__ import annotations

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.bindings.events import (
    Bonded,
    BondReleased,
    DelegateChanged,
    Deposited,
    EpochRaised,
    NoncesCancelled,
    Withdrawn,
)
from marketplace_api.models import Account, CancelledNonce
from settlement.chain.seen import Seen
from settlement.ledger import Kind, PostingKind, money, move, post


def deposited(session: Session, seen: Seen[Deposited]) -> None:
    """Money of the payer became the account's balance."""
    event = seen.event
    entries = move(
        money(event.from_, Kind.OUTSIDE), money(event.account, Kind.BALANCE), event.amount
    )
    post(session, PostingKind.DEPOSITED, entries, seen.source())


def withdrawn(session: Session, seen: Seen[Withdrawn]) -> None:
    """Balance became money of the receiver."""
    event = seen.event
    entries = move(money(event.account, Kind.BALANCE), money(event.to, Kind.OUTSIDE), event.amount)
    post(session, PostingKind.WITHDRAWN, entries, seen.source())


def bonded(session: Session, seen: Seen[Bonded]) -> None:
    """Balance became collateral."""
    event = seen.event
    entries = move(
        money(event.account, Kind.BALANCE), money(event.account, Kind.BOND), event.amount
    )
    post(session, PostingKind.BONDED, entries, seen.source())


def bond_released(session: Session, seen: Seen[BondReleased]) -> None:
    """Collateral became balance."""
    event = seen.event
    entries = move(
        money(event.account, Kind.BOND), money(event.account, Kind.BALANCE), event.amount
    )
    post(session, PostingKind.BOND_RELEASED, entries, seen.source())


def delegate_changed(session: Session, seen: Seen[DelegateChanged]) -> None:
    """Another key counter-signs usage."""
    _set_delegate(session, seen.event.account, seen.event.delegate)


def undo_delegate_changed(session: Session, seen: Seen[DelegateChanged]) -> None:
    """The key before counts again."""
    _set_delegate(session, seen.event.account, seen.event.previous)


def epoch_raised(session: Session, seen: Seen[EpochRaised]) -> None:
    """Orders of an older epoch are void."""
    _set_epoch(session, seen.event.account, seen.event.epoch)


def undo_epoch_raised(session: Session, seen: Seen[EpochRaised]) -> None:
    """An epoch grows by one."""
    _set_epoch(session, seen.event.account, seen.event.epoch - 1)


def nonces_cancelled(session: Session, seen: Seen[NoncesCancelled]) -> None:
    """Orders with these nonces of the running epoch are void."""
    wallet = seen.event.account
    _ensure(session, wallet)
    account = session.get(Account, wallet, populate_existing=True)
    epoch = account.epoch if account else 0
    for nonce in seen.event.nonces:
        session.execute(
            insert(CancelledNonce)
            .values(wallet=wallet, epoch=epoch, nonce=nonce, block_number=seen.block_number)
            .on_conflict_do_nothing()
        )


def undo_nonces_cancelled(session: Session, seen: Seen[NoncesCancelled]) -> None:
    """The cancel is off the chain."""
    session.execute(
        delete(CancelledNonce).where(
            CancelledNonce.wallet == seen.event.account,
            CancelledNonce.block_number == seen.block_number,
            CancelledNonce.nonce.in_(seen.event.nonces),
        )
    )


def _set_delegate(session: Session, wallet: str, delegate: str) -> None:
    _ensure(session, wallet)
    named = None if delegate == wallet else delegate
    session.execute(update(Account).where(Account.wallet == wallet).values(delegate=named))


def _set_epoch(session: Session, wallet: str, epoch: int) -> None:
    _ensure(session, wallet)
    session.execute(update(Account).where(Account.wallet == wallet).values(epoch=epoch))


def _ensure(session: Session, wallet: str) -> None:
    session.execute(insert(Account).values(wallet=wallet).on_conflict_do_nothing())
