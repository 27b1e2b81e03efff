"""GPU-ms from the monotonic clock; the tree; energy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from contracts.protocol.hashing import merkle_leaf, merkle_proof, merkle_verify
from contracts.protocol.wire import canonical_json
from provider_agent.gpu.backend import Device, Sample
from provider_agent.gpu.simulated import SimulatedBackend
from provider_agent.metering import Meter
from provider_agent.runner.driver import Usage
from tests.provider_agent.conftest import FakeClock

USAGE = Usage(5, 6, 7, 8, 9, 10)


class FakeGpu:
    """A device whose counter the test sets."""

    simulated = True

    def __init__(self) -> None:
        self.energy: Iterator[int | None] = iter(())

    def devices(self) -> tuple[Device, ...]:
        return SimulatedBackend("x").devices()

    def sample(self, device: Device) -> Sample:
        return Sample(uuid=device.uuid, energy_mj=next(self.energy, None))

    def close(self) -> None: ...


def meter(clock: FakeClock, milli: int = 1000, backend: FakeGpu | None = None) -> Meter:
    gpu = backend or FakeGpu()
    return Meter("L", milli, gpu.devices(), gpu, clock, base_gpu_ms=100)


def run_for(meter: Meter, clock: FakeClock, seconds: float) -> None:
    meter.begin()
    for _ in range(int(seconds)):
        clock.now += 1
        meter.sample("J", USAGE)
    clock.now += seconds % 1
    meter.end("J", USAGE)


@pytest.mark.parametrize(("milli", "expected"), [(1000, 3250), (250, 812), (2000, 6500)])
def test_gpu_ms__running__is_milli_times_running_time(
    clock: FakeClock, milli: int, expected: int
) -> None:
    measured = meter(clock, milli)
    run_for(measured, clock, 3.25)
    assert measured.gpu_ms == 100 + expected


def test_gpu_ms__between_jobs__stands_still(clock: FakeClock) -> None:
    measured = meter(clock)
    run_for(measured, clock, 2)
    clock.now += 1000
    run_for(measured, clock, 1)
    assert measured.gpu_ms == 100 + 3000


@pytest.mark.parametrize("jump", [-86_400, 86_400])
def test_gpu_ms__wall_clock_jumps__does_not_change(clock: FakeClock, jump: int) -> None:
    measured = meter(clock)
    measured.begin()
    clock.now += 1
    clock.offset += jump
    measured.end("J", USAGE)
    assert measured.gpu_ms == 1100


def test_drain__samples__are_under_the_root_and_counted_once(clock: FakeClock) -> None:
    measured = meter(clock)
    run_for(measured, clock, 4.5)
    taken = measured.drain()
    leaves = [merkle_leaf(canonical_json(leaf.to_json())) for leaf in taken.leaves]
    assert len(leaves) == 5
    assert merkle_verify(leaves[2], merkle_proof(leaves, 2), taken.root)
    changed = replace(taken.leaves[2], gpu_ms=taken.leaves[2].gpu_ms + 1)
    forged = merkle_leaf(canonical_json(changed.to_json()))
    assert not merkle_verify(forged, merkle_proof(leaves, 2), taken.root)
    again = measured.drain()
    assert (again.leaves, again.gpu_ms, again.root) == ((), taken.gpu_ms, bytes(32))


def test_leaf__what_a_device_does_not_tell__is_null(clock: FakeClock) -> None:
    measured = meter(clock)
    run_for(measured, clock, 1)
    device = measured.drain().leaves[0].to_json()["devices"]
    assert b'"energy_mj":null' in canonical_json(device)


def test_energy__counter_reset__counts_what_is_known(clock: FakeClock) -> None:
    gpu = FakeGpu()
    gpu.energy = iter([1000, 1500, 20, 70])
    measured = meter(clock, backend=gpu)
    run_for(measured, clock, 2.5)
    taken = measured.drain()
    assert (taken.energy_mj, taken.energy_measured) == (550, True)


@pytest.mark.parametrize(("milli", "readings"), [(1000, [1000, None, 2000]), (500, [1000, 2000])])
def test_energy__not_told_or_shared__is_not_measured(
    clock: FakeClock, milli: int, readings: list[int | None]
) -> None:
    gpu = FakeGpu()
    gpu.energy = iter(readings)
    measured = meter(clock, milli, gpu)
    run_for(measured, clock, len(readings) - 2)
    assert not measured.drain().energy_measured
