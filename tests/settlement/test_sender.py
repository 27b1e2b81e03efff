"""The sender on a real database and a chain that we play: nonces, fees, refusals, order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import rlp
from sqlalchemy import Engine, select

from contracts.bindings.events import RawLog
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import TransactionStatus
from marketplace_api.db import session_scope
from marketplace_api.models import ChainTransaction
from settlement import queue
from settlement.chain import transactions
from settlement.chain.client import Block, Call, MinedReceipt, Reverted, SendRefused
from settlement.chain.sender import Sender, SendPolicy
from settlement.outcome import Retryable

pytestmark = pytest.mark.integration

KEY = Signer(b"\x05" * 32)
TO = Signer(b"\x06" * 32).address


@dataclass
class FakeChain:
    """Answers what it is told and remembers what it was sent."""

    on_chain_nonce: int = 0
    tip_wei: int | None = 3
    refuse_calls: set[bytes] = field(default_factory=set)
    refuse_sends: str | None = None
    sent: list[bytes] = field(default_factory=list)

    base_fee: int = 10
    receipts: dict[str, MinedReceipt] = field(default_factory=dict)
    pool: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Fees of what waits, by nonce."""

    def head(self) -> Block:
        return Block(1, "0x1", "0x0", 1, self.base_fee, ())

    def block_at(self, number: int) -> Block | None:
        return None

    def logs(self, block_hash: str, addresses: tuple[str, ...]) -> list[RawLog]:
        return []

    def receipt(self, transaction: str) -> MinedReceipt | None:
        return self.receipts.get(transaction)

    def nonce(self, address: str) -> int:
        return self.on_chain_nonce

    def tip(self) -> int | None:
        return self.tip_wei

    def static_call(self, call: Call) -> bytes:
        if call.data in self.refuse_calls:
            raise Reverted("Nope(1, 2)")
        return b""

    def estimate(self, call: Call) -> int:
        return 100_000

    def send(self, raw: bytes) -> None:
        if self.refuse_sends is not None:
            raise SendRefused(self.refuse_sends)
        tip, most = (int.from_bytes(field, "big") for field in rlp.decode(raw[1:])[2:4])
        pending = self.pool.get(nonce_of(raw))
        if (
            pending
            and raw not in self.sent
            and any(10 * new < 11 * old for new, old in zip((tip, most), pending, strict=True))
        ):
            raise SendRefused("replacement transaction underpriced")
        self.pool[nonce_of(raw)] = (tip, most)
        self.sent.append(raw)

    def read(self, to: str, data: bytes, block: int) -> bytes:
        return b""


def sender(engine: Engine, chain: FakeChain) -> Sender:
    """With our key."""
    policy = SendPolicy(1337, 7, 120, replace_after_s=30, max_fee=1_000)
    return Sender(engine, chain, {KEY.address: KEY}, policy, queue.refuse)


def intent(data: bytes) -> UUID:
    """A stored wish to send."""
    with session_scope() as session:
        row = ChainTransaction(
            idempotency_key=data.hex(), signer=KEY.address, to=TO, data=data, value=0
        )
        session.add(row)
        session.flush()
        return row.id


def row(id_: UUID) -> ChainTransaction:
    """As it is now."""
    with session_scope() as session:
        return session.get_one(ChainTransaction, id_)


def nonces(chain: FakeChain) -> list[int]:
    """In the order of arrival."""
    return [nonce_of(raw) for raw in chain.sent]


def nonce_of(raw: bytes) -> int:
    """Of a transaction of type 2."""
    return int.from_bytes(rlp.decode(raw[1:])[1], "big")


def hash_of(raw: bytes) -> str:
    """As a node names it."""
    return "0x" + keccak(raw).hex()


def wait(id_: UUID, seconds: int = 31) -> None:
    """As if it had been signed and sent that long ago."""
    with session_scope() as session:
        found = session.get_one(ChainTransaction, id_)
        newest = found.attempts[-1]
        found.attempts = [*found.attempts[:-1], newest | {"at": int(str(newest["at"])) - seconds}]
        found.sent_at = datetime.now(UTC) - timedelta(seconds=seconds)


