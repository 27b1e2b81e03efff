"""Sends creations one nonce after another, notes each before, and goes on where it stopped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from eth_account import Account
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound

from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer
from contracts.scripts import record
from contracts.scripts.creations import Creation
from contracts.scripts.refusal import Refusal
from contracts.scripts.verify import code_reasons

RECEIPT_TIMEOUT_S = 300
POLL_S = 0.1
CREATION_GAS = 7_000_000
"""Enough for a contract of the largest size allowed. An estimate would fail: each creation is sent
before the ones that it depends on are mined."""
_CHECK_VALUES = ("Timelock", "Parameters", "ProviderRegistry")
"""Their constructors refuse values, and call no contract that does not stand yet."""


class Sender:
    """Carries out one journal."""

    def __init__(
        self, web3: Web3, signer: Signer, file: Path, journal: record.Json, cap: int | None
    ) -> None:
        self.web3 = web3
        self.signer = signer
        self.file = file
        """Where the journal is."""
        self.journal = journal
        self.cap = cap

    def carry_out(self, creations: tuple[Creation, ...]) -> int:
        """Send what is missing, wait for the rest; returns the block of the first creation."""
        mined = self._nonce()
        if mined < self.journal["first_nonce"]:
            raise self._refused(
                f"nonce: the chain is at {mined}, before the first of this deployment"
            )
        self._keep([creation for creation in creations if creation.nonce < mined])
        missing = [item for item in creations if item.nonce >= mined and not self._is_known(item)]
        if missing:
            self._rehearse(missing)
            price = fees(self.web3, self.cap)
            for creation in missing:
                self._send(creation, price)
        blocks = [self._wait(creation) for creation in creations]
        return min(block or self.journal["start_block"] for block in blocks)

    def _keep(self, creations: list[Creation]) -> None:
        """Go on only from what stands as it should."""
        for creation in creations:
            self._mined_in(creation)
        reasons = [reason for item in creations for reason in code_reasons(self.web3, item)]
        if reasons:
            raise self._refused(*reasons)

    def _rehearse(self, creations: list[Creation]) -> None:
        """Call what refuses values, so that a bad one costs nothing."""
        for creation in creations:
            if creation.contract not in _CHECK_VALUES:
                continue
            call = {"from": self.signer.address, "data": creation.data, "gas": CREATION_GAS}
            try:
                self.web3.eth.call(call)
            except ContractLogicError as error:
                reason = f"{creation.name}: {creation.contract} reverts: {_named(creation, error)}"
                raise self._refused(reason) from error

    def _send(self, creation: Creation, price: dict[str, int]) -> None:
        transaction = {
            **price,
            "data": creation.data,
            "nonce": creation.nonce,
            "gas": CREATION_GAS,
            "chainId": self.journal["chain_id"],
            "value": 0,
            "to": b"",
        }
        signed = Account.sign_transaction(transaction, self.signer.secret_hex())
        record.note(self.journal, creation, _hex(signed.hash))
        record.write(self.file, self.journal)
        try:
            self.web3.eth.send_raw_transaction(signed.raw_transaction)
        except Exception as error:
            # Nodes word it each in their own way; that the nonce is gone is what can be asked.
            if self._nonce() > creation.nonce and not self._is_known(creation):
                raise self._taken(creation) from error
            raise

    def _wait(self, creation: Creation) -> int | None:
        """The block of a creation; None if another transaction than ours made the same."""
        deadline = time.monotonic() + RECEIPT_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._nonce() > creation.nonce:
                return self._mined_in(creation)
            time.sleep(POLL_S)
        raise self._refused(
            f"{creation.name}: not mined after {RECEIPT_TIMEOUT_S} s; run again to wait on"
        )

    def _mined_in(self, creation: Creation) -> int | None:
        """The block of a creation whose nonce is gone; refuses whatever else took the nonce."""
        receipt = self._receipt(creation)
        if receipt is not None and receipt["status"] != 1:
            reason = f"{creation.name}: creation reverted: {_hex(receipt['transactionHash'])}"
            raise self._refused(reason)
        if receipt is None and not self.web3.eth.get_code(creation.address):
            raise self._taken(creation)
        return receipt["blockNumber"] if receipt else None

    def _taken(self, creation: Creation) -> Refusal:
        return self._refused(
            f"nonce {creation.nonce} of {self.signer.address} was used by another transaction; "
            f"{creation.name} can no longer be created at {creation.address}"
        )

    def _refused(self, *reasons: str) -> Refusal:
        return Refusal(f"{self.file}: cannot go on. {record.ANEW}", list(reasons))

    def _nonce(self) -> int:
        return self.web3.eth.get_transaction_count(self.signer.address)

    def transaction_of(self, creation: Creation) -> str | None:
        """Hash of the transaction that made it; None if it was not one of ours."""
        receipt = self._receipt(creation)
        return _hex(receipt["transactionHash"]) if receipt else None

    def _receipt(self, creation: Creation) -> Any:
        for transaction in self._noted(creation):
            try:
                return self.web3.eth.get_transaction_receipt(transaction)
            except TransactionNotFound:
                continue
        return None

    def _is_known(self, creation: Creation) -> bool:
        return any(is_known(self.web3, transaction) for transaction in self._noted(creation))

    def _noted(self, creation: Creation) -> list[str]:
        noted: list[str] = self.journal["sent"].get(creation.name, {}).get("transactions", [])
        return noted


def is_known(web3: Web3, transaction: str) -> bool:
    """Whether the node has the transaction, mined or not."""
    try:
        web3.eth.get_transaction(transaction)
    except TransactionNotFound:
        return False
    return True


def fees(web3: Web3, cap: int | None) -> dict[str, int]:
    """Price fields of a transaction in wei, with room for it to rise, at most `cap`.

    Raises `Refusal` where the chain asks for more than the cap already.
    """
    base = web3.eth.get_block("latest").get("baseFeePerGas")
    if base is None:
        least = web3.eth.gas_price
        most = least * 5 // 4
    else:
        tip = web3.eth.max_priority_fee
        least, most = base, 2 * base + tip
    if cap is not None and least > cap:
        reason = f"MAX_GAS_PRICE_GWEI: {cap} wei; the chain asks for {least} wei"
        raise Refusal("nothing more was sent; run again later:", [reason])
    most = most if cap is None else min(most, cap)
    if base is None:
        return {"gasPrice": most}
    return {"maxFeePerGas": most, "maxPriorityFeePerGas": min(tip, most)}


def _named(creation: Creation, error: ContractLogicError) -> str:
    """The custom error, by name where it is the contract's own."""
    data = error.data if isinstance(error.data, str) else ""
    for entry in creation.artefact.abi:
        if entry["type"] == "error":
            types = ",".join(item["type"] for item in entry["inputs"])
            if data.startswith("0x" + keccak(f"{entry['name']}({types})".encode())[:4].hex()):
                return str(entry["name"])
    return str(error)


def _hex(hash_: bytes) -> str:
    return "0x" + bytes(hash_).hex()
