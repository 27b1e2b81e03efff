"""The watcher signs what it saw, remembers it on disk, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.protocol.eip712 import digest
from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer, recover
from contracts.protocol.typed_data import voucher_of
from marketplace_api.client import Bourse, Delegate, JobWatch, Journal
from marketplace_api.client.delegate import Countersigned
from tests.marketplace_api.client.fake_api import LEASE_ID, NOW, FakeApi

BUYER, KEY = Signer(b"\x01" * 32), Signer(b"\x02" * 32)


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def api() -> FakeApi:
    return FakeApi(holder=BUYER)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bourse(api: FakeApi) -> Iterator[Bourse]:
    with Bourse("http://api.test", handler=api.transport(), sleep=lambda _: None) as made:
        made.login(BUYER)
        yield made


def delegate(bourse: Bourse, path: Path, clock: Clock) -> Delegate:
    watch = JobWatch(clock)
    return Delegate(bourse, bourse.market(), LEASE_ID, KEY, Journal(path), watch=watch)


def test_step__two_receipts__signs_each_voucher_with_the_delegates_key(
    api: FakeApi, bourse: Bourse, clock: Clock, tmp_path: Path
):
    """The chain redeems what was signed here."""
    made = delegate(bourse, tmp_path / "lease.json", clock)
    assert made.step() == ()
    first = api.deliver(5_000, seconds=5)
    clock.now += 5
    assert made.step() == (Countersigned(1, 5_000, False),)
    final = api.deliver(9_000, seconds=5, is_final=True)
    clock.now += 4
    assert made.step() == (Countersigned(2, 9_000, True),)
    assert made.is_done
    domain = bourse.market().domain
    for receipt in (first, final):
        found = recover(digest(voucher_of(receipt), domain), api.signed[receipt.sequence])
        assert found == KEY.address


def test_step__lease_not_active_yet__signs_nothing(
    api: FakeApi, bourse: Bourse, clock: Clock, tmp_path: Path
):
    """Before the fill is confirmed there is nothing to sign for."""
    api.lease_status = "pending"
    api.deliver(1, seconds=1)
    assert delegate(bourse, tmp_path / "lease.json", clock).step() == ()
    assert api.signed == {}


def test_step__more_than_seen__signs_nothing(
    api: FakeApi, bourse: Bourse, clock: Clock, tmp_path: Path
):
    """A lying agent gets no signature, and the journal stays as it was."""
    made = delegate(bourse, tmp_path / "lease.json", clock)
    made.step()
    api.deliver(60_000, seconds=60)
    clock.now += 5
    with pytest.raises(ProtocolError):
        made.step()
    assert api.signed == {}
    assert Journal(tmp_path / "lease.json").load().signed.sequence == 0


def test_step__job_never_ran__signs_nothing(
    api: FakeApi, bourse: Bourse, clock: Clock, tmp_path: Path
):
    """A job that still waits in the queue used nothing."""
    api.job_status = "queued"
    made = delegate(bourse, tmp_path / "lease.json", clock)
    api.deliver(5_000, seconds=5)
    clock.now += 5
    with pytest.raises(ProtocolError, match="no job of this lease was seen"):
        made.step()


def test_step__after_a_restart__goes_on_from_the_journal(
    api: FakeApi, bourse: Bourse, clock: Clock, tmp_path: Path
):
    """It remembers the chain of receipts and since when it saw the job run."""
    path = tmp_path / "lease.json"
    made = delegate(bourse, path, clock)
    made.step()
    api.deliver(5_000, seconds=5)
    clock.now += 5
    made.step()
    api.deliver(10_000, seconds=5)
    clock.now += 5
    again = delegate(bourse, path, clock)
    assert again.step() == (Countersigned(2, 10_000, False),)


def test_step__signature_was_lost__gives_the_same_one_again(
    api: FakeApi, bourse: Bourse, clock: Clock, tmp_path: Path
):
    """Signed and remembered, but the answer never came."""
    path = tmp_path / "lease.json"
    made = delegate(bourse, path, clock)
    made.step()
    api.deliver(5_000, seconds=5)
    clock.now += 5
    made.step()
    given = api.signed.pop(1)
    delegate(bourse, path, clock).step()
    assert api.signed == {1: given}


def test_step__another_receipt_in_place_of_the_signed_one__is_refused(
    api: FakeApi, bourse: Bourse, clock: Clock, tmp_path: Path
):
    """A fork of the chain of receipts gets no second signature."""
    path = tmp_path / "lease.json"
    made = delegate(bourse, path, clock)
    made.step()
    api.deliver(5_000, seconds=5)
    clock.now += 5
    made.step()
    api.signed.clear()
    api.receipts.clear()
    api.deliver(4_000, seconds=5)
    with pytest.raises(ProtocolError, match="the one signed before"):
        delegate(bourse, path, clock).step()
    assert api.signed == {}


def test_run__final_receipt__ends(api: FakeApi, bourse: Bourse, clock: Clock, tmp_path: Path):
    """Nothing follows the final receipt."""
    made = delegate(bourse, tmp_path / "lease.json", clock)
    made.step()
    api.deliver(2_000, seconds=2, is_final=True)
    clock.now += 2
    reported: list[Countersigned] = []
    made.run(threading.Event(), reported.append, poll_s=0)
    assert reported == [Countersigned(1, 2_000, True)]


def test_run__lease_over__ends(api: FakeApi, bourse: Bourse, clock: Clock, tmp_path: Path):
    """A closed lease brings no more receipts."""
    api.lease_status = "closed"
    delegate(bourse, tmp_path / "lease.json", clock).run(threading.Event(), poll_s=0)
    assert api.signed == {}
