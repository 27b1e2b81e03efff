"""What each error of NVML means to the agent, in one place.

==========================================  ==================================================
not supported, function not found,          the field is unknown: ``None``
not found, deprecated, version mismatch
no permission                               ``None``, and the feature is listed as denied
GPU lost, reset required                    the device is unhealthy
driver/library mismatch                     the agent must be restarted
unknown, time-out, operating system, ...    asked again with back-off, then unhealthy
==========================================  ==================================================
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pynvml

from provider_agent.gpu.backend import DriverReplacedError

T = TypeVar("T")
Handle = Callable[[], object]

_UNKNOWN_FIELD = frozenset(
    {
        pynvml.NVML_ERROR_NOT_SUPPORTED,
        pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
        pynvml.NVML_ERROR_NOT_FOUND,
        pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
        pynvml.NVML_ERROR_DEPRECATED,
        pynvml.NVML_ERROR_NO_DATA,
    }
)
_FAULTS = {
    pynvml.NVML_ERROR_GPU_IS_LOST: "gpu-lost",
    pynvml.NVML_ERROR_RESET_REQUIRED: "reset-required",
    pynvml.NVML_ERROR_GPU_NOT_FOUND: "gpu-not-found",
}
_TRIES = 3
_BACK_OFF_S = 0.02


class DeviceFault(Exception):  # noqa: N818 - the device's fault, no error of the program
    """The device does not answer any more."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Reader:
    """Asks for fields of one device; remembers what the driver refused to tell."""

    def __init__(self) -> None:
        self.denied: list[str] = []

    def __call__(self, feature: str, call: Callable[[], T]) -> T | None:
        """The answer, or None for none; raises ``DeviceFault`` where the device is gone."""
        try:
            return _patiently(call)
        except pynvml.NVMLError as error:
            if error.value == pynvml.NVML_ERROR_NO_PERMISSION:
                if feature not in self.denied:
                    self.denied.append(feature)
                return None
            if error.value in _UNKNOWN_FIELD:
                return None
            raise DeviceFault(_reason(error)) from error

    def required(self, feature: str, call: Callable[[], T]) -> T:
        """An answer without which there is no device."""
        answer = self(feature, call)
        if answer is None:
            raise DeviceFault(f"no-{feature}")
        return answer


def reach(call: Callable[[], T]) -> T:
    """An answer about the device as a whole; every error means that it cannot be reached."""
    try:
        return _patiently(call)
    except pynvml.NVMLError as error:
        raise DeviceFault(_reason(error)) from error


def _patiently(call: Callable[[], T]) -> T:
    for attempt in range(1, _TRIES + 1):
        try:
            return call()
        except pynvml.NVMLError as error:
            if error.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
                raise DriverReplacedError(
                    "the NVIDIA driver was replaced while the agent ran: restart the agent"
                ) from error
            if attempt == _TRIES or not _may_pass(error):
                raise
        time.sleep(_BACK_OFF_S * attempt)
    raise AssertionError("the loop returns or raises")


def _may_pass(error: pynvml.NVMLError) -> bool:
    settled = _UNKNOWN_FIELD | _FAULTS.keys() | {pynvml.NVML_ERROR_NO_PERMISSION}
    return error.value not in settled


def _reason(error: pynvml.NVMLError) -> str:
    return _FAULTS.get(error.value) or f"nvml-error-{error.value}"
