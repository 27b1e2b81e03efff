"""The real binding, driven through the stub library; faults included."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pynvml
import pytest

from provider_agent.gpu.backend import DriverReplacedError, NoDriverError
from provider_agent.gpu.nvml import NvmlBackend
from provider_agent.gpu.select import BackendChoice, open_backend
from tests.nvml_stub.build import binding_symbols, implemented_symbols
from tests.provider_agent.conftest import StubState

H100 = "GPU-3a1f0c52-0000-4000-8000-000000000000"
T4 = "GPU-3a1f0c52-0000-4000-8000-000000000002"
SLICES = {
    "MIG-11111111-2222-5333-8444-000000000001": "nvidia/a100/40gb/sxm/mig-3g.20gb",
    "MIG-11111111-2222-5333-8444-000000000007": "nvidia/a100/40gb/sxm/mig-1g.5gb",
}


def device(backend: NvmlBackend, uuid: str):  # type: ignore[no-untyped-def]
    return next(d for d in backend.devices() if d.uuid == uuid)


class TestStub:
    @pytest.mark.parametrize(
        ("name", "struct"),
        [
            ("pci", pynvml.nvmlPciInfo_t),
            ("memory", pynvml.c_nvmlMemory_t),
            ("memory_v2", pynvml.c_nvmlMemory_v2_t),
            ("utilization", pynvml.c_nvmlUtilization_t),
            ("temperature", pynvml.c_nvmlTemperature_v1_t),
            ("process", pynvml.c_nvmlProcessInfo_t),
            ("attributes", pynvml.c_nvmlDeviceAttributes),
        ],
    )
    def test_layout__every_struct__has_the_size_of_the_binding(
        self, nvml_library: Path, name: str, struct: type[ctypes.Structure]
    ) -> None:
        library = ctypes.CDLL(str(nvml_library))
        assert library.nvmlStubSizeOf(name.encode()) == ctypes.sizeof(struct)

    def test_symbols__everything_the_binding_asks_for__is_exported(
        self, nvml_library: Path
    ) -> None:
        library = ctypes.CDLL(str(nvml_library))
        assert len(binding_symbols()) > 400
        assert [name for name in binding_symbols() if not hasattr(library, name)] == []
        assert implemented_symbols() <= binding_symbols() | {"nvmlStubSizeOf", "nvmlInit_v2"}


class TestInventory:
    def test_devices__whole_card__tells_everything(self, backend: NvmlBackend) -> None:
        card = device(backend, H100)
        assert card.device_class == "nvidia/h100/80gb/sxm"
        assert card.memory_bytes == 85_520_809_984
        assert (card.serial, card.board_part) == ("1652922000001", "692-2G520-0200-000")
        assert (card.pci_bus_id, card.pci_device_id) == ("00000000:1B:00.0", 0x233010DE)
        assert (card.compute_capability, card.ecc_enabled) == ("9.0", True)
        assert (card.driver_version, card.cuda_version) == ("580.95.05", 13000)
        assert (card.power_limit_mw, card.max_sm_clock_mhz) == (700_000, 1980)

    def test_devices__mig_card_with_holes__lists_the_slices_and_not_the_card(
        self, backend: NvmlBackend
    ) -> None:
        slices = [d for d in backend.devices() if d.index == 1]
        assert {d.uuid: d.device_class for d in slices} == SLICES
        assert {d.parent for d in slices} == {"GPU-3a1f0c52-0000-4000-8000-000000000001"}
        assert {d.memory_bytes for d in slices} == {4864 << 20, 19968 << 20}

    def test_devices__what_the_card_does_not_have__is_none_not_zero(
        self, backend: NvmlBackend
    ) -> None:
        card = device(backend, T4)
        assert (card.serial, card.vbios, card.board_part, card.pci_bus_id) == (None,) * 4

    def test_sample__slice__has_no_utilization_energy_or_power(self, backend: NvmlBackend) -> None:
        sample = backend.sample(device(backend, "MIG-11111111-2222-5333-8444-000000000007"))
        assert (sample.utilization_percent, sample.energy_mj, sample.power_mw) == (None,) * 3
        assert sample.memory_used_bytes == 3_221_225_472
        assert [p.pid for p in sample.processes or ()] == [5151]

    def test_sample__memory__does_not_count_what_is_reserved(self, backend: NvmlBackend) -> None:
        assert backend.sample(device(backend, H100)).memory_used_bytes == 21_474_836_480


class TestFaults:
    @pytest.mark.parametrize(("code", "fault"), [(15, "gpu-lost"), (16, "reset-required")])
    def test_sample__lost_at_run_time__is_unhealthy(
        self, backend: NvmlBackend, nvml: StubState, code: int, fault: str
    ) -> None:
        card = device(backend, H100)
        nvml.add(0, f"fault {code}")
        sample = backend.sample(card)
        assert (sample.healthy, sample.fault, sample.energy_mj) == (False, fault, None)

    def test_devices__lost_at_run_time__stays_in_the_list_as_unhealthy(
        self, backend: NvmlBackend, nvml: StubState
    ) -> None:
        before = backend.devices()
        nvml.add(0, "fault 15")
        after = backend.devices()
        assert [d.uuid for d in after] == [d.uuid for d in before]
        assert (after[0].healthy, after[0].fault) == (False, "gpu-lost")
        assert all(d.healthy for d in after[1:])

    def test_devices__card_comes_back__is_healthy_again(
        self, backend: NvmlBackend, nvml: StubState
    ) -> None:
        healthy, text = backend.devices(), nvml.path.read_text()
        nvml.add(0, "fault 15")
        backend.devices()
        nvml.write(text)
        assert backend.devices() == healthy

    def test_devices__card_is_cut_into_slices__is_replaced_by_them(
        self, backend: NvmlBackend, nvml: StubState
    ) -> None:
        backend.devices()
        nvml.add(0, "mig 1\nslice 2 9 0 MIG-new 1 9856 NVIDIA H100 80GB HBM3 MIG 1g.10gb")
        classes = {d.uuid: d.device_class for d in backend.devices() if d.index == 0}
        assert classes == {"MIG-new": "nvidia/h100/80gb/sxm/mig-1g.10gb"}

    def test_sample__no_permission__drops_the_feature_and_reports_it(
        self, backend: NvmlBackend, nvml: StubState
    ) -> None:
        nvml.add(0, "fault_in nvmlDeviceGetComputeRunningProcesses_v3 4")
        sample = backend.sample(device(backend, H100))
        assert (sample.healthy, sample.processes, sample.denied) == (True, None, ("processes",))
        assert sample.utilization_percent == 87

    @pytest.mark.parametrize("code", [3, 13, 6, 25, 26])
    def test_sample__field_unknown_to_the_driver__is_none(
        self, backend: NvmlBackend, nvml: StubState, code: int
    ) -> None:
        nvml.add(0, f"fault_in nvmlDeviceGetTotalEnergyConsumption {code}")
        sample = backend.sample(device(backend, H100))
        assert (sample.healthy, sample.energy_mj, sample.denied) == (True, None, ())

    def test_sample__unknown_error_that_stays__is_unhealthy(
        self, backend: NvmlBackend, nvml: StubState
    ) -> None:
        card = device(backend, H100)
        nvml.add(0, "fault_in nvmlDeviceGetPowerUsage 999")
        assert backend.sample(card).fault == "nvml-error-999"

    def test_sample__driver_replaced__asks_for_a_restart(
        self, backend: NvmlBackend, nvml: StubState
    ) -> None:
        card = device(backend, H100)
        nvml.add(0, "fault 18")
        with pytest.raises(DriverReplacedError, match="restart the agent"):
            backend.sample(card)

    def test_open__driver_not_loaded__is_no_driver(self, nvml: StubState) -> None:
        nvml.write("init_fault 9\n")
        with pytest.raises(NoDriverError, match="Driver Not Loaded"):
            NvmlBackend()

    def test_open__library_missing__simulates_only_where_allowed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def missing(_name: str) -> None:
            raise OSError("not found")

        monkeypatch.setattr(pynvml, "nvmlLib", None)
        monkeypatch.setattr(pynvml, "CDLL", missing)
        with pytest.raises(NoDriverError):
            open_backend(BackendChoice.NVML, "seed")
        assert open_backend(BackendChoice.AUTO, "seed").simulated

    def test_open__other_process_with_library_path__finds_the_stub(
        self, nvml_library: Path, nvml: StubState
    ) -> None:
        program = (
            "from provider_agent.gpu.nvml import NvmlBackend;print(len(NvmlBackend().devices()))"
        )
        env = {
            **os.environ,
            "LD_LIBRARY_PATH": str(nvml_library.parent),
            "NVML_STUB_STATE": str(nvml.path),
        }
        found = subprocess.run(
            [sys.executable, "-c", program],
            env=env,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[3],
        )
        assert found.stdout.strip() == "4"
