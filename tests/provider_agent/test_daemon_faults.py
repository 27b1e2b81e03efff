"""The daemon when something breaks: a bug, a crash, a market that is away."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from provider_agent.client import MarketplaceClient
from provider_agent.courier import Courier
from provider_agent.journal import ReceiptIssued, read_records
from provider_agent.metering import Meter
from provider_agent.receipt_desk import ReceiptDesk
from provider_agent.runner.bubblewrap import BubblewrapDriver
from tests.provider_agent.rig import BugError, Rig, until


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "home")


class TestBugs:
    """Whatever breaks inside the agent: the holder hears how each job ended."""

    def test_job__crashes_before_it_runs__is_lost_and_the_next_one_runs(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prepare = BubblewrapDriver.prepare

        def broken(self, spec, blobs, on_output):  # type: ignore[no-untyped-def]
            if spec.job == "J1":
                raise IsADirectoryError("/secret/place")
            return prepare(self, spec, blobs, on_output)

        monkeypatch.setattr(BubblewrapDriver, "prepare", broken)
        rig.market.add_job("print(1)")
        rig.market.add_job("print(2)", name="J2")
        with rig.running():
            until(lambda: ("J2", "succeeded") in rig.market.statuses)
        assert [s for j, s in rig.market.statuses if j == "J1"] == ["assigned", "lost"]
        assert b"an error inside the agent" in rig.market.logs["J1"]
        assert b"/secret" not in rig.market.logs["J1"]

    def test_job__crashes_while_it_runs__is_ended_lost_and_the_next_one_runs(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sample = Meter.sample

        def broken(self, job, usage):  # type: ignore[no-untyped-def]
            if job == "J1":
                raise ValueError("a bug")
            return sample(self, job, usage)

        monkeypatch.setattr(Meter, "sample", broken)
        rig.market.add_job("import time; print('x', flush=True); time.sleep(60)")
        rig.market.add_job("import time; time.sleep(1.2)", name="J2")
        with rig.running():
            until(lambda: rig.is_settled)
        assert [s for j, s in rig.market.statuses if j == "J1"] == ["assigned", "running", "lost"]
        assert rig.market.reports["J1"]["reason"] == "killed"
        assert rig.market.logs["J1"] == b"x\n"
        assert ("J2", "succeeded") in rig.market.statuses
        assert rig.market.receipts[-1].used_gpu_ms < 3000

    def test_receipt__cannot_be_made__job_is_stopped_and_later_jobs_are_lost(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(self, *_args, **_more):  # type: ignore[no-untyped-def]
            raise ValueError("a bug")

        monkeypatch.setattr(ReceiptDesk, "issue", broken)
        rig.market.receipt_interval, rig.market.duration = 1, 7
        rig.market.add_job("import time; time.sleep(60)")
        with rig.running():
            until(lambda: ("J1", "lost") in rig.market.statuses)
            rig.market.add_job("print(2)", name="J2")
            until(lambda: ("J2", "lost") in rig.market.statuses)
            until(lambda: rig.history_is_done)
        assert rig.market.reports["J1"]["reason"] == "killed"
        assert ("J2", "running") not in rig.market.statuses
        assert rig.market.receipts == []
        assert rig.error is None

    def test_lease__cannot_be_checked__its_jobs_are_lost(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_args):  # type: ignore[no-untyped-def]
            raise KeyError("a bug")

        monkeypatch.setattr("provider_agent.worker.check_lease", broken)
        rig.market.add_job("print(1)")
        with rig.running():
            until(lambda: ("J1", "lost") in rig.market.statuses)
        assert rig.market.statuses == [("J1", "lost")]

    def test_delivery__crashes__the_next_one_still_goes_out(self, rig: Rig) -> None:
        said: list[str] = []
        courier = Courier("L1", lambda: None)
        courier.start()
        courier.put("bad", lambda: said[1], lambda error: said.append(error.code))
        courier.put("good", lambda: said.append("good"))
        assert courier.drain(5)
        courier.close()
        assert said == ["not-sent", "good"]


class TestLoops:
    def test_work__breaks_unexpectedly__stops_the_agent_and_says_why(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An agent that beats but takes no work would look alive for ever."""

        def broken(self: MarketplaceClient, wait_s: int) -> list[object]:
            raise BugError("no such thing")

        monkeypatch.setattr(MarketplaceClient, "work", broken)
        with rig.running():
            until(lambda: rig.error is not None)
        assert isinstance(rig.error, BugError)


class TestRestart:
    def test_stop__running_job__gets_its_grace_then_is_lost_and_paid(self, rig: Rig) -> None:
        rig.market.add_job("import time; print('x'); time.sleep(60)")
        with rig.running():
            until(lambda: "J1" in rig.market.logs)
        assert rig.market.statuses[-1] == ("J1", "lost")
        assert [r.is_final for r in rig.market.receipts] == [False]
        assert rig.market.receipts[0].used_gpu_ms > 0
        with rig.running():
            until(lambda: rig.is_settled)
        assert [r.is_final for r in rig.market.receipts] == [False, True]

    def test_crash__job_was_running__is_never_run_twice_and_the_chain_goes_on(
        self, rig: Rig
    ) -> None:
        rig.market.receipt_interval = 1
        rig.market.add_job("import time; print('x'); time.sleep(60)")
        with rig.running():
            until(lambda: len(rig.market.receipts) >= 2)
            crashed = rig.home.journal.read_bytes()
        # As if it had been killed at that moment: the end of the job was never written.
        issued = [r for r in read_records(crashed)[0] if isinstance(r, ReceiptIssued)]
        rig.home.journal.write_bytes(crashed)
        rig.market.receipts = rig.market.receipts[: len(issued)]
        rig.market.jobs["J1"]["status"] = "running"
        rig.market.statuses.clear()
        with rig.running():
            until(lambda: rig.is_settled)
        assert set(rig.market.statuses) == {("J1", "lost")}
        sequences = [receipt.sequence for receipt in rig.market.receipts]
        assert sequences == list(range(1, len(sequences) + 1))
        assert rig.market.receipts[-1].used_gpu_ms == rig.market.receipts[-2].used_gpu_ms

    def test_crash__receipt_written_but_not_sent__is_sent_as_it_is(self, rig: Rig) -> None:
        rig.market.receipt_interval = 1
        rig.market.add_job("import time; time.sleep(2.5)")
        with rig.running():
            until(lambda: rig.is_settled)
        records = read_records(rig.home.journal.read_bytes())[0]
        first = next(r for r in records if isinstance(r, ReceiptIssued))
        kept = records[: records.index(first) + 1]
        from provider_agent.journal import encode_record

        rig.home.journal.write_bytes(b"".join(map(encode_record, kept)))
        before = rig.market.receipts[0]
        rig.market.receipts, rig.market.posts = [], []
        with rig.running():
            until(lambda: rig.is_settled)
        assert rig.market.receipts[0] == before
        assert rig.market.posts[0] == 1

    def test_api__down_for_a_while__nothing_is_lost(self, rig: Rig) -> None:
        rig.market.receipt_interval = 1
        rig.market.add_job("import time\nfor n in range(4): print(n); time.sleep(0.5)")
        with rig.running():
            until(lambda: ("J1", "running") in rig.market.statuses)
            rig.market.down = True
            time.sleep(2.5)
            rig.market.down = False
            until(lambda: rig.is_settled)
        assert rig.market.logs["J1"] == b"0\n1\n2\n3\n"
        assert rig.market.statuses[-1] == ("J1", "succeeded")
