"""Who we are and which API we talk to: options, then environment, then the profile file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

from pydantic import BaseModel
from pydantic_settings import (
    BaseSettings,
    JsonConfigSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from contracts.protocol.keys import Signer
from marketplace_api.cli.problems import ExitCode, refuse
from marketplace_api.cli.selection import profile_name

DEFAULT_HOME = Path(".gpubourse")
DEFAULT_API = "http://127.0.0.1:8700"


class ClientSettings(BaseSettings):
    """Settings of the commands of a buyer or a provider."""

    model_config = SettingsConfigDict(extra="ignore")

    gpubourse_home: Path = DEFAULT_HOME
    api_url: str | None = None
    key_file: Path | None = None
    rpc_url: str | None = None
    deployment_file: Path | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment beats the profile file."""
        del dotenv_settings, file_secret_settings
        file = settings_cls.model_config.get("json_file")
        if file is None:
            return (init_settings, env_settings)
        return (init_settings, env_settings, JsonConfigSettingsSource(settings_cls))


class StoredSession(BaseModel):
    """A session that was kept for the next command."""

    api_url: str
    token: str


class Profile:
    """Everything a command needs to know of its user."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.home = settings.gpubourse_home.resolve()

    @classmethod
    def load(cls) -> Self:
        """From the environment and the chosen profile file."""
        bare = ClientSettings()
        file = _profile_file(profile_name.get(), bare.gpubourse_home)
        return cls(_with_profile(file)() if file else bare)

    @property
    def api_url(self) -> str:
        """The configured API, else the one that `gpubourse up` started in this home."""
        return self.settings.api_url or self._stack_url() or DEFAULT_API

    @property
    def key_file(self) -> Path:
        """The wallet's key file."""
        return self.settings.key_file or self.home / "keys" / "wallet.key"

    def signer(self, key_file: Path | None = None) -> Signer:
        """The wallet."""
        path = key_file or self.key_file
        try:
            return Signer.load(path)
        except OSError as error:
            refuse(
                "no-key",
                f"{path} cannot be read: {error.strerror}; make one with `gpubourse keys new`",
                field="KEY_FILE",
                limit="a key file that only its owner may read",
                given=path,
                exit_code=ExitCode.USAGE,
            )

    def token(self, wallet: str) -> str | None:
        """The kept session of a wallet with this API."""
        try:
            stored = StoredSession.model_validate_json(self._session_file(wallet).read_text())
        except (OSError, ValueError):
            return None
        return stored.token if stored.api_url == self.api_url else None

    def keep_token(self, wallet: str, token: str) -> None:
        """Keep a session for the next command."""
        path = self._session_file(wallet)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(StoredSession(api_url=self.api_url, token=token).model_dump_json())

    def drop_token(self, wallet: str) -> None:
        """Forget a session."""
        self._session_file(wallet).unlink(missing_ok=True)

    def receipt_journal(self, lease_id: str) -> Path:
        """Where the delegate remembers what it signed for a lease."""
        return self.home / "receipts" / f"{lease_id}.json"

    def _session_file(self, wallet: str) -> Path:
        return self.home / "sessions" / f"{wallet}.json"

    def _stack_url(self) -> str | None:
        try:
            state = json.loads((self.home / "stack.json").read_text())
            url = state["environment"]["PUBLIC_URL"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return str(url)


def _with_profile(file: Path) -> type[ClientSettings]:
    """Settings that also read this file."""

    class ProfileSettings(ClientSettings):
        model_config = SettingsConfigDict(extra="ignore", json_file=file)

    return ProfileSettings


def _profile_file(name: str | None, home: Path) -> Path | None:
    """A path, or a name in the home folder's ``profiles``; by default the home's own."""
    if name is None:
        default = home / "profile.json"
        return default if default.exists() else None
    path = Path(name) if "/" in name else home / "profiles" / f"{name}.json"
    if not path.exists():
        refuse(
            "no-profile",
            f"{path} does not exist",
            field="--profile",
            limit="a JSON file with api_url and key_file",
            given=name,
            exit_code=ExitCode.USAGE,
        )
    return path
