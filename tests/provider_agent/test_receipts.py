"""Receipts: cumulative, chained, never more than interval or window allow."""

from __future__ import annotations

import random

import pytest

from contracts.protocol.eip712 import ZERO_HASH, Domain, digest
from contracts.protocol.keys import Signer, recover
from contracts.protocol.typed_data import Receipt, voucher_of
from contracts.protocol.units import GpuMs
from provider_agent.lease_check import CheckedLease
from provider_agent.metering import Measured
from provider_agent.receipts import next_receipt, sign_receipt

HOLDER = Signer(bytes(31) + b"\7").address
START = 1_800_000_000
LEASE = CheckedLease("L", 1 << 150, HOLDER, 1000, START, START + 72, True, "0x00", 5, 3)


def measured(gpu_ms: int, began_at: float | None = None) -> Measured:
    return Measured((), GpuMs(gpu_ms), 0, energy_measured=False, began_at=began_at)


def make(
    last: Receipt | None, gpu_ms: int, now: float, began: float | None = None, final: bool = False
) -> Receipt:
    return next_receipt(LEASE, last, measured(gpu_ms, began), now, uuids=("SIM-1",), is_final=final)


def test_next_receipt__first__starts_the_chain() -> None:
    receipt = make(None, 4800, START + 5.9, began=START + 1.1)
    assert (receipt.sequence, receipt.previous) == (1, ZERO_HASH)
    assert (receipt.interval_start, receipt.interval_end) == (START + 1, START + 5)
    assert receipt.used_gpu_ms == 4000
    assert (receipt.simulated, receipt.is_final) == (True, False)


def test_next_receipt__final__gives_back_what_whole_seconds_held_back() -> None:
    first = make(None, 4800, START + 5.9, began=START + 1.1)
    final = make(first, 9300, START + 10.4, began=START + 5.9, final=True)
    assert (final.sequence, final.previous) == (2, first.hash_struct())
    assert (final.interval_start, final.interval_end) == (START + 5, START + 11)
    assert final.used_gpu_ms == 9300


def test_next_receipt__after_the_end__is_cut_at_the_window() -> None:
    first = make(None, 60_000, START + 61, began=START)
    final = make(first, 90_000, START + 500, final=True)
    assert final.interval_end == START + 72
    assert final.used_gpu_ms == 71_000


@pytest.mark.parametrize("jump", [-3600.0, -10.0])
def test_next_receipt__wall_clock_set_back__never_goes_back(jump: float) -> None:
    first = make(None, 10_000, START + 10, began=START)
    second = make(first, 20_000, START + 20 + jump, began=START + 10 + jump)
    assert (second.interval_start, second.interval_end) == (START + 10, START + 10)
    assert second.used_gpu_ms == 10_000
    third = make(second, 25_000, START + 30, began=START + 10)
    assert third.used_gpu_ms == 25_000


def test_next_receipt__redeemed_before_the_journal_began__starts_there() -> None:
    lease = CheckedLease(
        "L", 1, HOLDER, 1000, START, START + 72, True, "0x00", 5, 3, redeemed_gpu_ms=5_000
    )
    receipt = next_receipt(
        lease, None, measured(7_000, START + 5.0), START + 10, uuids=(), is_final=False
    )
    assert receipt.used_gpu_ms == 7_000


@pytest.mark.parametrize("seed", range(50))
def test_next_receipt__random_runs__keep_every_rule_of_holder_and_api(seed: int) -> None:
    rng = random.Random(seed)
    now, used, last = START + rng.random() * 3, 0.0, None
    began: float | None = now
    for step in range(rng.randint(1, 12)):
        running = rng.random() * 7
        now += running
        used += running
        final = rng.random() < 0.1
        receipt = make(last, int(used * 1000), now, began, final)
        before = (last.used_gpu_ms, last.interval_end) if last else (0, START)
        assert receipt.sequence == step + 1
        assert before[1] <= receipt.interval_start <= receipt.interval_end <= START + 72
        assert receipt.interval_end <= now + 1
        seconds = receipt.interval_end - receipt.interval_start
        assert before[0] <= receipt.used_gpu_ms <= before[0] + 1000 * seconds
        assert receipt.used_gpu_ms <= int(used * 1000)
        if final and now < START + 72:
            assert receipt.used_gpu_ms == int(used * 1000)
            return
        last = receipt
        pause = rng.random() * 4 if rng.random() < 0.3 else 0.0
        now += pause
        began = now


def test_sign_receipt__both_signatures__are_the_agents() -> None:
    agent, domain = Signer(bytes(31) + b"\1"), Domain(1337, HOLDER)
    signed = sign_receipt(make(None, 1, START + 1), agent, domain)
    assert recover(digest(signed.receipt, domain), signed.signature) == agent.address
    voucher = digest(voucher_of(signed.receipt), domain)
    assert recover(voucher, signed.voucher_signature) == agent.address
