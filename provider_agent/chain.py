"""Reads the chain over plain JSON-RPC: the agent believes a node, not the API, about its leases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from contracts.protocol.eip712 import checksum
from contracts.protocol.hashing import keccak
from contracts.protocol.series import Isolation

WORD = 32


class ChainUnreachableError(Exception):
    """The node does not answer, or not in the language; worth another try."""


@dataclass(frozen=True, slots=True)
class Position:
    """One holder's part of one series, as the market stores it."""

    units: int
    milli: int
    used: int
    end: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class ChainTerms:
    """Registered terms, as far as the agent works by them."""

    provider: str
    device_class: bytes
    isolation: Isolation
    step: int
    receipt_interval: int
    unsigned_intervals: int
    words: tuple[int, ...] = ()
    """The whole struct in the order of ``Terms.sol``."""


class ChainReader:
    """Views of the contracts. Every view names its block."""

    def __init__(self, rpc_url: str, http: httpx.Client) -> None:
        self._rpc_url = rpc_url
        self._http = http

    def chain_id(self) -> int:
        """The chain that the node serves."""
        return int(self._ask("eth_chainId", []), 16)

    def head(self) -> int:
        """The newest block."""
        return int(self._ask("eth_blockNumber", []), 16)

    def position(self, market: str, series: int, holder: str, block: int) -> Position:
        """``GpuMarket.positionOf``; zeros where there is none."""
        words = self._view(market, "positionOf(uint256,address)", block, 6, series, holder)
        units, milli, used, end, flags, _ = words
        return Position(units, milli, used, end, bool(flags & 1))

    def terms(self, registry: str, number: int, block: int) -> ChainTerms:
        """``ProviderRegistry.termsOf``; a zero provider for an unknown number."""
        words = self._view(registry, "termsOf(uint64)", block, 12, number)
        return ChainTerms(
            provider=_address(words[10]),
            device_class=words[0].to_bytes(WORD, "big"),
            isolation=Isolation(words[1]),
            step=words[2],
            receipt_interval=words[7],
            unsigned_intervals=words[8],
            words=tuple(words[:10]),
        )

    def agent_of(self, registry: str, provider: str, block: int) -> str:
        """``ProviderRegistry.agentOf``: the key that signs for a provider."""
        return _address(self._view(registry, "agentOf(address)", block, 1, provider)[0])

    def is_delegate(self, market: str, holder: str, key: str, block: int) -> bool:
        """``GpuMarket.isDelegate``: whether a key counter-signs usage for a holder."""
        return bool(self._view(market, "isDelegate(address,address)", block, 1, holder, key)[0])

    def _view(self, to: str, signature: str, block: int, words: int, *args: int | str) -> list[int]:
        # All types here are static and one word wide: a call is its words one after another.
        data = keccak(signature.encode())[:4] + b"".join(_word(argument) for argument in args)
        call = {"to": to, "data": "0x" + data.hex()}
        answer = bytes.fromhex(self._ask("eth_call", [call, hex(block)])[2:])
        if len(answer) != words * WORD:
            raise ChainUnreachableError(
                f"{signature} of {to}: {words} words wanted, {len(answer)} bytes given"
            )
        return [int.from_bytes(answer[n : n + WORD], "big") for n in range(0, len(answer), WORD)]

    def _ask(self, method: str, params: list[object]) -> str:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            response = self._http.post(self._rpc_url, json=request)
            answer: dict[str, Any] = response.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise ChainUnreachableError(f"{method}: {error!r}") from error
        result = answer.get("result")
        if not isinstance(result, str) or not result.startswith("0x"):
            raise ChainUnreachableError(f"{method}: {answer.get('error', answer)}")
        return result


def _word(value: int | str) -> bytes:
    if isinstance(value, str):
        return bytes.fromhex(value[2:]).rjust(WORD, b"\0")
    return value.to_bytes(WORD, "big")


def _address(word: int) -> str:
    return checksum("0x" + word.to_bytes(WORD, "big")[-20:].hex())
