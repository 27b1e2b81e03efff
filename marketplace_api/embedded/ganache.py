"""The development chain: Ganache from the npm package, its database kept on disk."""

from __future__ import annotations

from pathlib import Path

import httpx

from marketplace_api.embedded import process
from marketplace_api.embedded.node import find_node
from marketplace_api.embedded.server import LOOPBACK, Server, recall, remember, wait_ready

CHAIN_ID = 1337
BLOCK_TIME_S = 1
BLOCK_GAS_LIMIT = 30_000_000
_READY_S = 30
_CLI = Path("node_modules/ganache/dist/node/cli.js")


def start(
    folder: Path, port: int, *, project: Path, mnemonic: str | None = None, log: Path | None = None
) -> Server:
    """Start the chain, or find it running, and wait until it answers.

    A mnemonic makes Ganache's own funded accounts the same every time; without one they are random.
    """
    if running := recall(folder):
        return running
    folder.mkdir(parents=True, exist_ok=True)
    log = log or folder / "ganache.log"
    argv = _command(folder, port, project, mnemonic)
    server = Server(process.spawn(argv, log=log), port, f"http://{LOOPBACK}:{port}", log)
    wait_ready(server, "Ganache", lambda: is_ready(server.url), _READY_S)
    remember(folder, server)
    return server


def is_ready(url: str) -> bool:
    """Whether a node answers at this URL."""
    try:
        return bool(call(url, "eth_chainId"))
    except (httpx.HTTPError, KeyError, ValueError):
        return False


def stop(server: Server) -> bool:
    """End the chain; its blocks stay on disk."""
    return process.stop(server.ref)


def fund(url: str, address: str, wei: int) -> None:
    """Give an address this balance, as only a development chain can."""
    if not call(url, "evm_setAccountBalance", address, hex(wei)):
        raise ValueError(f"{url} refused to fund {address}")


def call(url: str, method: str, *parameters: str) -> object:
    """One JSON-RPC call; an error of the node becomes a ValueError."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
    answer = httpx.post(url, json=request, timeout=10).json()
    if "error" in answer:
        raise ValueError(f"{method}: {answer['error'].get('message', answer['error'])}")
    result: object = answer["result"]
    return result


def _command(folder: Path, port: int, project: Path, mnemonic: str | None) -> list[str]:
    options = {
        "server.host": LOOPBACK,
        "server.port": str(port),
        "chain.chainId": str(CHAIN_ID),
        "chain.hardfork": "shanghai",
        "miner.blockTime": str(BLOCK_TIME_S),
        "miner.blockGasLimit": hex(BLOCK_GAS_LIMIT),
        "database.dbPath": str(folder.resolve() / "blocks"),
    }
    if mnemonic:
        options["wallet.mnemonic"] = mnemonic
    else:
        # Nobody has asked for Ganache's accounts, so nobody on this machine may spend from them.
        options["wallet.lock"] = "true"
    # Node itself, not a launcher, so that the process id is the one to stop.
    argv = [str(find_node().path), str(project.resolve() / _CLI)]
    return argv + [f"--{name}={value}" for name, value in options.items()]
