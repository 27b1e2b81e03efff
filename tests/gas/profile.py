"""Which instructions one more element of a batch costs: `PROFILE=redeem_warm make gas`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.gas.chain import Chain

KINDS = {
    "SLOAD": "storage read",
    "SSTORE": "storage write",
    "KECCAK256": "hashing",
    "SHA3": "hashing",
    "MLOAD": "memory",
    "MSTORE": "memory",
    "MSTORE8": "memory",
    "CALLDATALOAD": "reading calldata",
    "CALLDATACOPY": "reading calldata",
    "CALLDATASIZE": "reading calldata",
    "JUMP": "jumps",
    "JUMPI": "jumps",
    "JUMPDEST": "jumps",
}
CALLS = ("CALL", "STATICCALL", "DELEGATECALL")


def costs(chain: Chain, transaction: str, calldata: bytes) -> Counter[str]:
    """Gas of a transaction by kind of instruction; of a call only what the call itself costs."""
    options = {"disableMemory": True, "disableStack": False, "disableStorage": True}
    steps = chain.rpc("debug_traceTransaction", transaction, options)["structLogs"]
    found: Counter[str] = Counter()
    found["calldata"] = sum(16 if byte else 4 for byte in calldata)
    open_calls: list[tuple[int, int, str]] = []
    for at, step in enumerate(steps[:-1]):
        following = steps[at + 1]
        if following["depth"] > step["depth"]:
            open_calls.append((_number(step["gas"]), _number(following["gas"]), step["op"]))
            continue
        if following["depth"] < step["depth"]:
            before, given, operation = open_calls.pop()
            left = _number(step["gas"]) - _number(step["gasCost"])
            # What the frame did not use comes back.
            found[_kind({"op": operation})] += before - given - (_number(following["gas"]) - left)
            found[_kind(step)] += _number(step["gasCost"])
            continue
        found[_kind(step)] += _number(step["gas"]) - _number(following["gas"])
    return found


def _number(value: int | str) -> int:
    """Ganache writes some as numbers and some as hex."""
    return int(value, 16) if isinstance(value, str) else value


def _kind(step: dict[str, Any]) -> str:
    operation = step["op"]
    if operation in CALLS:
        return "calls, precompiles included"
    if operation.startswith("LOG"):
        return "events"
    if operation.startswith(("PUSH", "DUP", "SWAP", "POP")):
        return "stack"
    return KINDS.get(operation, "arithmetic and the rest")


def table(row: str, small: Counter[str], large: Counter[str], elements: int) -> str:
    """One line for each kind, dearest first, for one element more."""
    more = {kind: (large[kind] - small[kind]) / elements for kind in large}
    lines = [f"{row}, one element more:"]
    for kind, gas in sorted(more.items(), key=lambda item: -item[1]):
        lines.append(f"  {kind:<30}{gas:>9,.0f}")
    return "\n".join([*lines, f"  {'sum':<30}{sum(more.values()):>9,.0f}"])
