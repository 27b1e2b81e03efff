"""The only place that sends transactions.

``flush(address)`` sends what is stored for one key: first again what was signed and may not have
arrived, then the queued intents, each by static call, estimate, signature, stored raw bytes,
broadcast. One process at a time writes for a key (advisory lock), strictly in nonce order: nodes
lose transactions that come out of order. No database session is open while the node is asked,
except the connection that holds the lock.

A crash after the signature is stored is harmless: the next flush sends the same bytes again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from settlement.chain.fees import Fees, fees_for, gas_limit, next_nonce
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
        tip = self._chain.tip()
        base_fee = self._chain.head().base_fee
        fees = fees_for(base_fee, self._policy.default_tip if tip is None else tip)
        on_chain = self._chain.nonce(address)
        with session_scope() as session:
            row = _lock(session, intent.id)
            if row.status is not TransactionStatus.QUEUED:
                return None
            nonce = next_nonce(_last_nonce(session, address), on_chain)
            raw, hash_ = self._raw(address, intent.call, nonce, gas, fees)
            row.status = advance(row.status, TransactionStatus.SIGNED)
            row.nonce, row.raw, row.hash, row.gas = nonce, raw, hash_, gas
            row.max_fee, row.max_priority_fee = fees.max_fee, fees.max_priority_fee
        log.info("transaction.signed", transaction=hash_, nonce=nonce, gas=gas)
        return _Signed(intent.id, nonce, raw)

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
        rows = session.scalars(
            select(ChainTransaction)
            .where(
                ChainTransaction.signer == address,
                ChainTransaction.status == TransactionStatus.SIGNED,
            )
            .order_by(ChainTransaction.nonce)
        ).all()
        since = datetime.now(UTC) - timedelta(seconds=RESEND_AFTER_S)
        if all(row.sent_at is not None and row.sent_at > since for row in rows):
            return []
        return [_Signed(row.id, row.nonce or 0, bytes(row.raw or b"")) for row in rows]


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
