"""Put the contracts on the chain and the tables into the database, once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.protocol.deployment import Deployment
from contracts.protocol.errors import ProtocolError
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.settings import PROJECT
from marketplace_api.embedded import ganache, process

NETWORK = "gpubourse"
_BROWNIE = PROJECT / "contracts" / "toolchain" / "brownie"
_TIMEOUT_S = 300


class StepError(RuntimeError):
    """A command of the start-up that failed; the message ends with its output."""


def is_deployed(deployment_file: Path, rpc_url: str) -> bool:
    """Whether the file exists and its contracts have code on this chain."""
    try:
        deployment = Deployment.load(deployment_file)
    except (FileNotFoundError, ProtocolError):
        return False
    addresses = (deployment.payment_token, deployment.registry, deployment.market)
    codes = [ganache.call(rpc_url, "eth_getCode", address, "latest") for address in addresses]
    return all(code not in ("0x", "0x0", None) for code in codes)


def deploy(home: Home, environment: Mapping[str, str]) -> None:
    """Run the deploy script with Brownie, on artefacts that were compiled at installation."""
    _write_network(home, environment)
    command = [str(_BROWNIE), "run", "deploy", "--network", NETWORK]
    extra = {
        "BROWNIE_HOME": str(home.root / "brownie-deploy"),
        "DEPLOYER_KEY_FILE": environment["OPERATOR_KEY_FILE"],
    }
    _run(command, {**environment, **extra}, home.log("deploy"))


def migrate(home: Home, environment: Mapping[str, str]) -> None:
    """Bring the database to the newest revision."""
    settings = PROJECT / "marketplace_api" / "alembic.ini"
    command = [sys.executable, "-m", "alembic", "-c", str(settings), "upgrade", "head"]
    _run(command, environment, home.log("migrate"))


def _write_network(home: Home, environment: Mapping[str, str]) -> None:
    """Brownie takes a live network from its own folder only, never from the project's settings."""
    folder = home.root / "brownie-deploy" / ".brownie"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network-config.yaml").write_text(
        f"""live:
  - name: GPU Bourse
    networks:
      - id: {NETWORK}
        name: the settlement chain
        host: {environment["RPC_URL"]}
        chainid: {environment["CHAIN_ID"]}
development: []
"""
    )


def _run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as sink:
        result = subprocess.run(
            command,
            cwd=PROJECT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_S,
            check=False,
        )
    if result.returncode != 0:
        name = " ".join(command[-3:])
        lines = [f"{name} ended with {result.returncode}; the end of {log}:"]
        raise StepError("\n".join([*lines, *process.last_lines(log)]))
