"""The calls of the API that an agent makes."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from contracts.protocol.errors import ProtocolError
from contracts.protocol.lifecycle import JobStatus
from contracts.protocol.typed_data import Inventory, Receipt
from contracts.protocol.wire import from_wire, to_hex, to_wire
from provider_agent.answers import JobAnswer, Market, StoredReceipt, Work
from provider_agent.receipts import SignedReceipt
from provider_agent.runner.driver import ExitReport, OutputFile
from provider_agent.transport import ApiUnreachableError, Transport

_WORK = TypeAdapter(list[Work])
_RECEIPTS = TypeAdapter(list[StoredReceipt])
_SERVER_MARGIN_S = 10.0


class MarketplaceClient:
    """The API as the agent sees it; raises ``ApiUnreachableError`` and ``ApiRefusedError``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def market(self) -> Market:
        """Where the contracts stand."""
        return Market.model_validate(self._transport.open("/v1/market").json())

    def post_inventory(self, inventory: Inventory, signature: bytes, report: object) -> str:
        """Claim devices; the id of the stored inventory."""
        body = {
            "inventory": to_wire(inventory),
            "signature": to_hex(signature),
            "report": report,
        }
        return str(self._transport.post("/v1/inventories", body).json()["id"])

    def heartbeat(self, devices: Sequence[tuple[str, bool]], leases: Sequence[str]) -> None:
        """Say that the agent lives, which devices are well and which leases it serves."""
        body = {
            "devices": [{"uuid": uuid, "healthy": healthy} for uuid, healthy in devices],
            "leases": list(leases),
        }
        self._transport.post("/v1/agent/heartbeat", body, tries=1)

    def work(self, wait_s: int) -> list[Work]:
        """Leases with open jobs; held by the API until there are some or the time is over."""
        answer = self._transport.get(
            f"/v1/agent/work?wait={wait_s}", timeout_s=wait_s + _SERVER_MARGIN_S, tries=1
        )
        try:
            return _WORK.validate_python(answer.json())
        except (ValidationError, ValueError) as error:
            raise ApiUnreachableError(f"work: {error}") from error

    def job(self, job: str) -> JobAnswer:
        """One job as it stands."""
        return JobAnswer.model_validate(self._transport.get(f"/v1/jobs/{job}", tries=1).json())

    def post_status(self, job: str, status: JobStatus, report: ExitReport | None = None) -> None:
        """Tell where a job stands, and how it ended where it did."""
        self._transport.post(f"/v1/jobs/{job}/status", _status_body(status, report))

    def post_log(self, job: str, offset: int, data: bytes) -> None:
        """Ship a piece of a job's output; the same piece twice changes nothing."""
        body = {"offset": offset, "data_base64": base64.b64encode(data).decode()}
        self._transport.post(f"/v1/jobs/{job}/log", body)

    def post_receipt(
        self, lease: str, signed: SignedReceipt, samples: Sequence[dict[str, Any]]
    ) -> None:
        """Hand in a receipt with its samples."""
        body = {
            "receipt": to_wire(signed.receipt),
            "signature": to_hex(signed.signature),
            "voucher_signature": to_hex(signed.voucher_signature),
            "samples": list(samples),
        }
        self._transport.post(f"/v1/leases/{lease}/receipts", body)

    def countersigned(self, lease: str) -> list[tuple[Receipt, str]]:
        """Receipts that the holder counter-signed, with its signatures."""
        answer = self._transport.get(f"/v1/leases/{lease}/receipts", tries=1).json()
        try:
            stored = _RECEIPTS.validate_python(answer)
            return [
                (from_wire(Receipt, item.receipt), item.holder_signature)
                for item in stored
                if item.holder_signature is not None
            ]
        except (ValidationError, ProtocolError) as error:
            raise ApiUnreachableError(f"receipts: {error}") from error

    def fetch_blob(self, sha256: str, folder: Path) -> Path:
        """A file by digest, from the cache or the API; what does not match is not kept."""
        target = folder / sha256
        if target.exists():
            return target
        content = self._transport.get(f"/v1/blobs/{sha256}", timeout_s=60.0).content
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise ProtocolError("inputs.sha256", f"content with digest {sha256}", found)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{sha256}.{os.getpid()}"
        temporary.write_bytes(content)
        return temporary.rename(target)

    def upload(self, file: OutputFile) -> None:
        """Store a file that a job left."""
        self._transport.put(f"/v1/blobs/{file.sha256}", file.source.read_bytes())


def _status_body(status: JobStatus, report: ExitReport | None) -> dict[str, object]:
    if report is None:
        return {"status": status.value}
    return {
        "status": status.value,
        "exit_code": report.code,
        "reason": report.reason.value,
        "peak_memory_bytes": report.usage.memory_peak_bytes,
        "cpu_seconds": report.usage.cpu_us / 1_000_000,
        "outputs": [
            {"path": file.path, "sha256": file.sha256, "size": file.size} for file in report.outputs
        ],
    }
