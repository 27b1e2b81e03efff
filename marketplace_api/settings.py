"""What the API is told by its environment; read once when the process starts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Environment of one API process. The names are upper-case in the environment."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: str
    """``postgresql+psycopg://...`` of PostgreSQL 15 or newer."""
    deployment_file: Path
    """Where the contracts stand, as the deploy script wrote it."""
    operator_key_file: Path
    """Signs acknowledgements; never moves anybody's money."""
    public_url: str = "http://127.0.0.1:8700"
    """What people and wallets see; logins are bound to its host."""
    rpc_url: str = "http://127.0.0.1:8545"
    """Only told to clients: the API itself never calls the chain."""
    gpubourse_home: Path = Path(".gpubourse")
    """State folder: blobs live in ``blobs`` below it."""

    run_matcher: bool = True
    """Whether this process may become the matching leader."""
    session_ttl_s: int = Field(default=12 * 3600, gt=0)
    nonce_ttl_s: int = Field(default=300, gt=0)
    heartbeat_ttl_s: int = Field(default=10, gt=0)
    """A provider counts as online for this long after a heartbeat."""
    max_body_bytes: int = Field(default=1 << 20, gt=0)
    max_blob_bytes: int = Field(default=64 << 20, gt=0)
    rate_per_s: float = Field(default=100.0, gt=0)
    """Requests a second that one wallet or, without a session, one address may keep up."""
    rate_burst: int = Field(default=400, gt=0)
    database_pool: int = Field(default=20, gt=0)

    @field_validator("public_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @property
    def domain(self) -> str:
        """Host and port that a login message must name."""
        return urlsplit(self.public_url).netloc

    @property
    def blob_folder(self) -> Path:
        """Where blobs are kept."""
        return self.gpubourse_home / "blobs"
