"""Who may see and do what with a lease."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace_api.leases import repository
from marketplace_api.leases.schemas import LeaseView, lease_view
from marketplace_api.models import Account, Lease
from marketplace_api.problems import ForbiddenError, NotFoundError


def for_party(session: Session, wallet: str, lease_id: UUID) -> Lease:
    """A lease that the wallet holds, serves, is the agent of, or countersigns."""
    lease = _require(repository.find(session, lease_id), lease_id)
    if wallet in (lease.holder, lease.provider):
        return lease
    if wallet in (repository.agent_of(session, lease.provider), delegate_of(session, lease)):
        return lease
    raise _not_yours("a lease that you hold or serve", lease_id)


def for_holder(session: Session, wallet: str, lease_id: UUID) -> Lease:
    """A lease that the wallet holds, locked."""
    lease = _require(repository.lock(session, lease_id), lease_id)
    if lease.holder != wallet:
        raise _not_yours("a lease that you hold", lease_id)
    return lease


def for_provider(session: Session, provider: str, lease_id: UUID) -> Lease:
    """A lease that the provider serves, locked."""
    lease = _require(repository.lock(session, lease_id), lease_id)
    if lease.provider != provider:
        raise _not_yours("a lease that you serve", lease_id)
    return lease


def delegate_of(session: Session, lease: Lease) -> str:
    """Who countersigns for the holder: its delegate, or the holder itself."""
    account = session.get(Account, lease.holder, populate_existing=True)
    return account.delegate if account and account.delegate else lease.holder


def views(session: Session, leases: Sequence[Lease]) -> list[LeaseView]:
    """Leases with the names of their classes."""
    names = repository.class_names(session, leases)
    return [
        lease_view(lease, names.get(lease.device_class, lease.device_class)) for lease in leases
    ]


def _require(lease: Lease | None, lease_id: UUID) -> Lease:
    if lease is None:
        raise NotFoundError("lease", lease_id)
    return lease


def _not_yours(limit: str, lease_id: UUID) -> ForbiddenError:
    return ForbiddenError(
        f"lease: {limit}; given {lease_id}", field="lease", limit=limit, given=lease_id
    )