def mined(raw: bytes, *, succeeded: bool = True) -> MinedReceipt:
    """In some block."""
    return MinedReceipt(hash_of(raw), 7, "0x" + "07" * 32, succeeded, 21_000, 11)


def test_flush__several_intents__go_in_nonce_order_after_the_chains(engine: Engine) -> None:
    """max(ours + 1, the chain's)."""
    chain = FakeChain(on_chain_nonce=4)
    first, second = intent(b"\x01"), intent(b"\x02")
    sender(engine, chain).flush(KEY.address)
    third = intent(b"\x03")
    sender(engine, chain).flush(KEY.address)
    assert nonces(chain) == [4, 5, 6]
    assert [row(id_).nonce for id_ in (first, second, third)] == [4, 5, 6]
    sent = row(first)
    assert (sent.max_fee, sent.max_priority_fee, sent.gas) == (23, 3, 120_000)
    assert sent.hash == "0x" + keccak(chain.sent[0]).hex()
    assert sent.raw == chain.sent[0]


def test_flush__node_proposes_no_tip__takes_ours(engine: Engine) -> None:
    """From the settings."""
    id_ = intent(b"\x01")
    sender(engine, FakeChain(tip_wei=None)).flush(KEY.address)
    assert row(id_).max_priority_fee == 7


def test_flush__static_call_refuses__takes_no_nonce_and_goes_on(engine: Engine) -> None:
    """The bad one is never sent."""
    chain = FakeChain(refuse_calls={b"\x01"})
    bad, good = intent(b"\x01"), intent(b"\x02")
    sender(engine, chain).flush(KEY.address)
    refused = row(bad)
    assert (refused.status, refused.nonce, refused.raw) == (TransactionStatus.REFUSED, None, None)
    assert refused.error == "Nope(1, 2)"
    assert row(good).nonce == 0
    assert nonces(chain) == [0]


def test_flush__node_takes_nothing__stops_before_the_next_nonce(engine: Engine) -> None:
    """Later ones must not overtake."""
    chain = FakeChain(refuse_sends="insufficient funds for gas")
    first, second = intent(b"\x01"), intent(b"\x02")
    with pytest.raises(Retryable):
        sender(engine, chain).flush(KEY.address)
    assert row(first).status is TransactionStatus.SIGNED
    assert row(second).status is TransactionStatus.QUEUED
    chain.refuse_sends = None
    sender(engine, chain).flush(KEY.address)
    assert nonces(chain) == [0, 1]
    assert chain.sent[0] == row(first).raw


@pytest.mark.parametrize("answer", ["already known", "nonce too low", "ALREADY KNOWN"])
def test_flush__node_has_it__counts_as_sent(engine: Engine, answer: str) -> None:
    """A crash after the broadcast."""
    id_ = intent(b"\x01")
    sender(engine, FakeChain(refuse_sends=answer)).flush(KEY.address)
    assert row(id_).sent_at is not None


def test_flush__another_writer_holds_the_key__sends_nothing(engine: Engine) -> None:
    """One writer for a key."""
    chain = FakeChain()
    id_ = intent(b"\x01")
    ours = sender(engine, chain)
    with ours._only_writer(KEY.address) as taken:
        assert taken
        sender(engine, chain).flush(KEY.address)
    assert (chain.sent, row(id_).status) == ([], TransactionStatus.QUEUED)
    with session_scope() as session:
        assert session.scalars(select(ChainTransaction.nonce)).all() == [None]


