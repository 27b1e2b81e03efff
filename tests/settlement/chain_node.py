"""A Ganache of the test run's own, and contracts deployed on it from the compiler's output."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from web3 import Web3

from contracts.bindings.client import connect
from contracts.protocol.deployment import Constants, Deployment
from contracts.protocol.keys import Signer
from contracts.scripts.suite import CONTRACTS, LIBRARIES, Plan, Times, build, linked
from marketplace_api.embedded import ganache, process
from marketplace_api.embedded.node import find_node
from marketplace_api.embedded.process import ProcessRef
from marketplace_api.embedded.server import LOOPBACK, Server, free_port, wait_ready

PROJECT = Path(__file__).parents[2]
ARTEFACTS = PROJECT / "contracts" / "build" / "contracts"
CLI = PROJECT / "node_modules" / "ganache" / "dist" / "node" / "cli.js"
START_GRACE, FREEZE, REDEEM_GRACE = 8, 5, 2
STAGE_S = 40
TIMES = Times(
    START_GRACE, FREEZE, REDEEM_GRACE, challenge=STAGE_S, response=STAGE_S, verdict=STAGE_S
)
FEE_BPS = 100
DISPUTE_FEE = 1_001
ETHER = 10**18


@dataclass(frozen=True)
class Node:
    """A running chain."""

    ref: ProcessRef
    url: str
    web3: Web3

    def rpc(self, method: str, *parameters: Any) -> Any:
        """A call that only a development chain has."""
        return ganache.call(self.url, method, *parameters)

    def fund(self, address: str) -> None:
        """Give an address gas money."""
        ganache.fund(self.url, address, 100 * ETHER)

    def mine(self, blocks: int = 1) -> None:
        """Empty blocks."""
        for _ in range(blocks):
            self.rpc("evm_mine")

    def send(self, key: Signer, to: str | None, data: bytes) -> Any:
        """Send as a user does, and wait for the receipt; reverts raise."""
        transaction: dict[str, Any] = {
            "from": key.address,
            "data": data,
            "nonce": self.web3.eth.get_transaction_count(key.address),
            "gas": 8_000_000,
            "maxFeePerGas": 100 * 10**9,
            "maxPriorityFeePerGas": 10**9,
            "chainId": ganache.CHAIN_ID,
            "value": 0,
        }
        if to is not None:
            transaction["to"] = to
            self.web3.eth.call(transaction)
        signed = Account.sign_transaction(transaction, key.secret_hex())
        hash_ = self.web3.eth.send_raw_transaction(signed.raw_transaction)
        receipt = self.web3.eth.wait_for_transaction_receipt(hash_, timeout=20, poll_latency=0.02)
        assert receipt["status"] == 1
        return receipt


def start(folder: Path, block_time_s: int = 0) -> Node:
    """Start a chain; without a block time it mines each transaction at once."""
    port = free_port()
    options = {
        "server.host": LOOPBACK,
        "server.port": str(port),
        "chain.chainId": str(ganache.CHAIN_ID),
        "chain.hardfork": "shanghai",
        "miner.blockGasLimit": hex(ganache.BLOCK_GAS_LIMIT),
        "wallet.lock": "true",
        "logging.quiet": "true",
        "miner.blockTime": str(block_time_s),
    }
    argv = [str(find_node().path), str(CLI), *(f"--{k}={v}" for k, v in options.items())]
    log = folder / "ganache.log"
    url = f"http://{LOOPBACK}:{port}"
    server = Server(process.spawn(argv, log=log), port, url, log)
    wait_ready(server, "Ganache", lambda: ganache.is_ready(url), 30)
    return Node(server.ref, url, connect(url))


def deploy(
    node: Node, treasury: str, auditors: tuple[str, ...], arbiters: tuple[str, ...] = ()
) -> Deployment:
    """Deploy everything as the deploy script does."""
    deployer = Signer.generate()
    node.fund(deployer.address)
    plan = Plan(
        governor=deployer.address,
        pauser=deployer.address,
        treasury=treasury,
        auditors=auditors,
        auditor_threshold=2,
        arbiters=arbiters,
        arbiter_threshold=len(arbiters),
        dispute_fee=DISPUTE_FEE,
        fee_bps=FEE_BPS,
        times=TIMES,
        allow_simulated=True,
    )
    before = node.web3.eth.block_number
    libraries: dict[str, str] = {}

    def create(name: str, *args: Any) -> str:
        address = _create(node, deployer, name, libraries, *args)
        if name in LIBRARIES:
            libraries[name] = address
        return address

    def address_after(creations: int) -> str:
        nonce = node.web3.eth.get_transaction_count(deployer.address)
        return _address_of(deployer.address, nonce + creations)

    built = build(plan, create, address_after)
    return Deployment(
        chain_id=ganache.CHAIN_ID,
        deployed_block=before + 1,
        **{name: built[name] for name in CONTRACTS},
        treasury=treasury,
        fee_bps=FEE_BPS,
        min_bond_per_milli=0,
        auditor_threshold=2,
        auditors=auditors,
        allow_simulated=True,
        constants=Constants(*TIMES.as_tuple()),
    )


def write(deployment: Deployment, path: Path) -> Path:
    """The file that processes read."""
    record = {name: getattr(deployment, name) for name in deployment.__slots__}
    constants = deployment.constants
    record["constants"] = {name: getattr(constants, name) for name in constants.__slots__}
    path.write_text(json.dumps(record))
    return path


def _create(node: Node, deployer: Signer, name: str, libraries: dict[str, str], *args: Any) -> str:
    artefact = json.loads((ARTEFACTS / f"{name}.json").read_text())
    code = linked(artefact["bytecode"], libraries)
    contract = node.web3.eth.contract(abi=artefact["abi"], bytecode=code)
    data = contract.constructor(*args).data_in_transaction
    address: str = node.send(deployer, None, bytes.fromhex(data[2:]))["contractAddress"]
    return Web3.to_checksum_address(address)


def _address_of(sender: str, nonce: int) -> str:
    from eth_utils import to_bytes
    from rlp import encode

    raw = Web3.keccak(encode([to_bytes(hexstr=sender), nonce]))
    return Web3.to_checksum_address(raw[-20:].hex())
