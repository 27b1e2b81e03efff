"""Series ids and device classes: what is traded as alike.

A series id packs everything that makes units of it alike, so that a contract can read the window
from the id alone (bit 0 is the least significant)::

    bits   0- 39  start      unix seconds
    bits  40- 63  duration   seconds
    bits  64-103  ticks      price per GPU-hour in ticks of 0.001 token
    bits 104-119  step       smallest milli that moves
    bits 120-183  terms      number of the terms in the registry
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import IntEnum

from contracts.protocol.errors import ProtocolError
from contracts.protocol.hashing import keccak
from contracts.protocol.units import TICK, SeriesId

_CLASS = re.compile(r"[a-z0-9.-]+/[a-z0-9.-]+/[0-9]+gb/[a-z0-9.-]+(/mig-[0-9]g\.[0-9]+gb)?")
CLASS_MAX_LENGTH = 96


class Isolation(IntEnum):
    """How a share is fenced, weakest first; a bid never gets less than it asked."""

    ANY = 0
    """Only in a bid: whatever is offered."""
    TIMESLICE = 1
    """Kernels of several tenants take turns; memory is not fenced."""
    MPS = 2
    """Concurrent kernels under limits; memory faults are shared."""
    MIG = 3
    """A hardware slice with memory of its own."""
    DEVICE = 4
    """The whole card; the host is shared."""
    HOST = 5
    """The whole machine."""

    @property
    def divisible(self) -> bool:
        """Whether less than 1000 milli of a device may be sold."""
        return self in (Isolation.TIMESLICE, Isolation.MPS)


def parse_isolation(name: str, field: str = "isolation") -> Isolation:
    """``device`` to ``Isolation.DEVICE``; for commands, where people write the word."""
    try:
        return Isolation[name.upper()]
    except KeyError:
        known = ", ".join(member.name.lower() for member in Isolation)
        raise ProtocolError(field, f"one of {known}", name) from None


@dataclass(frozen=True, slots=True)
class Series:
    """What one token id says."""

    start: int
    duration: int
    ticks: int
    step: int
    terms: int

    @property
    def end(self) -> int:
        """First second after the window."""
        return self.start + self.duration

    @property
    def price_per_gpu_hour(self) -> int:
        """Money per GPU-hour."""
        return self.ticks * TICK

    @property
    def id(self) -> SeriesId:
        """The token id."""
        _fits("start", self.start, 40)
        _fits("duration", self.duration, 24)
        _fits("ticks", self.ticks, 40)
        _fits("step", self.step, 16)
        _fits("terms", self.terms, 64)
        return SeriesId(
            self.start
            | self.duration << 40
            | self.ticks << 64
            | self.step << 104
            | self.terms << 120
        )

    def between(self, start: int, end: int) -> Series:
        """The same price, step and terms over another window, as `split` and `merge` make it."""
        return replace(self, start=start, duration=end - start)

    @classmethod
    def from_id(cls, series_id: int) -> Series:
        """Unpack a token id; refuses ids that no fill can make."""
        if not 0 < series_id < 1 << 184:
            raise ProtocolError("series", "a positive id below 2**184", series_id)
        return cls(
            start=series_id & (1 << 40) - 1,
            duration=series_id >> 40 & (1 << 24) - 1,
            ticks=series_id >> 64 & (1 << 40) - 1,
            step=series_id >> 104 & (1 << 16) - 1,
            terms=series_id >> 120,
        )


GROUP_BITS = 104
"""Of an id, what an item of a usage group carries: start, duration, ticks."""


def group_item(series_id: int, used_gpu_ms: int) -> int:
    """An item of a usage group."""
    return series_id & (1 << GROUP_BITS) - 1 | used_gpu_ms << GROUP_BITS


def of_group_item(item: int, step: int, terms: int) -> tuple[Series, int]:
    """The series and the cumulative GPU-ms of an item of a usage group."""
    low = Series.from_id(item & (1 << GROUP_BITS) - 1)
    return replace(low, step=step, terms=terms), item >> GROUP_BITS


def device_class_hash(name: str) -> bytes:
    """The on-chain form of a canonical class name ``vendor/model/memory/form[/mig-profile]``."""
    if len(name) > CLASS_MAX_LENGTH or not _CLASS.fullmatch(name):
        raise ProtocolError(
            "device_class",
            "lower-case vendor/model/<n>gb/form[/mig-<n>g.<n>gb], e.g. nvidia/h100/80gb/sxm",
            name,
            code="unknown-class",
        )
    return keccak(name.encode())


def device_hash(uuid: str) -> bytes:
    """The on-chain identity of a device: keccak256 of its NVML UUID."""
    return keccak(uuid.encode())


def _fits(field: str, value: int, bits: int) -> None:
    if not 0 <= value < 1 << bits:
        raise ProtocolError(field, f"0 <= {field} < 2**{bits}", value)
