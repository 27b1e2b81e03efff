"""What every backend must satisfy; the real one runs on the stub."""

from __future__ import annotations

import pytest

from contracts.protocol.series import device_class_hash
from provider_agent.gpu.backend import GpuBackend
from provider_agent.gpu.simulated import SimulatedBackend


@pytest.fixture(params=["nvml", "simulated"])
def any_backend(request: pytest.FixtureRequest) -> GpuBackend:
    if request.param == "simulated":
        return SimulatedBackend("0xabc", count=2)
    found: GpuBackend = request.getfixturevalue("backend")
    return found


class TestContract:
    def test_devices__always__are_marked_like_their_backend(self, any_backend: GpuBackend) -> None:
        assert any_backend.devices()
        assert {d.simulated for d in any_backend.devices()} == {any_backend.simulated}

    def test_devices__always__have_unique_uuids_and_valid_classes(
        self, any_backend: GpuBackend
    ) -> None:
        devices = any_backend.devices()
        assert len({device.uuid for device in devices}) == len(devices)
        assert all(len(device_class_hash(device.device_class)) == 32 for device in devices)

    def test_devices__twice__are_the_same(self, any_backend: GpuBackend) -> None:
        assert any_backend.devices() == any_backend.devices()

    def test_sample__healthy_device__fits_its_ranges(self, any_backend: GpuBackend) -> None:
        for device in any_backend.devices():
            sample = any_backend.sample(device)
            assert (sample.uuid, sample.healthy, sample.fault) == (device.uuid, True, None)
            assert sample.utilization_percent is None or 0 <= sample.utilization_percent <= 100
            assert sample.energy_mj is None or 0 <= sample.energy_mj < 1 << 53


class TestSimulated:
    def test_devices__another_seed__are_other_devices(self) -> None:
        mine, other = SimulatedBackend("a").devices(), SimulatedBackend("b").devices()
        assert mine[0].uuid != other[0].uuid
        assert mine[0].uuid.startswith("SIM-")

    def test_sample__same_time__is_the_same(self) -> None:
        first, second = (SimulatedBackend("a", clock=lambda: 77.5) for _ in range(2))
        assert first.sample(first.devices()[0]) == second.sample(second.devices()[0])

    def test_sample__time_passes__energy_is_the_integral_of_power(self) -> None:
        now = 0.0
        backend = SimulatedBackend("a", clock=lambda: now)
        device = backend.devices()[0]
        before, sum_mj = backend.sample(device), 0
        for step in range(60):
            now = float(step)
            sum_mj += backend.sample(device).power_mw or 0
        now = 60.0
        after = backend.sample(device)
        assert (after.energy_mj or 0) - (before.energy_mj or 0) == sum_mj
        assert 60 * 400_000 < sum_mj < 60 * 700_000
