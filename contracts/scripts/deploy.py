"""Put the contracts on a chain, once: ``brownie run deploy --network <id>``.

Everything comes from the environment (see ``Order``); what was done is written to
``DEPLOYMENT_FILE``. Running it again on the same chain finds the same code at the recorded
addresses and changes nothing.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import brownie
import rlp
from brownie import TestUSD, web3
from eth_account import Account

from contracts.protocol.deployment import LOCAL_CHAIN_IDS
from contracts.protocol.eip712 import checksum
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer
from contracts.scripts.suite import CONTRACTS, LIBRARIES, Plan, Times, build, linked

RECEIPT_TIMEOUT_S = 300
CREATION_GAS = 7_000_000
"""Enough for a contract of the largest size allowed. An estimate would fail: each creation is sent
before the ones that it depends on are mined."""
PEOPLE = {
    "TREASURY_ADDRESS": "treasury",
    "GOVERNOR_ADDRESS": "governor",
    "PAUSER_ADDRESS": "pauser",
}
NUMBERS = (
    "auditor_threshold",
    "arbiter_threshold",
    "fee_bps",
    "min_bond_per_milli",
    "role_bond",
    "attestation_fee",
    "dispute_fee",
    "timelock_delay",
)
TIMES = tuple(Times.__annotations__)


@dataclass(frozen=True)
class Order:
    """What to build, by which key, and where to write it down."""

    deployer_key_file: Path
    deployment_file: Path
    plan: Plan

    @classmethod
    def from_environment(cls, chain_id: int) -> Order:
        """Read the environment, where each field of `Plan` and `Times` has its name in capitals.

        Must be set: ``DEPLOYER_KEY_FILE``, ``DEPLOYMENT_FILE``, ``TREASURY_ADDRESS`` and
        ``AUDITOR_ADDRESSES``. Governor and pauser are the treasury where nobody is named.
        """
        env = os.environ
        treasury = checksum(env["TREASURY_ADDRESS"])
        people = {name: checksum(env.get(key, treasury)) for key, name in PEOPLE.items()}
        numbers = {name: int(env[name.upper()]) for name in NUMBERS if env.get(name.upper())}
        times = {name: int(env[name.upper()]) for name in TIMES if env.get(name.upper())}
        plan = Plan(
            **people,
            auditors=_addresses(env["AUDITOR_ADDRESSES"]),
            arbiters=_addresses(env.get("ARBITER_ADDRESSES", "")),
            **numbers,
            times=Times(**times),
            allow_simulated=_allow_simulated(chain_id),
            payment_token=checked_token(env["PAYMENT_TOKEN"]) if env.get("PAYMENT_TOKEN") else "",
        )
        return cls(Path(env["DEPLOYER_KEY_FILE"]), Path(env["DEPLOYMENT_FILE"]), plan)


def _addresses(listed: str) -> tuple[str, ...]:
    return tuple(checksum(item.strip()) for item in listed.split(",") if item.strip())


def _allow_simulated(chain_id: int) -> bool:
    local = chain_id in LOCAL_CHAIN_IDS
    wanted = os.environ.get("ALLOW_SIMULATED", str(local)).lower() in ("1", "true", "yes")
    if wanted and not local:
        raise SystemExit(
            f"ALLOW_SIMULATED: only on chains {sorted(LOCAL_CHAIN_IDS)}; given chain {chain_id}"
        )
    return wanted


def main() -> None:
    """Deploy, or say that it was done before."""
    order = Order.from_environment(web3.eth.chain_id)
    file = order.deployment_file
    if stands(file):
        print(f"{file}: already deployed, code unchanged")
        return
    record = deploy(order)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=2) + "\n")
    partial.replace(file)
    print(f"{file}: market {record['market']} from block {record['deployed_block']}")


def stands(path: Path) -> bool:
    """Whether the recorded contracts are on this chain with the recorded code."""
    if not path.exists():
        return False
    record = json.loads(path.read_text())
    if record["chain_id"] != web3.eth.chain_id:
        raise SystemExit(f"{path}: of chain {record['chain_id']}; this is {web3.eth.chain_id}")
    hashes = record.get("code_hashes", {})
    places = {**record, **record.get("libraries", {})}
    names = (*CONTRACTS, *LIBRARIES)
    return all(name in places and code_hash(places[name]) == hashes.get(name) for name in names)


def deploy(order: Order) -> dict[str, Any]:
    """Send every contract and return the record of the deployment."""
    sender, plan = Sender(Signer.load(order.deployer_key_file)), order.plan
    built = build(plan, sender.create, sender.address_after)
    block = sender.settle()
    return {
        "chain_id": web3.eth.chain_id,
        "deployed_block": block,
        **{name: built[name] for name in CONTRACTS},
        "libraries": {name: built[name] for name in LIBRARIES},
        "allow_simulated": plan.allow_simulated,
        "constants": asdict(plan.times),
        "timelock_delay": plan.timelock_delay,
        "governor": plan.governor,
        "pauser": plan.pauser,
        "fee_bps": plan.fee_bps,
        "treasury": plan.treasury,
        "auditors": list(plan.auditors),
        "auditor_threshold": plan.auditor_threshold,
        "arbiters": list(plan.arbiters),
        "arbiter_threshold": plan.arbiter_threshold,
        "min_bond_per_milli": plan.min_bond_per_milli,
        "code_hashes": {name: code_hash(address) for name, address in built.items()},
    }


class Sender:
    """Sends creations one nonce after another, and waits for them together."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self.nonce = web3.eth.get_transaction_count(signer.address)
        self.gas_price = web3.eth.gas_price * 5 // 4
        self.pending: list[bytes] = []
        self.libraries: dict[str, str] = {}

    def create(self, name: str, *args: Any) -> str:
        """Send a creation; returns the address that it will have."""
        code = linked(getattr(brownie, name).bytecode, self.libraries)
        abi = getattr(brownie, name).abi
        data = web3.eth.contract(abi=abi, bytecode=code).constructor(*args).data_in_transaction
        transaction = {
            "from": self.signer.address,
            "data": data,
            "nonce": self.nonce,
            "gasPrice": self.gas_price,
            "gas": CREATION_GAS,
            "chainId": web3.eth.chain_id,
            "value": 0,
        }
        address = self.address_after(0)
        signed = Account.sign_transaction({**transaction, "to": b""}, self.signer.secret_hex())
        self.pending.append(web3.eth.send_raw_transaction(signed.raw_transaction))
        self.nonce += 1
        if name in LIBRARIES:
            self.libraries[name] = address
        return address

    def address_after(self, creations: int) -> str:
        """Where the creation after that many more will stand."""
        seed = rlp.encode([bytes.fromhex(self.signer.address[2:]), self.nonce + creations])
        return checksum("0x" + keccak(seed)[12:].hex())

    def settle(self) -> int:
        """Wait for everything sent; returns the block of the first."""
        receipts = [receipt_of(sent) for sent in self.pending]
        failed = [r["transactionHash"].hex() for r in receipts if r["status"] != 1]
        if failed:
            raise SystemExit(f"creation reverted: {failed}")
        self.pending.clear()
        return min(receipt["blockNumber"] for receipt in receipts)


def receipt_of(sent: bytes) -> Any:
    """Wait for one transaction, asking more often than web3's default."""
    return web3.eth.wait_for_transaction_receipt(sent, timeout=RECEIPT_TIMEOUT_S, poll_latency=0.1)


def checked_token(address: str) -> str:
    """A token with other decimals than the protocol counts in would misprice everything."""
    token = web3.eth.contract(checksum(address), abi=TestUSD.abi)
    decimals = token.functions.decimals().call()
    if decimals != 6:
        raise SystemExit(f"PAYMENT_TOKEN: 6 decimals; {address} has {decimals}")
    return checksum(address)


def code_hash(address: str) -> str:
    """keccak256 of the code at an address."""
    return "0x" + keccak(bytes(web3.eth.get_code(address))).hex()
