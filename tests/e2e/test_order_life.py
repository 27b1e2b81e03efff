"""The ten steps of docs/ORDER_LIFE.md on real parts, one after another, with exact figures.

The price is 2.00 tokens per GPU-hour (2,000 ticks), the lease 1,000 milli for 72 s: 20 lots that
cost 20 x 2,000 = 40,000 units. What is used is whatever the job took; all else follows from it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise

import psycopg
import pytest

from contracts.bindings.events import Closed, Filled, Redeemed, TransferSingle, decode_log
from contracts.protocol.eip712 import ZERO_ADDRESS, ZERO_HASH, digest
from contracts.protocol.keys import recover
from contracts.protocol.lifecycle import LeaseStatus
from contracts.protocol.series import Series
from contracts.protocol.typed_data import AcknowledgedAction, Ask, Bid, voucher_of
from contracts.protocol.wire import from_wire, parse_hex
from marketplace_api import db
from marketplace_api.matching import repository
from marketplace_api.matching.records import replay
from settlement.cli.verify.history import logs_of
from tests.e2e.conftest import Life

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TICKS, LOTS, MILLI, SECONDS = 2_000, 20, 1_000, 72
COST = 40_000
GPU_MS = 72_000
FEE_BPS = 100


def used(life: Life) -> int:
    """GPU-ms that both sides signed."""
    assert life.watched.final_gpu_ms is not None
    return life.watched.final_gpu_ms


def paid(life: Life) -> int:
    """floor(used x ticks / 3,600)."""
    return used(life) * TICKS // 3_600


def fee(life: Life) -> int:
    """1 % of what was paid, rounded down."""
    return paid(life) * FEE_BPS // 10_000


def order_log(life: Life) -> dict[str, dict[str, object]]:
    """The public log, by digest."""
    rows = life.stack.rows("SELECT * FROM order_log WHERE kind <> 'cancel' ORDER BY sequence")
    return {str(row["digest"]): row for row in rows}


def test_step_01__sign__each_order_by_its_own_wallet(life: Life):
    """EIP-712 for this chain and contract: anybody can recover the signer from the public log."""
    domain, entries = life.stack.desk().place.domain, order_log(life)
    expected = {life.watched.bid: (Bid, life.buyer)}
    for ask, provider in zip(life.asks, life.enrolled, strict=True):
        expected[ask.digest] = (Ask, provider.wallet)
    for hash_, (kind, maker) in expected.items():
        order = from_wire(kind, entries[hash_]["payload"])
        signature = parse_hex(entries[hash_]["signature"], "signature")
        assert "0x" + digest(order, domain).hex() == hash_
        assert recover(digest(order, domain), signature) == maker
    bid = from_wire(Bid, entries[life.watched.bid]["payload"])
    assert (bid.milli, bid.max_duration, bid.max_price_per_gpu_hour) == (MILLI, SECONDS, 2_500_000)


def test_step_02__accept__append_only_and_acknowledged(life: Life):
    """The log numbers orders as they came, cannot be changed, and the operator signed for it."""
    entries = order_log(life)
    numbers = [entries[hash_]["sequence"] for hash_ in (life.asks[0].digest, life.watched.bid)]
    assert numbers == sorted(numbers)
    for statement in ("UPDATE order_log SET maker = 'x'", "DELETE FROM order_log"):
        with pytest.raises(psycopg.Error):
            life.stack.try_to_change(statement)
    assert order_log(life) == entries
    with life.bourse(life.cast.buyer) as bourse:
        market, order = bourse.market(), bourse.order(life.watched.bid)
    assert order.acknowledgement is not None
    word = order.acknowledgement.acknowledgement
    assert word.action == AcknowledgedAction.ACCEPTED
    assert (word.sequence, "0x" + word.order.hex()) == (numbers[1], life.watched.bid)
    signer = recover(digest(word, market.domain), order.acknowledgement.signature)
    assert signer == market.operator


def test_step_03__match__takes_the_cheaper_ask_at_its_price(life: Life):
    """Price then time; the bid would have paid 2.50. The log alone gives the same fill again."""
    assert life.lease["ask"] == life.asks[1].digest
    assert life.lease["provider"] == life.enrolled[1].wallet
    assert life.lease["price_per_gpu_hour"] == TICKS * 1000
    engine = db.connect(life.stack.environment["DATABASE_URL"])
    with db.session_scope() as session:
        log = repository.log_after(session, 0, 1000)
        decisions = list(repository.decisions(session))
    engine.dispose()
    fills = replay(log, decisions)
    assert life.asks[1].digest in {fill.ask for fill in fills}


def test_step_04__lease__and_outbox_row_in_one_transaction(life: Life):
    """Both carry the same transaction time: whatever died next, the row would have remained."""
    (lease,) = life.stack.rows("SELECT * FROM lease WHERE id = %s", life.watched.lease)
    (row,) = life.stack.rows(
        "SELECT * FROM outbox WHERE key = %s", f"lease.fill:{life.watched.lease}"
    )
    assert row["created_at"] == lease["created_at"]
    assert row["payload"] == {"lease_id": life.watched.lease}
    assert (lease["units"], lease["ticks"], lease["milli"]) == (LOTS, TICKS, MILLI)
    assert life.events[1]["status"] == LeaseStatus.PENDING


def test_step_05__fill__mints_exactly_twenty_lots(life: Life):
    """One durable transaction row, sent by the operator, and the units that the buyer paid for."""
    (row,) = life.stack.rows(
        "SELECT * FROM chain_transaction WHERE hash = %s", life.lease["fill_transaction"]
    )
    assert row["status"] == "confirmed"
    desk = life.stack.desk()
    assert (row["signer"], row["to"]) == (operator(life), desk.place.market)
    events = events_of(life, "fill_transaction")
    (minted,) = [event for event in events if isinstance(event, TransferSingle)]
    assert (minted.from_, minted.to, minted.value) == (ZERO_ADDRESS, life.buyer, LOTS)
    series = Series.from_id(minted.id)
    assert (series.duration, series.ticks, series.step) == (SECONDS, TICKS, 1000)
    assert series.terms == life.enrolled[1].terms
    (filled,) = [event for event in events if isinstance(event, Filled)]
    assert ["0x" + fill.bid.hex() for fill in filled.fills] == [life.watched.bid]


def test_step_06__confirm__lease_active_and_booked(life: Life):
    """While the job ran, the buyer held 72,000 GPU-ms and 40,000 units lay in escrow."""
    (lease,) = life.stack.rows("SELECT * FROM lease WHERE id = %s", life.watched.lease)
    assert lease["activated_at"] > lease["created_at"]
    assert (life.during["gpu_ms"], life.during["escrowed"]) == (GPU_MS, COST)
    assert life.during["market"] == 10_000_000 - COST
    (order,) = life.stack.rows("SELECT status FROM orders WHERE digest = %s", life.watched.bid)
    assert order["status"] == "filled"
    entries = booked(life, "filled")
    assert entries[life.buyer, "escrow"] == COST
    assert entries[life.buyer, "balance"] == -COST
    assert entries[life.buyer, "units"] == GPU_MS
    assert entries[life.enrolled[1].wallet, "issued"] == -GPU_MS


def test_step_07__run__real_job_on_real_input(life: Life):
    """In the sandbox: log lines as they were written, a checkpoint for each epoch, a score."""
    text = "".join(life.watched.log)
    assert text.startswith("train: reading digits.csv.gz\n")
    assert text.count("\nepoch ") == 30
    found = life.cast.buyer.run("job", life.watched.job)
    assert (found["status"], found["exit_code"], found["reason"]) == ("succeeded", 0, "exit")
    into = life.cast.folder / "fetched"
    files = life.cast.buyer.run_list("fetch", life.watched.job, "--into", into)
    names = {str(file["path"]).removeprefix(f"{into}/") for file in files}
    assert {f"checkpoint/epoch-{n:02d}.pickle" for n in range(1, 31)} <= names
    score = json.loads((into / "outputs" / "score.json").read_text())
    assert score["held_out"] == 360
    assert score["accuracy"] > 0.95


def test_step_07__run__log_within_five_seconds(life: Life):
    """From the accepted bid to the first line at the buyer."""
    assert 0 < life.watched.order_to_first_log_s <= 5


def test_step_08__prove__chain_of_receipts_signed_by_both(life: Life):
    """Each receipt names the one before; the delegate, not the holder, counter-signed vouchers."""
    with life.bourse(life.cast.buyer) as bourse:
        receipts = bourse.receipts(life.watched.lease)
        agent = bourse.provider(life.enrolled[1].wallet).agent
        domain = bourse.market().domain
    assert [stored.sequence for stored in receipts] == list(range(1, len(receipts) + 1))
    assert receipts[0].receipt.previous == ZERO_HASH
    for before, after in pairwise(receipts):
        assert after.receipt.previous == before.receipt.hash_struct()
        assert after.receipt.used_gpu_ms >= before.receipt.used_gpu_ms
    for stored in receipts:
        voucher = voucher_of(stored.receipt)
        assert stored.receipt.simulated
        assert recover(digest(stored.receipt, domain), stored.signature) == agent
        assert stored.holder_signature is not None
        assert recover(digest(voucher, domain), stored.holder_signature) == life.delegate
    assert [stored.receipt.is_final for stored in receipts] == [False] * (len(receipts) - 1) + [
        True
    ]
    last = receipts[-1].receipt
    assert last.used_gpu_ms == used(life)
    assert 0 < used(life) <= MILLI * (last.interval_end - int(life.lease["start"]))  # type: ignore[call-overload]


def test_step_09__settle__pays_to_the_unit(life: Life):
    """The final voucher pays floor(used x ticks / 3,600); 1 % of it is the fee."""
    (event,) = [e for e in events_of(life, "redeem_transaction") if isinstance(e, Redeemed)]
    assert event.holder == life.buyer
    assert (event.used_gpu_ms, event.is_final) == (used(life), True)
    assert (life.lease["used_gpu_ms"], life.lease["paid"], life.lease["fee"]) == (
        used(life),
        paid(life),
        fee(life),
    )
    entries = booked(life, "redeemed")
    assert entries[life.buyer, "escrow"] == -paid(life)
    assert entries[life.enrolled[1].wallet, "balance"] == paid(life) - fee(life)
    assert entries[life.stack.desk().place.treasury, "balance"] == fee(life)


def test_step_10__close__refunds_burns_and_balances(life: Life):
    """Unused money is back, the units are gone, all books sum to zero and agree with the chain."""
    events = events_of(life, "close_transaction")
    (burned,) = [event for event in events if isinstance(event, TransferSingle)]
    assert (burned.from_, burned.to, burned.value) == (life.buyer, ZERO_ADDRESS, LOTS)
    (closed,) = [event for event in events if isinstance(event, Closed)]
    assert closed.refund == life.lease["refunded"] == COST - paid(life)
    sums = life.stack.rows(
        "SELECT a.asset, sum(e.amount) AS total FROM ledger_entry e "
        "JOIN ledger_account a ON a.id = e.account_id GROUP BY a.asset"
    )
    assert {row["asset"]: int(str(row["total"])) for row in sums} == {
        "payment_token": 0,
        "gpu_ms": 0,
    }
    statement = life.cast.buyer.run("statement")
    assert statement["totals"] == {
        "paid": paid(life),
        "refunded": COST - paid(life),
        "fee": 0,
        "earned": 0,
    }
    balances = statement["balances"]
    assert isinstance(balances, dict)
    assert balances["payment_token"]["closing"] == 10_000_000 - paid(life)
    assert balances["gpu_ms"]["closing"] == balances["escrow"]["closing"] == 0


def operator(life: Life) -> str:
    """Who sends fills, redemptions and closings."""
    with life.bourse(life.cast.buyer) as bourse:
        return bourse.market().operator


def events_of(life: Life, name: str) -> list[object]:
    """Events of one transaction of the lease, from the chain itself."""
    desk, transaction = life.stack.desk(), str(life.lease[name])
    mined = desk.chain.receipt(transaction)
    assert mined is not None
    assert mined.succeeded
    logs = logs_of(desk, mined.block_number, mined.block_number)
    return [decode_log(log) for log in logs if log.transaction == transaction]


def booked(life: Life, kind: str) -> dict[tuple[str, str], int]:
    """Ledger entries of the lease, by owner and account; each posting sums to zero."""
    rows = life.stack.rows(
        "SELECT a.owner, a.kind, a.asset, e.amount FROM ledger_entry e "
        "JOIN ledger_account a ON a.id = e.account_id "
        "JOIN ledger_posting p ON p.id = e.posting_id WHERE p.lease_id = %s AND p.kind = %s",
        life.watched.lease,
        kind,
    )
    for asset in ("payment_token", "gpu_ms"):
        assert sum(int(str(r["amount"])) for r in rows if r["asset"] == asset) == 0
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        totals[str(row["owner"]), str(row["kind"])] += int(str(row["amount"]))
    return totals