def test_flush__not_mined_in_time__replaces_the_first_in_line_only(engine: Engine) -> None:
    """Both fees an eighth higher, the same nonce and call; the old version may still be mined."""
    chain = FakeChain()
    first, second = intent(b"\x01"), intent(b"\x02")
    sender(engine, chain).flush(KEY.address)
    wait(first, 20)
    wait(second)
    sender(engine, chain).flush(KEY.address)
    assert len(row(first).attempts) == 1
    wait(first, 11)
    sender(engine, chain).flush(KEY.address)
    replaced = row(first)
    assert (replaced.nonce, replaced.max_fee, replaced.max_priority_fee) == (0, 26, 4)
    assert [one["hash"] for one in replaced.attempts] == [hash_of(chain.sent[0]), replaced.hash]
    assert chain.sent[-1] == replaced.raw
    assert len(row(second).attempts) == 1
    sender(engine, chain).flush(KEY.address)
    assert len(row(first).attempts) == 2


def test_flush__fees_rose__replaces_at_todays(engine: Engine) -> None:
    """An eighth more would not be mined."""
    chain = FakeChain()
    id_ = intent(b"\x01")
    sender(engine, chain).flush(KEY.address)
    chain.base_fee = 100
    wait(id_)
    sender(engine, chain).flush(KEY.address)
    assert (row(id_).max_fee, row(id_).max_priority_fee) == (203, 4)


def test_flush__fees_over_the_limit__neither_replaces_nor_signs(engine: Engine) -> None:
    """It waits for cheaper blocks, and what is queued with it."""
    chain = FakeChain()
    first = intent(b"\x01")
    sender(engine, chain).flush(KEY.address)
    chain.base_fee = 500
    wait(first)
    second = intent(b"\x02")
    with pytest.raises(Retryable, match="fees-too-high"):
        sender(engine, chain).flush(KEY.address)
    assert len(row(first).attempts) == 1
    assert row(second).status is TransactionStatus.QUEUED
    chain.base_fee = 10
    sender(engine, chain).flush(KEY.address)
    assert row(second).nonce == 1


@pytest.mark.parametrize("version", [0, 1])
def test_confirm__any_version_mined__is_the_transaction(engine: Engine, version: int) -> None:
    """And after a re-org the newest is sent again."""
    chain = FakeChain()
    id_ = intent(b"\x01")
    sender(engine, chain).flush(KEY.address)
    wait(id_)
    sender(engine, chain).flush(KEY.address)
    receipt = mined([chain.sent[0], chain.sent[-1]][version])
    with session_scope() as session:
        assert transactions.ours_among(session, ["0x00", receipt.transaction]) == [
            receipt.transaction
        ]
        transactions.confirm(session, [receipt])
    assert (row(id_).status, row(id_).hash) == (TransactionStatus.CONFIRMED, receipt.transaction)
    with session_scope() as session:
        assert transactions.ours_among(session, [receipt.transaction]) == []
        transactions.unconfirm(session, receipt.block_hash)
    assert (row(id_).status, row(id_).hash) == (TransactionStatus.SIGNED, hash_of(chain.sent[-1]))
    sender(engine, chain).flush(KEY.address)
    assert chain.sent[-1] == row(id_).raw


def test_flush__nonce_used_by_another_transaction__gets_a_new_one(engine: Engine) -> None:
    """No version can be mined any more."""
    chain = FakeChain()
    id_ = intent(b"\x01")
    sender(engine, chain).flush(KEY.address)
    chain.on_chain_nonce = 1
    wait(id_)
    sender(engine, chain).flush(KEY.address)
    assert (row(id_).nonce, row(id_).status) == (1, TransactionStatus.SIGNED)
    assert nonces(chain)[-1] == 1


def test_flush__mined_and_not_seen_yet__is_left_alone(engine: Engine) -> None:
    """The watcher comes."""
    chain = FakeChain()
    id_ = intent(b"\x01")
    sender(engine, chain).flush(KEY.address)
    chain.on_chain_nonce = 1
    chain.receipts[hash_of(chain.sent[0])] = mined(chain.sent[0])
    wait(id_)
    sender(engine, chain).flush(KEY.address)
    assert (row(id_).nonce, len(row(id_).attempts)) == (0, 1)
