"""Environments for the deploy script: on a local chain, and complete for any other."""

from __future__ import annotations

from pathlib import Path

from bourse import signer
from eth_account import Account
from nodes import fund
from web3 import Web3

from contracts.protocol.keys import Signer
from contracts.scripts.creations import Artefact, address_of_creation

PUBLIC = 4242
"""The id of a chain that is not a local one."""
Environment = dict[str, str]


def locally(folder: Path, web3: Web3) -> Environment:
    """What a local chain needs, from a new key with money."""
    key = Signer.generate()
    key.save(folder / f"{key.address}.key")
    fund(web3, key.address)
    auditors = ",".join(signer(f"auditor{i}").address for i in (1, 2, 3))
    return {
        "DEPLOYER_KEY_FILE": str(folder / f"{key.address}.key"),
        "DEPLOYMENT_FILE": str(folder / "new" / f"{key.address}.json"),
        "TREASURY_ADDRESS": signer("treasury").address,
        "AUDITOR_ADDRESSES": auditors,
        "AUDITOR_THRESHOLD": "2",
    }


def publicly(folder: Path, web3: Web3, token: str) -> Environment:
    """What any other chain needs."""
    return {
        **locally(folder, web3),
        "PAYMENT_TOKEN": token,
        "GOVERNOR_ADDRESS": signer("governor").address,
        "PAUSER_ADDRESS": signer("pauser").address,
        "ARBITER_ADDRESSES": ",".join(signer(f"arbiter{i}").address for i in (1, 2)),
        "ARBITER_THRESHOLD": "2",
        "FEE_BPS": "100",
        "MIN_BOND_PER_MILLI": "1000",
        "ROLE_BOND": "5000000",
        "ATTESTATION_FEE": "0",
        "DISPUTE_FEE": "0",
    }


def deployer(environment: Environment) -> Signer:
    """Whose key the environment names."""
    return Signer.load(Path(environment["DEPLOYER_KEY_FILE"]))


def send(web3: Web3, key: Signer, to: str | None, data: bytes = b"") -> str:
    """Send from a key and wait; returns where a contract was created."""
    nonce = web3.eth.get_transaction_count(key.address)
    transaction = {
        "to": to or b"",
        "data": data,
        "nonce": nonce,
        "gas": 5_000_000,
        "gasPrice": web3.eth.gas_price * 2,
        "chainId": web3.eth.chain_id,
        "value": 0,
    }
    signed = Account.sign_transaction(transaction, key.secret_hex())
    sent = web3.eth.send_raw_transaction(signed.raw_transaction)
    assert web3.eth.wait_for_transaction_receipt(sent, timeout=60)["status"] == 1
    return address_of_creation(key.address, nonce)


def issue_token(web3: Web3) -> str:
    """A token of 6 decimals that stands before the deployment."""
    issuer = Signer.generate()
    fund(web3, issuer.address)
    return send(web3, issuer, None, bytes.fromhex(Artefact.load("TestUSD").bytecode))
