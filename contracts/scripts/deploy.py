"""Put the contracts on a chain, once: ``brownie run deploy --network <id>``.

Everything comes from the environment (see ``Plan``); what was done is written to
``DEPLOYMENT_FILE``. Running it again on the same chain finds the same code at the recorded
addresses and changes nothing.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rlp
from brownie import GpuMarket, Parameters, ProviderRegistry, TestUSD, web3
from eth_account import Account

from contracts.protocol.deployment import LOCAL_CHAIN_IDS
from contracts.protocol.eip712 import checksum
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer

RECEIPT_TIMEOUT_S = 300
CONTRACTS = ("payment_token", "parameters", "registry", "market")


@dataclass(frozen=True)
class Plan:
    """What to build; each field is the environment variable of the same name in capitals."""

    deployer_key_file: Path
    deployment_file: Path
    treasury_address: str
    auditor_addresses: tuple[str, ...]
    auditor_threshold: int
    fee_bps: int
    min_bond_per_milli: int
    payment_token: str
    """Empty: deploy TestUSD, which anybody may mint."""
    start_grace: int
    freeze: int
    redeem_grace: int
    allow_simulated: bool

    @classmethod
    def from_environment(cls, chain_id: int) -> Plan:
        """Read the environment; what has no default must be set."""
        env = os.environ
        local = chain_id in LOCAL_CHAIN_IDS
        simulated = env.get("ALLOW_SIMULATED", str(local)).lower() in ("1", "true", "yes")
        if simulated and not local:
            raise SystemExit(
                f"ALLOW_SIMULATED: only on chains {sorted(LOCAL_CHAIN_IDS)}; given chain {chain_id}"
            )
        return cls(
            deployer_key_file=Path(env["DEPLOYER_KEY_FILE"]),
            deployment_file=Path(env["DEPLOYMENT_FILE"]),
            treasury_address=checksum(env["TREASURY_ADDRESS"]),
            auditor_addresses=tuple(
                checksum(a.strip()) for a in env["AUDITOR_ADDRESSES"].split(",")
            ),
            auditor_threshold=int(env.get("AUDITOR_THRESHOLD", "1")),
            fee_bps=int(env.get("FEE_BPS", "100")),
            min_bond_per_milli=int(env.get("MIN_BOND_PER_MILLI", "0")),
            payment_token=env.get("PAYMENT_TOKEN", ""),
            start_grace=int(env.get("START_GRACE", "60")),
            freeze=int(env.get("FREEZE", "600")),
            redeem_grace=int(env.get("REDEEM_GRACE", str(24 * 3600))),
            allow_simulated=simulated,
        )


def main() -> None:
    """Deploy, or say that it was done before."""
    plan = Plan.from_environment(web3.eth.chain_id)
    if stands(plan.deployment_file):
        print(f"{plan.deployment_file}: already deployed, code unchanged")
        return
    record = deploy(plan)
    plan.deployment_file.parent.mkdir(parents=True, exist_ok=True)
    partial = plan.deployment_file.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=2) + "\n")
    partial.replace(plan.deployment_file)
    print(
        f"{plan.deployment_file}: market {record['market']} from block {record['deployed_block']}"
    )


def stands(path: Path) -> bool:
    """Whether the recorded contracts are on this chain with the recorded code."""
    if not path.exists():
        return False
    record = json.loads(path.read_text())
    if record["chain_id"] != web3.eth.chain_id:
        raise SystemExit(f"{path}: of chain {record['chain_id']}; this is {web3.eth.chain_id}")
    return all(code_hash(record[name]) == record["code_hashes"][name] for name in CONTRACTS)


def deploy(plan: Plan) -> dict[str, Any]:
    """Send every contract and return the record of the deployment."""
    sender = Sender(Signer.load(plan.deployer_key_file))
    token = checked_token(plan.payment_token) if plan.payment_token else sender.create(TestUSD)
    parameters = sender.create(
        Parameters, sender.signer.address, sender.signer.address, initial_parameters(plan)
    )
    # Registry and market name each other: the market's address follows from the deployer's nonce.
    market_ahead = sender.address_after(1)
    registry = sender.create(
        ProviderRegistry, market_ahead, parameters, plan.redeem_grace, plan.allow_simulated
    )
    block = sender.settle()
    timing = (plan.start_grace, plan.freeze, plan.redeem_grace)
    market = sender.create(GpuMarket, token, registry, parameters, timing)
    sender.settle()
    addresses = dict(zip(CONTRACTS, (token, parameters, registry, market), strict=True))
    return {
        "chain_id": web3.eth.chain_id,
        "deployed_block": block,
        **addresses,
        "allow_simulated": plan.allow_simulated,
        "constants": dict(zip(("start_grace", "freeze", "redeem_grace"), timing, strict=True)),
        "fee_bps": plan.fee_bps,
        "treasury": plan.treasury_address,
        "auditors": list(plan.auditor_addresses),
        "auditor_threshold": plan.auditor_threshold,
        "min_bond_per_milli": plan.min_bond_per_milli,
        "code_hashes": {name: code_hash(address) for name, address in addresses.items()},
    }


def initial_parameters(plan: Plan) -> tuple[Any, ...]:
    """`IParameters.Initial`: no role bond, no fees of auditors and arbiters, no arbiters yet."""
    fee_and_treasury = (plan.fee_bps, plan.treasury_address)
    auditors = (list(plan.auditor_addresses), plan.auditor_threshold)
    role_bond, attestation_fee, dispute_fee, arbiters, arbiter_threshold = 0, 0, 0, (), 0
    bonds_and_fees = (plan.min_bond_per_milli, role_bond, attestation_fee, dispute_fee)
    return (*fee_and_treasury, *auditors, *bonds_and_fees, arbiters, arbiter_threshold)


class Sender:
    """Sends creations one nonce after another, and waits for them together."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self.nonce = web3.eth.get_transaction_count(signer.address)
        self.gas_price = web3.eth.gas_price * 5 // 4
        self.pending: list[bytes] = []

    def create(self, container: Any, *args: Any) -> str:
        """Send a creation; returns the address that it will have."""
        transaction = {
            "from": self.signer.address,
            "data": container.deploy.encode_input(*args),
            "nonce": self.nonce,
            "gasPrice": self.gas_price,
            "chainId": web3.eth.chain_id,
            "value": 0,
        }
        gas = web3.eth.estimate_gas(transaction) * 11 // 10
        address = self.address_after(0)
        signed = Account.sign_transaction(
            {**transaction, "gas": gas, "to": b""}, self.signer.secret_hex()
        )
        self.pending.append(web3.eth.send_raw_transaction(signed.raw_transaction))
        self.nonce += 1
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
