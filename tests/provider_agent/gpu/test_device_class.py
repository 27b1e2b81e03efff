"""Names and memory sizes to classes."""

from __future__ import annotations

import pytest

from contracts.protocol.errors import ProtocolError
from contracts.protocol.series import device_class_hash
from provider_agent.gpu.device_class import device_class_of, mig_profile_of

MIB = 1 << 20
KNOWN = [
    ("NVIDIA H100 80GB HBM3", 81559, "nvidia/h100/80gb/sxm"),
    ("NVIDIA H100 PCIe", 81559, "nvidia/h100/80gb/pcie"),
    ("NVIDIA H100 NVL", 95830, "nvidia/h100/94gb/nvl"),
    ("NVIDIA H200", 143771, "nvidia/h200/141gb/sxm"),
    ("NVIDIA A100-SXM4-40GB", 40960, "nvidia/a100/40gb/sxm"),
    ("NVIDIA A100 80GB PCIe", 81920, "nvidia/a100/80gb/pcie"),
    ("NVIDIA L4", 23034, "nvidia/l4/24gb/pcie"),
    ("NVIDIA L40S", 46068, "nvidia/l40s/48gb/pcie"),
    ("NVIDIA A10G", 23028, "nvidia/a10g/24gb/pcie"),
    ("Tesla T4", 15360, "nvidia/t4/16gb/pcie"),
    ("Tesla V100-SXM2-16GB", 16160, "nvidia/v100/16gb/sxm"),
    ("NVIDIA GeForce RTX 4090", 24564, "nvidia/rtx-4090/24gb/pcie"),
    ("NVIDIA RTX A6000", 49140, "nvidia/rtx-a6000/48gb/pcie"),
]


@pytest.mark.parametrize(("name", "mib", "expected"), KNOWN)
def test_device_class_of__common_model__is_canonical(name: str, mib: int, expected: str) -> None:
    assert device_class_of(name, mib * MIB) == expected


@pytest.mark.parametrize(
    ("name", "mib", "expected"),
    [
        ("NVIDIA Z9000 Prototype", 5000, "nvidia/z9000-prototype/5gb/other"),
        ("NVIDIA X1-SXM9-64GB", 65000, "nvidia/x1/64gb/sxm"),
        ("Какая-то карта!", 1024, "nvidia/unknown/1gb/other"),
        ("../../etc/passwd" * 9, 1024, None),
        ("NVIDIA GeForce RTX 4090 D", 24564, "nvidia/rtx-4090-d/24gb/other"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 16376, "nvidia/rtx-4090/16gb/other"),
    ],
)
def test_device_class_of__unknown_model__is_derived_and_valid(
    name: str, mib: int, expected: str | None
) -> None:
    found = device_class_of(name, mib * MIB)
    assert len(device_class_hash(found)) == 32
    assert expected is None or found == expected


def test_device_class_of__borrowed_name__shows_the_memory_that_was_seen() -> None:
    assert device_class_of("NVIDIA H100 80GB HBM3", 24564 * MIB) == "nvidia/h100/24gb/other"


def test_device_class_of__slice__names_its_profile() -> None:
    assert (
        device_class_of("NVIDIA H100 80GB HBM3", 81559 * MIB, "1g.10gb")
        == "nvidia/h100/80gb/sxm/mig-1g.10gb"
    )


def test_device_class_of__unknown_memory__is_refused() -> None:
    with pytest.raises(ProtocolError, match="memory_bytes"):
        device_class_of("NVIDIA H100 80GB HBM3", None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "1g.10gb"),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb+me", None),
        ("NVIDIA H100 80GB HBM3 MIG 1c.3g.40gb", None),
        ("NVIDIA H100 80GB HBM3", None),
    ],
)
def test_mig_profile_of__slice_name__is_the_whole_profile_or_nothing(
    name: str, expected: str | None
) -> None:
    assert mig_profile_of(name) == expected
