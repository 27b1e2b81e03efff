"""A home folder with a key, and the API in memory behind every command."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from contracts.protocol.keys import Signer
from marketplace_api.cli import main as cli
from marketplace_api.client import Bourse
from tests.marketplace_api.client.fake_api import FakeApi

BUYER = Signer(b"\x01" * 32)
Run = Callable[..., "Result"]


class Result:
    """What a command left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self) -> dict[str, object]:
        """The object that was printed."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, object]]:
        """The events that were printed."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with the buyer's key; no setting of ours leaks in."""
    for name in ("API_URL", "KEY_FILE", "RPC_URL", "DEPLOYMENT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GPUBOURSE_HOME", str(tmp_path))
    BUYER.save(tmp_path / "keys" / "wallet.key")
    return tmp_path


@pytest.fixture
def api(home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """Every client that a command makes talks to this one."""
    made = FakeApi(holder=BUYER)
    client = partial(Bourse, handler=made.transport(), sleep=lambda _: None)
    monkeypatch.setattr("marketplace_api.cli.wallet.Bourse", client)
    monkeypatch.setattr("marketplace_api.cli.commands.session.Bourse", client)
    return made


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def invoke(*arguments: str | Path) -> Result:
        capsys.readouterr()
        try:
            cli.main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return invoke
