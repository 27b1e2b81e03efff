"""Devices of the NVIDIA driver, through ``nvidia-ml-py``.

Handles are looked up by UUID at every reading: they go stale when MIG is reconfigured or the driver
is loaded again.
"""

from __future__ import annotations

from dataclasses import replace

import pynvml
import structlog

from contracts.protocol.errors import ProtocolError
from provider_agent.gpu.backend import Device, GpuProcess, NoDriverError, Sample
from provider_agent.gpu.device_class import device_class_of, mig_profile_of
from provider_agent.gpu.nvml_calls import DeviceFault, Handle, Reader, reach

log = structlog.get_logger()


class NvmlBackend:
    """Real devices; raises ``NoDriverError`` where there is no driver."""

    def __init__(self) -> None:
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            raise NoDriverError(f"no usable NVIDIA driver: {error}") from error
        self._known: dict[str, Device] = {}

    @property
    def simulated(self) -> bool:
        """Never."""
        return False

    def devices(self) -> tuple[Device, ...]:
        """Whole cards, or the slices of a card in MIG mode; never both."""
        found = {device.uuid: device for device in self._enumerate()}
        for uuid, device in self._known.items():
            if uuid not in found and not self._replaced(device, found):
                found[uuid] = replace(device, healthy=False, fault=self._fault_of(uuid))
        self._known = found
        return tuple(sorted(found.values(), key=lambda device: (device.index, device.uuid)))

    def sample(self, device: Device) -> Sample:
        """Read one device now."""
        try:
            handle = reach(lambda: pynvml.nvmlDeviceGetHandleByUUID(device.uuid))
            return _sample(device, handle)
        except DeviceFault as fault:
            return Sample(uuid=device.uuid, healthy=False, fault=fault.reason)

    def close(self) -> None:
        """Let go of the driver."""
        pynvml.nvmlShutdown()

    def _enumerate(self) -> list[Device]:
        found: list[Device] = []
        for index in range(reach(pynvml.nvmlDeviceGetCount)):
            try:
                found += _describe(index, reach(_handle_at(index)))
            except DeviceFault as fault:
                # A lost card does not even tell its UUID: it is kept from an earlier round.
                log.warning("gpu.unreachable", index=index, fault=fault.reason)
            except ProtocolError as error:
                log.warning("gpu.unclassified", index=index, error=str(error))
        return found

    def _fault_of(self, uuid: str) -> str:
        try:
            reach(lambda: pynvml.nvmlDeviceGetHandleByUUID(uuid))
        except DeviceFault as fault:
            return fault.reason
        return "not listed by the driver"

    @staticmethod
    def _replaced(device: Device, found: dict[str, Device]) -> bool:
        """Whether the card now shows another face: cut into slices, made whole, cut differently."""
        card = device.parent or device.uuid
        return any(card in (other.uuid, other.parent) for other in found.values())


def _handle_at(index: int) -> Handle:
    return lambda: pynvml.nvmlDeviceGetHandleByIndex(index)


def _describe(index: int, handle: object) -> list[Device]:
    card = _card(index, handle)
    ask = Reader()
    mode = ask("mig_mode", lambda: pynvml.nvmlDeviceGetMigMode(handle))
    if mode is None or mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
        return [card]
    return _slices(card, handle)


def _card(index: int, handle: object) -> Device:
    ask = Reader()
    name = ask.required("name", lambda: pynvml.nvmlDeviceGetName(handle))
    memory = ask("memory", lambda: pynvml.nvmlDeviceGetMemoryInfo(handle, pynvml.nvmlMemory_v2))
    total = None if memory is None else int(memory.total)
    pci = ask("pci", lambda: pynvml.nvmlDeviceGetPciInfo(handle))
    capability = ask("capability", lambda: pynvml.nvmlDeviceGetCudaComputeCapability(handle))
    ecc = ask("ecc", lambda: pynvml.nvmlDeviceGetEccMode(handle))
    return Device(
        uuid=ask.required("uuid", lambda: pynvml.nvmlDeviceGetUUID(handle)),
        name=name,
        device_class=device_class_of(name, total),
        index=index,
        simulated=False,
        memory_bytes=total,
        serial=ask("serial", lambda: pynvml.nvmlDeviceGetSerial(handle)),
        vbios=ask("vbios", lambda: pynvml.nvmlDeviceGetVbiosVersion(handle)),
        board_part=ask("board_part", lambda: pynvml.nvmlDeviceGetBoardPartNumber(handle)),
        pci_bus_id=None if pci is None else pci.busId,
        pci_device_id=None if pci is None else pci.pciDeviceId,
        pci_subsystem_id=None if pci is None else pci.pciSubSystemId,
        compute_capability=None if capability is None else f"{capability[0]}.{capability[1]}",
        architecture=ask("architecture", lambda: pynvml.nvmlDeviceGetArchitecture(handle)),
        driver_version=ask("driver", pynvml.nvmlSystemGetDriverVersion),
        cuda_version=ask("cuda", pynvml.nvmlSystemGetCudaDriverVersion_v2),
        ecc_enabled=None if ecc is None else bool(ecc[0]),
        max_sm_clock_mhz=ask("max_clocks", lambda: _max_clock(handle, pynvml.NVML_CLOCK_SM)),
        max_memory_clock_mhz=ask("max_clocks", lambda: _max_clock(handle, pynvml.NVML_CLOCK_MEM)),
        power_limit_mw=ask("power_limit", lambda: pynvml.nvmlDeviceGetEnforcedPowerLimit(handle)),
        minor=ask("minor", lambda: pynvml.nvmlDeviceGetMinorNumber(handle)),
        denied=tuple(ask.denied),
    )


