"""Settings of every settlement process, read once in its main."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts.protocol.deployment import Deployment
from contracts.protocol.keys import Signer


class SettlementSettings(BaseSettings):
    """Names are those of the environment."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: str
    broker_url: str = "redis://127.0.0.1:6379/0"
    rpc_url: str
    deployment_file: Path
    operator_key_file: Path
    auditor_key_files: Annotated[tuple[Path, ...], NoDecode] = ()
    gpubourse_home: Path
    confirmations: int = Field(default=1, ge=1)
    """1: the block that holds the transaction."""

    poll_s: float = Field(default=0.2, gt=0)
    """Pause between two looks at the chain."""
    outbox_lease_s: int = Field(default=10, ge=2)
    """After this long an unfinished outbox row is given to another worker."""
    batch_max: int = Field(default=50, ge=1)
    """Most fills, vouchers or closings of one transaction."""
    gas_margin_percent: int = Field(default=120, ge=100)
    tip_wei: int = Field(default=1_000_000_000, ge=0)
    """Priority fee where the node proposes none."""
    replace_after_s: int = Field(default=30, ge=1)
    """A transaction that is not mined by then is replaced by one with higher fees."""
    max_fee_wei: int = Field(default=500_000_000_000, ge=1)
    """Most that a unit of gas may cost; nothing is signed or replaced above it."""
    reconcile_s: int = Field(default=60, ge=1)
    attestation_s: int = Field(default=30 * 24 * 3600, ge=3600)
    """How long an attested device may be sold before it is looked at again."""

    @field_validator("auditor_key_files", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    def deployment(self) -> Deployment:
        """Where the contracts stand."""
        return Deployment.load(self.deployment_file)

    def operator(self) -> Signer:
        """The key that sends every transaction."""
        return Signer.load(self.operator_key_file)

    def auditors(self) -> tuple[Signer, ...]:
        """The keys that sign attestations."""
        return tuple(Signer.load(path) for path in self.auditor_key_files)

    @property
    def evidence_folder(self) -> Path:
        """Content-addressed evidence bundles."""
        return self.gpubourse_home / "evidence"
