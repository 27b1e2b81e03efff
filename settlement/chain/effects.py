"""The one table from an event of the chain to what it means for us, and how it is undone.

A function changes rows and posts to the books, in the transaction that also moves the watcher's
cursor. To undo an event, the second function undoes what it did to rows; its postings are reversed
here for all. An event that is not in the table changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from contracts.bindings import events as on_chain
from contracts.bindings.events import Event
from settlement.chain import account_effects as account
from settlement.chain import case_effects as case
from settlement.chain import fill_effects as fill
from settlement.chain import lease_effects as lease
from settlement.chain import supply_effects as supply
from settlement.chain import transfer_effects as transfer
from settlement.chain.seen import Seen
from settlement.ledger import reverse

# Each function takes its own event; the table's key is that event's class.
Apply: TypeAlias = Callable[[Session, Seen[Any]], None]


def books_only(_session: Session, _seen: Seen[Any]) -> None:
    """Nothing to undo beside the postings."""


def slashed(session: Session, seen: Seen[on_chain.Slashed]) -> None:
    """Money moves in the books, and less of it counts as the provider's bond."""
    case.slashed(session, seen)
    supply.slashed(session, seen)


@dataclass(frozen=True, slots=True)
class Effect:
    """What an event does and how it is taken back."""

    apply: Apply
    undo: Apply = books_only


EFFECTS: Mapping[type[Event], Effect] = {
    on_chain.Deposited: Effect(account.deposited),
    on_chain.Withdrawn: Effect(account.withdrawn),
    on_chain.Bonded: Effect(account.bonded),
    on_chain.BondReleased: Effect(account.bond_released),
    on_chain.DelegateChanged: Effect(account.delegate_changed, account.undo_delegate_changed),
    on_chain.NoncesCancelled: Effect(account.nonces_cancelled, account.undo_nonces_cancelled),
    on_chain.EpochRaised: Effect(account.epoch_raised, account.undo_epoch_raised),
    on_chain.Filled: Effect(fill.filled, fill.undo_filled),
    on_chain.FillSkipped: Effect(fill.fill_skipped),
    on_chain.Paid: Effect(case.paid),
    on_chain.Redeemed: Effect(lease.redeemed, lease.undo_redeemed),
    on_chain.RedeemedGroup: Effect(lease.redeemed_group, lease.undo_redeemed_group),
    on_chain.RedeemSkipped: Effect(lease.redeem_skipped),
    on_chain.Closed: Effect(lease.closed, lease.undo_closed),
    on_chain.CloseSkipped: Effect(lease.close_skipped),
    on_chain.IntervalsMissed: Effect(case.intervals_missed, case.undo_intervals_missed),
    on_chain.ReservationFeePaid: Effect(case.reservation_fee_paid, case.undo_reservation_fee_paid),
    on_chain.SlaCredited: Effect(case.sla_credited, case.undo_sla_credited),
    on_chain.CaseOpened: Effect(case.case_opened, case.undo_case_opened),
    on_chain.CaseSettled: Effect(case.case_settled, case.undo_case_settled),
    on_chain.UsageClaimed: Effect(case.case_staged),
    on_chain.Challenged: Effect(case.case_staged),
    on_chain.NoShowClaimed: Effect(case.case_staged),
    on_chain.Answered: Effect(case.case_staged),
    on_chain.Shortened: Effect(case.shortened, case.undo_shortened),
    on_chain.TransferSingle: Effect(transfer.transferred, transfer.undo_transferred),
    on_chain.TransferBatch: Effect(transfer.transferred_batch, transfer.undo_transferred),
    on_chain.Split: Effect(transfer.split, transfer.undo_split),
    on_chain.Merged: Effect(transfer.merged, transfer.undo_merged),
    on_chain.Resold: Effect(transfer.resold),
    on_chain.ProviderRegistered: Effect(
        supply.provider_registered, supply.undo_provider_registered
    ),
    on_chain.AgentChanged: Effect(supply.agent_changed, supply.undo_agent_changed),
    on_chain.TermsRegistered: Effect(supply.terms_registered, supply.undo_terms_registered),
    on_chain.DeviceAttested: Effect(supply.device_attested, supply.undo_device_attested),
    on_chain.DeviceRevoked: Effect(supply.device_revoked, supply.undo_device_revoked),
    on_chain.DeviceRemoved: Effect(supply.device_removed, supply.undo_device_removed),
    on_chain.BondAdded: Effect(supply.bond_added, supply.undo_bond),
    on_chain.UnbondingRequested: Effect(supply.unbonding_requested, supply.undo_bond),
    on_chain.CreditTaken: Effect(supply.credit_taken, supply.undo_bond),
    on_chain.Slashed: Effect(slashed, supply.undo_bond),
}


def apply(session: Session, seen: Seen[Event]) -> None:
    """Let an event take effect."""
    if effect := EFFECTS.get(type(seen.event)):
        effect.apply(session, seen)


def undo(session: Session, seen: Seen[Event], at: int) -> None:
    """Take an event back that a re-org removed."""
    if effect := EFFECTS.get(type(seen.event)):
        effect.undo(session, seen)
    reverse(session, seen.key, at)