def _slices(card: Device, handle: object) -> list[Device]:
    ask = Reader()
    most = ask("mig_count", lambda: pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)) or 0
    found = []
    for position in range(most):
        # Positions have holes where slices were destroyed: the driver says "not found" there.
        slice_handle = ask("mig_device", _slice_handle(handle, position))
        if slice_handle is None:
            continue
        described = _slice(card, slice_handle)
        if described is not None:
            found.append(described)
    return found


def _slice_handle(handle: object, position: int) -> Handle:
    return lambda: pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, position)


def _slice(card: Device, handle: object) -> Device | None:
    ask = Reader()
    name = ask.required("name", lambda: pynvml.nvmlDeviceGetName(handle))
    uuid = ask.required("uuid", lambda: pynvml.nvmlDeviceGetUUID(handle))
    profile = mig_profile_of(name)
    if profile is None:
        log.warning("gpu.profile_not_traded", uuid=uuid, name=name)
        return None
    attributes = ask("attributes", lambda: pynvml.nvmlDeviceGetAttributes_v2(handle))
    size = None if attributes is None else int(attributes.memorySizeMB) << 20
    return replace(
        card,
        uuid=uuid,
        name=name,
        device_class=device_class_of(card.name, card.memory_bytes, profile),
        parent=card.uuid,
        mig_profile=profile,
        memory_bytes=size,
        multiprocessors=None if attributes is None else int(attributes.multiprocessorCount),
        # The limit is the whole card's; a slice has none of its own.
        power_limit_mw=None,
        denied=tuple(dict.fromkeys([*card.denied, *ask.denied])),
    )


def _sample(device: Device, handle: object) -> Sample:
    ask = Reader()
    rates = ask("utilization", lambda: pynvml.nvmlDeviceGetUtilizationRates(handle))
    memory = ask("memory", lambda: pynvml.nvmlDeviceGetMemoryInfo(handle, pynvml.nvmlMemory_v2))
    processes = ask("processes", lambda: pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    result = Sample(
        uuid=device.uuid,
        utilization_percent=None if rates is None else int(rates.gpu),
        memory_utilization_percent=None if rates is None else int(rates.memory),
        memory_used_bytes=None if memory is None else int(memory.used),
        sm_clock_mhz=ask("clocks", lambda: _clock(handle, pynvml.NVML_CLOCK_SM)),
        memory_clock_mhz=ask("clocks", lambda: _clock(handle, pynvml.NVML_CLOCK_MEM)),
        power_mw=ask("power", lambda: pynvml.nvmlDeviceGetPowerUsage(handle)),
        energy_mj=ask("energy", lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)),
        temperature_c=ask("temperature", lambda: _temperature(handle)),
        throttle_reasons=ask("throttle", lambda: _throttle_reasons(handle)),
        ecc_uncorrected=ask("ecc_errors", lambda: _ecc_uncorrected(handle)),
        processes=None if processes is None else tuple(_process(p) for p in processes),
    )
    return replace(result, denied=tuple(ask.denied))


def _process(process: object) -> GpuProcess:
    used = getattr(process, "usedGpuMemory", None)
    return GpuProcess(int(process.pid), None if used is None else int(used))  # type: ignore[attr-defined]


def _clock(handle: object, kind: int) -> int:
    return int(pynvml.nvmlDeviceGetClockInfo(handle, kind))


def _max_clock(handle: object, kind: int) -> int:
    return int(pynvml.nvmlDeviceGetMaxClockInfo(handle, kind))


def _temperature(handle: object) -> int:
    return int(pynvml.nvmlDeviceGetTemperatureV(handle, pynvml.NVML_TEMPERATURE_GPU))


def _throttle_reasons(handle: object) -> int:
    return int(pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle))


def _ecc_uncorrected(handle: object) -> int:
    return int(
        pynvml.nvmlDeviceGetTotalEccErrors(
            handle, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_VOLATILE_ECC
        )
    )
