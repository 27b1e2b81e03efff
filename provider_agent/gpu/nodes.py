"""Which device nodes a job needs for the devices of its lease."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from contracts.protocol.errors import NotSupportedError
from provider_agent.gpu.backend import Device

_SHARED = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")


def device_nodes(devices: Sequence[Device], folder: Path = Path("/dev")) -> tuple[Path, ...]:
    """Nodes of these devices and the driver's common ones; none for simulated devices."""
    if all(device.simulated for device in devices):
        return ()
    nodes = [folder / name for name in _SHARED if (folder / name).exists()]
    for device in devices:
        if device.parent is not None or device.minor is None:
            # A slice is opened through capability nodes, which this version does not hand out.
            raise NotSupportedError("devices", device.uuid)
        nodes.append(folder / f"nvidia{device.minor}")
    return tuple(nodes)
