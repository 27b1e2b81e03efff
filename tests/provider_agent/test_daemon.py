"""The whole daemon with real threads and the real sandbox, against a market in memory."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.protocol.keys import Signer
from tests.provider_agent.fake_market import FakeMarket
from tests.provider_agent.rig import Rig, until


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "home")


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


def _stored_by(market: FakeMarket, signer: Signer):  # type: ignore[no-untyped-def]
    other = replace(market, holder=signer)
    return other._stored
