"""The whole daemon with real threads and the real sandbox, against a market in memory."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.protocol.keys import Signer
from provider_agent.chain import ChainReader
from provider_agent.client import MarketplaceClient
from provider_agent.courier import Courier
from provider_agent.daemon import Daemon
from provider_agent.gpu.backend import Device, Sample
from provider_agent.gpu.simulated import SimulatedBackend
from provider_agent.home import AgentHome, Enrolment
from provider_agent.inventory import DevicePool
from provider_agent.journal import Journal, JournalError, ReceiptIssued, read_records
from provider_agent.lease_book import replay
from provider_agent.metering import Meter, SystemClock
from provider_agent.receipt_desk import ReceiptDesk
from provider_agent.runner.bubblewrap import BubblewrapDriver
from provider_agent.settings import AgentSettings
from provider_agent.transport import Transport
from provider_agent.workshop import Workshop
from tests.provider_agent.conftest import MOST
from tests.provider_agent.fake_market import API, NODE, PLACE, FakeMarket

SETTINGS = AgentSettings(heartbeat_s=0.3, idle_before_final_s=0.2, stop_grace_s=1)


class LosableBackend(SimulatedBackend):
    """A simulated device that can be lost."""

    lost = False

    def sample(self, device: Device) -> Sample:
        if self.lost:
            return Sample(uuid=device.uuid, healthy=False, fault="gpu-lost")
        return super().sample(device)


class Rig:
    """An agent's folder, which outlives its daemons, and the market that they talk to."""

    def __init__(self, folder: Path) -> None:
        self.home = AgentHome.at(folder)
        self.agent = Signer.generate()
        self.provider = Signer.generate()
        self.backend = LosableBackend(self.agent.address)
        self.market = FakeMarket(
            agent=self.agent.address,
            provider=self.provider.address,
            holder=Signer.generate(),
            start=int(time.time()),
        )
        self.error: BaseException | None = None

    @contextmanager
    def running(self, settings: AgentSettings = SETTINGS) -> Iterator[Daemon]:
        with Journal(self.home.journal) as journal, self.market.client() as http:
            daemon = Daemon(self._shop(journal, http, settings))
            thread = threading.Thread(target=self._run, args=(daemon,))
            thread.start()
            try:
                yield daemon
            finally:
                daemon.stop()
                thread.join(30)
                assert not thread.is_alive()

    def _run(self, daemon: Daemon) -> None:
        try:
            daemon.run()
        except JournalError as error:
            self.error = error

    def _shop(self, journal: Journal, http, settings: AgentSettings) -> Workshop:  # type: ignore[no-untyped-def]
        transport = Transport(API, http, self.agent, lambda _s: time.sleep(0.01))
        driver = BubblewrapDriver(self.home.jobs, MOST, f"0x{os.getpid():08x}")
        driver.sweep()
        return Workshop(
            settings=settings,
            home=self.home,
            enrolment=Enrolment(self.provider.address, PLACE, (7,)),
            agent=self.agent,
            client=MarketplaceClient(transport),
            chain=ChainReader(NODE, http),
            backend=self.backend,
            pool=DevicePool(self.backend),
            driver=driver,
            journal=journal,
            clock=SystemClock(),
        )

    @property
    def is_settled(self) -> bool:
        receipts = self.market.receipts
        return bool(receipts) and receipts[-1].is_final and self.history_is_done

    @property
    def history_is_done(self) -> bool:
        return replay(read_records(self.home.journal.read_bytes())[0]) == {}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "home")


def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class TestLife:
    def test_run__one_job__is_run_metered_proven_and_settled(self, rig: Rig) -> None:
        rig.market.add_job(
            "import time\nfor n in range(3): print('epoch', n); time.sleep(0.5)\n"
            "open('outputs/model', 'w').write('weights')"
        )
        with rig.running():
            until(lambda: rig.is_settled)
        market = rig.market
        assert market.statuses == [("J1", "assigned"), ("J1", "running"), ("J1", "succeeded")]
        assert market.logs["J1"] == b"epoch 0\nepoch 1\nepoch 2\n"
        report = market.reports["J1"]
        assert (report["exit_code"], report["reason"]) == (0, "exit")
        assert report["outputs"][0]["path"] == "outputs/model"
        assert market.blobs[report["outputs"][0]["sha256"]] == b"weights"
        (final,) = market.receipts
        assert 1500 <= final.used_gpu_ms <= 2500
        assert (final.is_final, final.simulated, final.sequence) == (True, True, 1)
        assert final.energy_measured
        assert final.energy_millijoules > 400_000

    def test_run__two_jobs__share_one_chain_of_receipts(self, rig: Rig) -> None:
        rig.market.receipt_interval = 1
        rig.market.add_job("import time; time.sleep(2.2)")
        rig.market.add_job("import time; time.sleep(1)", name="J2")
        with rig.running():
            until(lambda: rig.is_settled)
        receipts = rig.market.receipts
        assert [r.sequence for r in receipts] == list(range(1, len(receipts) + 1))
        assert len(receipts) >= 3
        assert 3200 <= receipts[-1].used_gpu_ms <= 4500
        assert dict(rig.market.statuses) == {"J1": "succeeded", "J2": "succeeded"}

    def test_run__first_line__reaches_the_api_at_once(self, rig: Rig) -> None:
        rig.market.add_job("import time; print(time.monotonic()); time.sleep(0.5)")
        with rig.running():
            until(lambda: "J1" in rig.market.logs)
        assert rig.market.log_times["J1"] - float(rig.market.logs["J1"]) < 0.3

    def test_run__always__claims_its_devices_and_beats(self, rig: Rig) -> None:
        with rig.running():
            until(lambda: len(rig.market.heartbeats) >= 2)
        (inventory,) = rig.market.inventories
        assert (inventory.devices, inventory.simulated) == (1, True)
        assert (inventory.provider, inventory.agent) == (rig.provider.address, rig.agent.address)
        uuid = rig.backend.devices()[0].uuid
        assert rig.market.heartbeats[0] == {
            "devices": [{"uuid": uuid, "healthy": True}],
            "leases": [],
        }

    def test_run__session_over__logs_in_again(self, rig: Rig) -> None:
        with rig.running():
            until(lambda: len(rig.market.heartbeats) >= 1)
            rig.market.tokens.clear()
            before = len(rig.market.heartbeats)
            until(lambda: len(rig.market.heartbeats) >= before + 2)


