"""One table of commands: complete, honest, and cheap to show."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
from typer.testing import CliRunner

from marketplace_api.cli import main as cli
from marketplace_api.cli.main import COMMANDS, build_app

HEAVY = ("web3", "httpx", "pydantic", "sqlalchemy", "celery", "fastapi", "psycopg", "rich")


@pytest.mark.parametrize("name", COMMANDS)
def test_commands__line_of_the_help__is_the_commands_own(name: str):
    """The table repeats the first line of each command; it must not drift."""
    command = COMMANDS[name]
    found = getattr(import_module(command.module), command.attribute)
    text = found.info.help if command.is_group else found.__doc__
    assert text.strip().splitlines()[0] == command.help


def test_help__every_command__is_listed():
    """Ours, the agent's and those of the chain at the top level."""
    result = CliRunner().invoke(build_app(None), ["--help"])
    assert result.exit_code == 0
    for name in (*COMMANDS, "agent", "chain", "deposit", "withdraw", "delegate", "faucet"):
        assert f"  {name} " in result.output


def test_help__imports__nothing_heavy():
    """The help comes at once: no web3, no server, no HTTP client is imported for it."""
    code = (
        "import sys\n"
        "from marketplace_api.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "LOADED []"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["bid", "--max-price", "2"], "bid"),
        (["--profile", "bid", "ask"], "ask"),
        (["--profile=x", "logs", "-f"], "logs"),
        (["--help"], None),
        ([], None),
    ],
)
def test_wanted__first_word__is_the_command(arguments: list[str], wanted: str | None):
    """The value of an option before the command is not the command."""
    assert cli._wanted(arguments) == wanted


def test_main__unknown_command__is_a_usage_error(capsys: pytest.CaptureFixture[str]):
    """Exit code 2, as every shell tool."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["no-such-command"])
    assert ended.value.code == 2


def test_main__a_bug_of_ours__is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    """Only failures that are known by name become a message."""

    def broken(_wanted: str | None) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(cli, "build_app", broken)
    with pytest.raises(RuntimeError):
        cli.main(["orders"])
