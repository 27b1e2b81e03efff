"""The only place that sends transactions.

``flush(address)`` sends what is stored for one key: first again what was signed and may not have
arrived, then the queued intents, each by static call, estimate, signature, stored raw bytes,
broadcast. The first in line, if it is not mined in time, is signed again with higher fees; every
version is remembered, since any of them may be the one that is mined. One process at a time writes
for a key (advisory lock), strictly in nonce order: nodes lose transactions that come out of order.
No database session is open while the node is asked, except the connection that holds the lock.

A crash after the signature is stored is harmless: the next flush sends the same bytes again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog
from eth_account import Account as EthAccount
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import TransactionStatus, advance
from marketplace_api.db import session_scope
from marketplace_api.models import ChainTransaction
from settlement.chain.client import Call, Chain, Reverted, SendRefused
from settlement.chain.fees import Fees, fees_for, gas_limit, next_nonce, replacement
from settlement.chain.transactions import hashes_of
from settlement.outcome import Retryable

log = structlog.get_logger()

RESEND_AFTER_S = 5
"""A transaction that is not mined by then is sent again, in case the node lost it."""


@dataclass(frozen=True, slots=True)
class SendPolicy:
    """How much a transaction may cost, and on which chain it counts."""

    chain_id: int
    default_tip: int
    gas_margin_percent: int
    replace_after_s: int
    max_fee: int
    """Wei per gas; nothing is signed or replaced above it."""


class OnRefused(Protocol):
    """What to do with the work behind an intent that the chain refuses."""

    def __call__(self, session: Session, transaction: ChainTransaction, reason: str) -> None:
        """Called in the transaction that stores the refusal."""


@dataclass(frozen=True, slots=True)
class _Intent:
    id: UUID
    call: Call
    gas_floor: int


@dataclass(frozen=True, slots=True)
class _Signed:
    id: UUID
    nonce: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class _Stuck:
    id: UUID
    call: Call
    nonce: int
    gas: int
    fees: Fees
    hashes: tuple[str, ...]


class Sender:
    """Sends for the keys that it was given."""

    def __init__(
        self,
        engine: Engine,
        chain: Chain,
        keys: Mapping[str, Signer],
        policy: SendPolicy,
        on_refused: OnRefused,
    ) -> None:
        self._engine = engine
        self._chain = chain
        self._keys = keys
        self._policy = policy
        self._on_refused = on_refused

    def flush(self, address: str) -> None:
        """Send all that waits for this key; another process that is at it does it for us."""
        while _has_queued(address) or _unsent(address):
            with self._only_writer(address) as is_ours:
                if not is_ours:
                    # Its holder looks again after it lets go, and then sees what we stored.
                    return
                self._resend(address)
                self._replace(address)
                self._send_queued(address)

    @contextmanager
    def _only_writer(self, address: str) -> Iterator[bool]:
        key = int.from_bytes(keccak(f"sender:{address}".encode())[:8], "big", signed=True)
        with self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            taken = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key})
            try:
                yield bool(taken)
            finally:
                if taken:
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})

    def _resend(self, address: str) -> None:
        for signed in _unsent(address):
            self._broadcast(signed)

    def _replace(self, address: str) -> None:
        """Later ones wait for the first in line: raise its fees, or find out that it is void."""
        stuck = _stuck(address, self._policy.replace_after_s)
        if stuck is None:
            return
        if self._chain.nonce(address) > stuck.nonce:
            if not any(self._chain.receipt(hash_) for hash_ in stuck.hashes):
                _queue_again(stuck.id)
            return
        fees = replacement(stuck.fees, self._fees())
        if fees.max_fee > self._policy.max_fee:
            log.error("transaction.at_fee_limit", nonce=stuck.nonce, limit=self._policy.max_fee)
            return
        raw, hash_ = self._raw(address, stuck.call, stuck.nonce, stuck.gas, fees)
        with session_scope() as session:
            row = _lock(session, stuck.id)
            if row.status is not TransactionStatus.SIGNED:
                return
            _keep(row, raw, hash_, fees)
        log.warning("transaction.replaced", transaction=hash_, nonce=stuck.nonce)
        self._broadcast(_Signed(stuck.id, stuck.nonce, raw))

    def _send_queued(self, address: str) -> None:
        while intent := _next_queued(address):
            try:
                signed = self._sign(address, intent)
            except Reverted as refusal:
                self._refuse(intent, refusal.reason)
                continue
            if signed is not None:
                self._broadcast(signed)

    def _sign(self, address: str, intent: _Intent) -> _Signed | None:
        """Ask the node, then store nonce, fees and raw bytes in one transaction."""
        self._chain.static_call(intent.call)
        estimate = self._chain.estimate(intent.call)
        gas = gas_limit(estimate, self._policy.gas_margin_percent, intent.gas_floor)
        fees = self._fees()
        if fees.max_fee > self._policy.max_fee:
            raise Retryable("fees-too-high", f"{fees.max_fee} wei, limit {self._policy.max_fee}")
        on_chain = self._chain.nonce(address)
        with session_scope() as session:
            row = _lock(session, intent.id)
            if row.status is not TransactionStatus.QUEUED:
                return None
            nonce = next_nonce(_last_nonce(session, address), on_chain)
            raw, hash_ = self._raw(address, intent.call, nonce, gas, fees)
            row.status = advance(row.status, TransactionStatus.SIGNED)
            row.nonce, row.gas = nonce, gas
            _keep(row, raw, hash_, fees)
        log.info("transaction.signed", transaction=hash_, nonce=nonce, gas=gas)
        return _Signed(intent.id, nonce, raw)

    def _fees(self) -> Fees:
        tip = self._chain.tip()
        base_fee = self._chain.head().base_fee
        return fees_for(base_fee, self._policy.default_tip if tip is None else tip)

    def _raw(self, address: str, call: Call, nonce: int, gas: int, fees: Fees) -> tuple[bytes, str]:
        signed = EthAccount.sign_transaction(
            {
                "type": 2,
                "chainId": self._policy.chain_id,
                "nonce": nonce,
                "to": call.to,
                "data": call.data,
                "value": call.value,
                "gas": gas,
                "maxFeePerGas": fees.max_fee,
                "maxPriorityFeePerGas": fees.max_priority_fee,
            },
            self._keys[address].secret_hex(),
        )
        return bytes(signed.raw_transaction), "0x" + bytes(signed.hash).hex()

    def _broadcast(self, signed: _Signed) -> None:
        """Hand the bytes over; a node that has them already is as good as one that takes them."""
        try:
            self._chain.send(signed.raw)
        except SendRefused as refusal:
            if not refusal.means_known:
                log.warning("transaction.not_taken", nonce=signed.nonce, message=refusal.message)
                # Later nonces must not overtake this one.
                raise Retryable("not-taken", refusal.message[:300]) from refusal
        with session_scope() as session:
            _lock(session, signed.id).sent_at = datetime.now(UTC)

    def _refuse(self, intent: _Intent, reason: str) -> None:
        log.warning("transaction.refused", transaction_id=str(intent.id), reason=reason)
        with session_scope() as session:
            row = _lock(session, intent.id)
            if row.status is TransactionStatus.QUEUED:
                self._on_refused(session, row, reason)


def _has_queued(address: str) -> bool:
    return _next_queued(address) is not None


def _next_queued(address: str) -> _Intent | None:
    with session_scope() as session:
        row = session.scalars(
            select(ChainTransaction)
            .where(
                ChainTransaction.signer == address,
                ChainTransaction.status == TransactionStatus.QUEUED,
            )
            .order_by(ChainTransaction.created_at, ChainTransaction.id)
            .limit(1)
        ).first()
        if row is None:
            return None
        call = Call(row.signer, row.to, bytes(row.data), row.value)
        return _Intent(row.id, call, row.gas or 0)


def _unsent(address: str) -> list[_Signed]:
    """Signed, and not known to have reached a node lately; in nonce order."""
    with session_scope() as session:
        rows = _on_their_way(session, address)
        since = datetime.now(UTC) - timedelta(seconds=RESEND_AFTER_S)
        if all(row.sent_at is not None and row.sent_at > since for row in rows):
            return []
        return [_Signed(row.id, row.nonce or 0, bytes(row.raw or b"")) for row in rows]


def _stuck(address: str, after_s: int) -> _Stuck | None:
    """The signed transaction with the lowest nonce, if its last version is older than that."""
    with session_scope() as session:
        row = next(iter(_on_their_way(session, address)), None)
        if row is None or row.nonce is None:
            return None
        if int(str(row.attempts[-1]["at"])) + after_s > int(datetime.now(UTC).timestamp()):
            return None
        call = Call(row.signer, row.to, bytes(row.data), row.value)
        fees = Fees(row.max_fee or 0, row.max_priority_fee or 0)
        return _Stuck(row.id, call, row.nonce, row.gas or 0, fees, hashes_of(row))


def _on_their_way(session: Session, address: str) -> Sequence[ChainTransaction]:
    """Signed and not mined, in nonce order."""
    return session.scalars(
        select(ChainTransaction)
        .where(
            ChainTransaction.signer == address,
            ChainTransaction.status == TransactionStatus.SIGNED,
        )
        .order_by(ChainTransaction.nonce)
    ).all()


def _keep(row: ChainTransaction, raw: bytes, hash_: str, fees: Fees) -> None:
    """A version that may be mined from now on."""
    row.raw, row.hash = raw, hash_
    row.max_fee, row.max_priority_fee = fees.max_fee, fees.max_priority_fee
    version: dict[str, object] = {
        "hash": hash_,
        "max_fee": str(fees.max_fee),
        "max_priority_fee": str(fees.max_priority_fee),
        "at": int(datetime.now(UTC).timestamp()),
    }
    row.attempts = [*row.attempts, version]


def _queue_again(transaction_id: UUID) -> None:
    """Another transaction of the key took the nonce, so that no version can ever be mined.

    What it was to do is idempotent on chain: had the node forgotten that it was mined, the static
    call of the next version would refuse it.
    """
    with session_scope() as session:
        row = _lock(session, transaction_id)
        log.error("transaction.void", transaction=row.hash, nonce=row.nonce)
        row.status = advance(row.status, TransactionStatus.QUEUED)
        row.nonce = row.raw = row.hash = row.sent_at = None
        row.attempts = []


def _last_nonce(session: Session, address: str) -> int | None:
    return session.scalar(
        select(func.max(ChainTransaction.nonce)).where(ChainTransaction.signer == address)
    )


def _lock(session: Session, transaction_id: UUID) -> ChainTransaction:
    row = session.get(
        ChainTransaction, transaction_id, with_for_update=True, populate_existing=True
    )
    assert row is not None, "transactions are never deleted"
    return row
