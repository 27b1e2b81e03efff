"""Put the contracts on the chain and the tables into the database, once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.protocol.deployment import LOCAL_CHAIN_IDS, Deployment
from contracts.protocol.errors import ProtocolError
from marketplace_api.cli.stack.errors import StepError
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.keys import ActorKeys
from marketplace_api.cli.stack.settings import PROJECT
from marketplace_api.embedded import ganache, process

NETWORK = "gpubourse"
_BROWNIE = PROJECT / "contracts" / "toolchain" / "brownie"
_TIMEOUT_S = 300
_LOCAL_TIMES = {
    "START_GRACE": "15",
    "FREEZE": "10",
    "REDEEM_GRACE": "10",
    "CHALLENGE": "10",
    "RESPONSE": "10",
    "VERDICT": "20",
    "TIMELOCK_DELAY": "10",
}
"""In seconds; with the hours and days of a real market nobody would see a lease close."""


def is_deployed(deployment_file: Path, rpc_url: str) -> bool:
    """Whether the file exists and its contracts have code on this chain."""
    try:
        deployment = Deployment.load(deployment_file)
    except (FileNotFoundError, ProtocolError):
        return False
    addresses = (deployment.payment_token, deployment.registry, deployment.market)
    codes = [ganache.call(rpc_url, "eth_getCode", address, "latest") for address in addresses]
    return all(code not in ("0x", "0x0", None) for code in codes)


def deploy(home: Home, keys: ActorKeys, environment: Mapping[str, str]) -> None:
    """Run the deploy script with Brownie, on artefacts that were compiled at installation."""
    _write_network(home, environment)
    command = [str(_BROWNIE), "run", "deploy", "--network", NETWORK]
    local = int(environment["CHAIN_ID"]) in LOCAL_CHAIN_IDS
    defaults = {
        "DEPLOYER_KEY_FILE": environment["OPERATOR_KEY_FILE"],
        "TREASURY_ADDRESS": keys.treasury_address(),
        "AUDITOR_ADDRESSES": ",".join(keys.auditor_addresses()),
        "AUDITOR_THRESHOLD": str(len(keys.auditors) // 2 + 1),
        **(_LOCAL_TIMES if local else {}),
    }
    home_of_brownie = {"BROWNIE_HOME": str(home.root / "brownie-deploy")}
    _run(command, {**defaults, **environment, **home_of_brownie}, home.log("deploy"))


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
