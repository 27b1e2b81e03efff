"""What the environment decides: where the state lives and which parts are somebody else's."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

PROJECT = Path(__file__).resolve().parents[3]
"""The checkout: contracts, node_modules and the virtual environments are here."""


class StackSettings(BaseSettings):
    """A URL that is set names a real server; without one an embedded server is started."""

    gpubourse_home: Path = Path(".gpubourse")
    database_url: str | None = None
    broker_url: str | None = None
    rpc_url: str | None = None
    public_url: str | None = None
    deployment_file: Path | None = None
    operator_key_file: Path | None = None
    auditor_key_files: str | None = None
    api_port: int = Field(default=8700, ge=1, le=65535)
    auditors: int = Field(default=3, ge=1, le=16, validation_alias="GPUBOURSE_AUDITORS")


def inherited_environment() -> dict[str, str]:
    """Our own environment, which every part inherits: the one place that reads it whole."""
    return dict(os.environ)