class TestRefusal:
    def test_run__lease_not_on_chain__nothing_is_started(self, rig: Rig) -> None:
        rig.market.confirmed = False
        rig.market.add_job("print(1)")
        with rig.running():
            time.sleep(1)
            assert rig.market.statuses == []
            rig.market.confirmed = True
            until(lambda: rig.is_settled)

    def test_run__other_milli_on_chain__nothing_is_started(self, rig: Rig) -> None:
        rig.market.milli_on_chain = 500
        rig.market.add_job("print(1)")
        with rig.running():
            time.sleep(1)
        assert (rig.market.statuses, rig.market.receipts) == ([], [])

    def test_run__other_agent_on_chain__nothing_is_started(self, rig: Rig) -> None:
        rig.market.registered_agent = Signer.generate().address
        rig.market.add_job("print(1)")
        with rig.running():
            time.sleep(1)
        assert (rig.market.statuses, rig.market.receipts) == ([], [])

    def test_run__receipts_that_we_never_issued__stops_the_agent(self, rig: Rig) -> None:
        rig.market.add_job("print(1)")
        rig.market.receipts = [None]  # type: ignore[list-item]
        with rig.running():
            until(lambda: rig.error is not None)
        assert "restore the journal" in str(rig.error)
        assert rig.market.statuses == []

    def test_run__spec_that_asks_too_much__fails_with_the_reason_in_its_log(self, rig: Rig) -> None:
        rig.market.add_job("print(1)", memory_mib=10**7)
        with rig.running():
            until(lambda: ("J1", "failed") in rig.market.statuses)
        assert b"limits.memory_mib: 16 to 4096; given 10000000" in rig.market.logs["J1"]
        assert rig.market.receipts == []


class TestEnds:
    def test_job__cancelled_by_its_holder__ends(self, rig: Rig) -> None:
        rig.market.add_job("import time; time.sleep(60)")
        with rig.running():
            until(lambda: ("J1", "running") in rig.market.statuses)
            rig.market.jobs["J1"]["cancel_requested"] = True
            until(lambda: ("J1", "cancelled") in rig.market.statuses)
        assert rig.market.reports["J1"]["reason"] == "killed"

    def test_job__device_lost__is_lost(self, rig: Rig) -> None:
        rig.market.add_job("import time; time.sleep(60)")
        with rig.running():
            until(lambda: ("J1", "running") in rig.market.statuses)
            rig.backend.lost = True
            until(lambda: ("J1", "lost") in rig.market.statuses)
        assert rig.market.reports["J1"]["reason"] == "gpu-lost"

    def test_job__window_over__ends_and_is_paid_up_to_the_end(self, rig: Rig) -> None:
        rig.market.duration = 4
        rig.market.milli = 900 * 1000 // 1000
        rig.market.add_job("import time; time.sleep(60)")
        with rig.running():
            until(lambda: rig.is_settled)
        assert rig.market.reports["J1"]["reason"] == "lease-end"
        final = rig.market.receipts[-1]
        assert final.interval_end == rig.market.start + 4
        assert final.used_gpu_ms <= 900 * 4

    def test_job__holder_stops_signing__ends_after_n_intervals(self, rig: Rig) -> None:
        rig.market.receipt_interval, rig.market.unsigned_intervals = 1, 2
        rig.market.signs = False
        rig.market.add_job("import time; time.sleep(60)")
        with rig.running():
            until(lambda: ("J1", "failed") in rig.market.statuses)
        assert rig.market.reports["J1"]["reason"] == "lease-end"
        assert 2 <= len(rig.market.receipts) <= 6

    def test_receipt__signed_by_a_stranger__does_not_count(self, rig: Rig) -> None:
        rig.market.receipt_interval, rig.market.unsigned_intervals = 1, 2
        stranger, holder = Signer.generate(), rig.market.holder
        rig.market.add_job("import time; time.sleep(60)")
        with rig.running():
            until(lambda: ("J1", "running") in rig.market.statuses)
            object.__setattr__(rig.market, "_stored", _stored_by(rig.market, stranger))
            until(lambda: ("J1", "failed") in rig.market.statuses)
        assert rig.market.reports["J1"]["reason"] == "lease-end"
        assert rig.market.holder is holder

    def test_receipt__refused_by_the_api__ends_the_job(self, rig: Rig) -> None:
        rig.market.receipt_interval = 1
        rig.market.add_job("import time; time.sleep(60)")
        rig.market.refuse = lambda path: (
            (409, {"code": "not-active", "detail": "closed"}) if path.endswith("receipts") else None
        )
        with rig.running():
            until(lambda: ("J1", "failed") in rig.market.statuses)
        assert rig.market.receipts == []


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


def _stored_by(market: FakeMarket, signer: Signer):  # type: ignore[no-untyped-def]
    other = replace(market, holder=signer)
    return other._stored
