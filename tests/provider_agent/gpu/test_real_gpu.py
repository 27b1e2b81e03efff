"""On a machine with an NVIDIA card: ``pytest -m gpu``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.protocol.lifecycle import ExitReason
from contracts.protocol.series import device_class_hash
from provider_agent.gpu.nodes import device_nodes
from provider_agent.gpu.nvml import NvmlBackend
from tests.provider_agent.conftest import Boxes

pytestmark = pytest.mark.gpu

COUNT_CARDS = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
count = ctypes.c_int()
print("init", cuda.cuInit(0), "count", cuda.cuDeviceGetCount(ctypes.byref(count)), count.value)
"""


@pytest.fixture
def real() -> Iterator[NvmlBackend]:
    backend = NvmlBackend()
    yield backend
    backend.close()


def test_devices__real_driver__are_described_and_classified(real: NvmlBackend) -> None:
    devices = real.devices()
    assert devices
    for device in devices:
        assert not device.simulated
        assert device.healthy, device.fault
        assert device.uuid.startswith(("GPU-", "MIG-"))
        assert len(device_class_hash(device.device_class)) == 32
        assert device.memory_bytes
        assert device.driver_version


def test_sample__real_driver__stays_inside_its_limits(real: NvmlBackend) -> None:
    for device in real.devices():
        first, second = real.sample(device), real.sample(device)
        assert first.healthy, first.fault
        if first.power_mw is not None and device.power_limit_mw is not None:
            assert 0 < first.power_mw <= 1.1 * device.power_limit_mw
        if first.energy_mj is not None and second.energy_mj is not None:
            assert second.energy_mj >= first.energy_mj


def test_job__with_the_nodes_of_its_lease__reaches_the_card(
    real: NvmlBackend, boxes: Boxes
) -> None:
    devices = real.devices()[:1]
    report, log = boxes.run(COUNT_CARDS, device_nodes=device_nodes(devices))
    assert (report.code, report.reason) == (0, ExitReason.EXIT), log
    assert log.split() == ["init", "0", "count", "0", "1"]


def test_job__without_them__reaches_none(real: NvmlBackend, boxes: Boxes) -> None:
    report, log = boxes.run(COUNT_CARDS)
    assert (report.code, report.reason) == (0, ExitReason.EXIT), log
    assert log.split()[-1] == "0"
