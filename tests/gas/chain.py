"""A Ganache of our own whose clock we set, and transactions sent one after another."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account import Account
from web3 import Web3
from web3.contract import Contract

from contracts.bindings.client import connect
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer
from contracts.scripts.suite import LIBRARIES, linked
from marketplace_api.embedded import ganache, process
from marketplace_api.embedded.node import find_node
from marketplace_api.embedded.server import LOOPBACK, Server, free_port, wait_ready

PROJECT = Path(__file__).absolute().parents[2]
ARTEFACTS = PROJECT / "contracts" / "build" / "contracts"
CLI = PROJECT / "node_modules" / "ganache" / "dist" / "node" / "cli.js"
BLOCK_GAS = 30_000_000
ETHER = 10**18
BIRTH = 1_893_456_000
"""The chain's first second, a midnight: every run signs the same bytes."""


def person(name: str) -> Signer:
    """The same key for the same name in every run."""
    return Signer(keccak(name.encode()))


@dataclass
class Chain:
    """A running chain and the nonces of whoever sent to it."""

    web3: Web3
    url: str
    nonces: dict[str, int] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    """Where the linked libraries stand."""

    def rpc(self, method: str, *parameters: Any) -> Any:
        """A call that only a development chain has."""
        answer = self.web3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
        if "error" in answer:
            raise ValueError(f"{method}: {answer['error']}")
        return answer["result"]

    def set_time(self, second: int) -> None:
        """The next block carries this second, or one just after it."""
        self.rpc("evm_setTime", second * 1000)
        self.rpc("evm_mine")

    def send(self, key: Signer, to: str | None, data: bytes | str) -> dict[str, Any]:
        """Mine one transaction and return its receipt; a revert raises."""
        if key.address not in self.nonces:
            self.rpc("evm_setAccountBalance", key.address, hex(1000 * ETHER))
            self.nonces[key.address] = self.web3.eth.get_transaction_count(key.address)
        transaction: dict[str, Any] = {
            "data": data,
            "nonce": self.nonces[key.address],
            "gas": BLOCK_GAS,
            "gasPrice": 2 * 10**9,
            "chainId": ganache.CHAIN_ID,
            "value": 0,
            "to": to or b"",
        }
        signed = Account.sign_transaction(transaction, key.secret_hex())
        hash_ = self.web3.eth.send_raw_transaction(signed.raw_transaction)
        self.nonces[key.address] += 1
        receipt = self.web3.eth.get_transaction_receipt(hash_)  # each transaction is mined at once
        if receipt["status"] != 1:
            raise ValueError(f"transaction of {key.address} reverted: {hash_.hex()}")
        return dict(receipt)

    def create(self, key: Signer, name: str, *args: Any) -> str:
        """Deploy one of the compiled contracts, linked; returns its address."""
        artefact = json.loads((ARTEFACTS / f"{name}.json").read_text())
        code = linked(artefact["bytecode"], self.libraries)
        factory = self.web3.eth.contract(abi=artefact["abi"], bytecode=code)
        data = factory.constructor(*args).data_in_transaction
        address: str = self.send(key, None, data)["contractAddress"]
        if name in LIBRARIES:
            self.libraries[name] = address
        return address

    def contract(self, name: str, address: str) -> Contract:
        """A deployed contract by its ABI."""
        abi = json.loads((ARTEFACTS / f"{name}.json").read_text())["abi"]
        return self.web3.eth.contract(address=address, abi=abi)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever happens inside is taken back."""
        nonces = dict(self.nonces)
        snapshot = self.rpc("evm_snapshot")
        try:
            yield
        finally:
            self.rpc("evm_revert", snapshot)
            self.nonces = nonces


@contextmanager
def running_chain() -> Iterator[Chain]:
    """Ganache as anybody runs it: shanghai, and no contract larger than Ethereum allows."""
    with tempfile.TemporaryDirectory(prefix="gpubourse-gas-") as folder:
        port = free_port()
        options = {
            "server.host": LOOPBACK,
            "server.port": str(port),
            "chain.chainId": str(ganache.CHAIN_ID),
            "chain.hardfork": "shanghai",
            "chain.time": str(BIRTH * 1000),
            "miner.blockGasLimit": hex(BLOCK_GAS),
            "logging.quiet": "true",
        }
        argv = [str(find_node().path), str(CLI), *(f"--{k}={v}" for k, v in options.items())]
        log = Path(folder) / "ganache.log"
        url = f"http://{LOOPBACK}:{port}"
        server = Server(process.spawn(argv, log=log), port, url, log)
        try:
            wait_ready(server, "Ganache", lambda: ganache.is_ready(url), 30)
            yield Chain(connect(url, timeout_s=120), url)
        finally:
            process.stop(server.ref)
