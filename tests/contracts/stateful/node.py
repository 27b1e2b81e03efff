"""Calls on Ganache without Brownie's transaction objects, which would take most of the time.

Mining is off while a machine runs: every call is a block of its own at the second that the test
chose. Callers are unlocked accounts, so that nobody has to sign transactions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import requests
from brownie import web3
from words import BUILD

from contracts.protocol.hashing import keccak

GAS = 25_000_000
GAS_PRICE = 2 * 10**9
SKIPPED = ("FillSkipped", "ResaleSkipped", "RedeemSkipped", "CloseSkipped")
CONTRACTS = (
    "GpuMarket", "ProviderRegistry", "Arbitration", "Resale", "Parameters", "Timelock", "TestUSD",
)  # fmt: skip


@cache
def _entries(kind: str) -> dict[str, str]:
    """Errors or events of the contracts: the hash of the signature and the name."""
    found = {}
    for contract in CONTRACTS:
        for entry in json.loads((BUILD / f"{contract}.json").read_text())["abi"]:
            if entry["type"] == kind:
                types = ",".join(map(_type, entry["inputs"]))
                found["0x" + keccak(f"{entry['name']}({types})".encode()).hex()] = entry["name"]
    return found


def _type(item: dict[str, Any]) -> str:
    """The type of a parameter in a signature: a struct is its members."""
    if not item["type"].startswith("tuple"):
        return str(item["type"])
    members = ",".join(map(_type, item["components"]))
    return f"({members}){item['type'].removeprefix('tuple')}"


@cache
def error_names() -> dict[str, str]:
    """The four bytes of each custom error, and its name."""
    return {topic[:10]: name for topic, name in _entries("error").items()}


@dataclass(frozen=True)
class Receipt:
    """What the chain says of a call."""

    error: str | None
    """Name of the error with which it reverted."""
    events: tuple[tuple[str, dict[str, Any]], ...]

    @property
    def skips(self) -> list[str]:
        """Why elements of a batch were skipped, in order."""
        return [
            error_names().get(log["data"][:10], log["data"][:10])
            for name, log in self.events
            if name in SKIPPED
        ]


class Node:
    """One connection to the test chain."""

    def __init__(self) -> None:
        self._url = str(web3.provider.endpoint_uri)
        self._session = requests.Session()
        self._session.trust_env = False  # else every request reads the environment for proxies

    def rpc(self, method: str, *params: Any) -> Any:
        answer = self._answer(method, *params)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _answer(self, method: str, *params: Any) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer: dict[str, Any] = self._session.post(self._url, json=body, timeout=120).json()
        return answer

    def unlock(self, accounts: Sequence[str]) -> None:
        """Let these send without a key, and pay their gas."""
        for account in accounts:
            self.rpc("evm_addAccount", account, "")
            self.rpc("personal_unlockAccount", account, "", 0)
            self.rpc("evm_setAccountBalance", account, hex(10**22))

    def time(self) -> int:
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def send(self, caller: str, target: str, data: str, at: int) -> Receipt:
        """Mine a block with this call alone, at this second."""
        call = {"from": caller, "to": target, "data": data, "gas": hex(GAS)}
        sent = self.rpc("eth_sendTransaction", call | {"gasPrice": hex(GAS_PRICE)})
        self._answer("evm_mine", at)  # which fails where the call reverts; its receipt says so too
        receipt = self.rpc("eth_getTransactionReceipt", sent)
        if receipt is None:
            raise RuntimeError(f"not mined: {sent}")
        if receipt["status"] == "0x1":
            names = _entries("event")
            logs = ((names.get(log["topics"][0], ""), log) for log in receipt["logs"])
            return Receipt(None, tuple(logs))
        # A call sees the time and the state of the block that the transaction failed in.
        return Receipt(self._error(self._answer("eth_call", call, "latest")), ())

    def _error(self, answer: dict[str, Any]) -> str:
        if "error" not in answer:
            return "reverted in its block and not afterwards"
        data = answer["error"].get("data") or ""
        return error_names().get(data[:10], f"{answer['error']['message']} {data}")

    def call(self, target: str, data: str) -> bytes:
        call = {"to": target, "data": data, "gas": hex(2 * GAS)}
        return bytes.fromhex(self.rpc("eth_call", call, "latest")[2:])
