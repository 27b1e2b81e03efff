"""Rules of an inventory, and the evidence kept of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.protocol.eip712 import Domain
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer
from contracts.protocol.typed_data import Inventory
from contracts.protocol.wire import canonical_hash
from settlement.audit import evidence
from settlement.audit.report import parse_report
from settlement.audit.rules import Statement, check
from settlement.outcome import Failed

OWNER, AGENT, STRANGER = (Signer(bytes([n]) * 32) for n in range(1, 4))
DOMAIN = Domain(1337, Signer(b"\x09" * 32).address)
DEVICE: dict[str, object] = {
    "uuid": "GPU-1",
    "device_class": "nvidia/h100/80gb/sxm",
    "simulated": False,
    "memory_bytes": 80 << 30,
}
SLICE = DEVICE | {
    "device_class": "nvidia/h100/80gb/sxm/mig-1g.10gb",
    "memory_bytes": 10 << 30,
    "parent": "GPU-0",
}


def statement(
    *devices: dict[str, object], signer: Signer = AGENT, simulated: bool = False
) -> Statement:
    """Right unless its devices are wrong."""
    report = {"devices": list(devices)}
    inventory = Inventory(
        provider=OWNER.address,
        agent=AGENT.address,
        sequence=1,
        issued_at=1,
        devices=len(devices),
        report=canonical_hash(report),
        simulated=simulated,
    )
    return Statement(
        inventory=inventory,
        report=parse_report(report),
        report_json=report,
        signature=signer.sign(inventory, DOMAIN),
        registered_agent=AGENT.address,
        allow_simulated=False,
        domain=DOMAIN,
    )


@pytest.mark.parametrize("device", [DEVICE, SLICE, DEVICE | {"lane_milli": 250}])
def test_check__plausible__passes(device: dict[str, object]) -> None:
    """Whole, sliced, shared."""
    check(statement(device))


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (statement(DEVICE, signer=STRANGER), "bad-signature"),
        (replace(statement(DEVICE), registered_agent=STRANGER.address), "foreign-agent"),
        (replace(statement(DEVICE), registered_agent=None), "foreign-agent"),
        (replace(statement(DEVICE), report_json={"devices": []}), "report-mismatch"),
        (replace(statement(DEVICE), report=parse_report({"devices": []})), "device-count"),
        (statement(DEVICE, DEVICE), "device-repeated"),
        (statement(DEVICE, simulated=True), "simulated-mismatch"),
        (statement(DEVICE | {"simulated": True}, simulated=True), "simulated-refused"),
        (statement(DEVICE | {"device_class": "h100"}), "unknown-class"),
        (statement(DEVICE | {"parent": "GPU-0"}), "slice-mismatch"),
        (statement(SLICE | {"parent": None}), "slice-mismatch"),
        (statement(SLICE | {"lane_milli": 500}), "bad-lane"),
        (statement(DEVICE | {"lane_milli": 300}), "bad-lane"),
        (statement(DEVICE | {"memory_bytes": 40 << 30}), "memory-implausible"),
        (statement(DEVICE | {"memory_bytes": 94 << 30}), "memory-implausible"),
        (statement(SLICE | {"memory_bytes": 80 << 30}), "memory-implausible"),
        (statement(DEVICE | {"memory_bytes": None}), "memory-unknown"),
    ],
)
def test_check__implausible__fails_with_a_code(bad: Statement, code: str) -> None:
    """Auditors sign nothing of it."""
    with pytest.raises(Failed) as caught:
        check(bad)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "report", [None, {}, {"devices": [{}]}, {"devices": [DEVICE] * 65}, {"devices": 3}]
)
def test_parse_report__malformed__names_the_place(report: object) -> None:
    """By its path."""
    with pytest.raises(Failed, match="report"):
        parse_report(report)


def test_evidence__stored_twice__is_one_file_named_by_its_hash(tmp_path: Path) -> None:
    """Content-addressed, and nothing else is left."""
    bundle = {"b": 1, "a": "x"}
    hash_ = evidence.store(tmp_path, bundle)
    assert evidence.store(tmp_path, dict(reversed(bundle.items()))) == hash_
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert file == evidence.path_of(tmp_path, hash_)
    assert keccak(file.read_bytes()) == hash_
    assert json.loads(file.read_text()) == bundle
