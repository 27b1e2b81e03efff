"""The creations of a plan, known before anything is sent, and the compiled code behind each.

Addresses follow from the deployer and its first nonce alone. So one list serves to send a
deployment, to go on with one that was cut short, and to verify one that stands.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import rlp
from web3 import Web3

from contracts.protocol.eip712 import checksum
from contracts.protocol.hashing import keccak
from contracts.scripts.suite import CONTRACTS, LIBRARIES, Plan, build, linked

BUILD = Path(__file__).resolve().parents[1] / "build" / "contracts"
_ENCODER = Web3()
"""Of constructor arguments; it is connected to nothing."""
_LINK = re.compile(r"__[A-Za-z0-9]+_+")
_PUSH1, _PUSH32 = 0x60, 0x7F
WORD = 32
_FIELDS = {contract: name for name, contract in CONTRACTS.items()}


@dataclass(frozen=True)
class Artefact:
    """What the compiler made of one contract."""

    name: str
    abi: list[dict[str, Any]] = field(repr=False)
    bytecode: str = field(repr=False)
    """Hexadecimal creation code with marks for libraries."""
    runtime: str = field(repr=False)
    """Hexadecimal code that will stand on chain, with marks for libraries."""

    @classmethod
    @cache
    def load(cls, name: str) -> Artefact:
        """Read what ``brownie compile`` left in ``contracts/build``."""
        data = _built(name)
        return cls(name, data["abi"], data["bytecode"], _marked(data["deployedBytecode"]))

    @property
    def code_hash(self) -> str:
        """keccak256 of the runtime code without links and metadata.

        Metadata hashes the sources with their comments: without it the same code has the same hash
        in every commit.
        """
        return "0x" + keccak(without_metadata(unlinked(self.runtime))).hex()


@dataclass(frozen=True)
class Creation:
    """One contract of a deployment."""

    contract: str
    """Name of the artefact."""
    address: str
    nonce: int
    arguments: tuple[Any, ...]
    libraries: dict[str, str]
    """Address of each library that was created before."""

    @property
    def name(self) -> str:
        """Name in the deployment file."""
        return _FIELDS.get(self.contract, self.contract)

    @property
    def artefact(self) -> Artefact:
        """The compiled contract."""
        return Artefact.load(self.contract)

    @property
    def code(self) -> bytes:
        """Linked creation code, without arguments."""
        return bytes.fromhex(linked(self.artefact.bytecode, self.libraries))

    @property
    def data(self) -> bytes:
        """Input of the creating transaction."""
        made = _ENCODER.eth.contract(abi=self.artefact.abi, bytecode=self.code)
        return bytes.fromhex(made.constructor(*self.arguments).data_in_transaction[2:])

    @property
    def runtime(self) -> bytes:
        """Linked code as it will stand on chain, zeros where the constructor fills something in."""
        return bytes.fromhex(linked(self.artefact.runtime, self.libraries))


def creations(plan: Plan, deployer: str, first_nonce: int) -> tuple[Creation, ...]:
    """Everything that `plan` needs, in the order of nonces."""
    made: list[Creation] = []

    def address_after(more: int) -> str:
        return address_of_creation(deployer, first_nonce + len(made) + more)

    def create(contract: str, *arguments: Any) -> str:
        libraries = {item.contract: item.address for item in made if item.contract in LIBRARIES}
        address, nonce = address_after(0), first_nonce + len(made)
        made.append(Creation(contract, address, nonce, arguments, libraries))
        return address

    build(plan, create, address_after)
    return tuple(made)


def address_of_creation(sender: str, nonce: int) -> str:
    """Where the contract will stand that `sender` creates with this nonce."""
    seed = rlp.encode([bytes.fromhex(sender[2:]), nonce])
    return checksum("0x" + keccak(seed)[12:].hex())


def _built(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((BUILD / f"{name}.json").read_text())
    return data


def _marked(runtime: str) -> str:
    """Brownie names libraries in creation code, but leaves the compiler's hashes in the other."""
    for name in LIBRARIES:
        hash_ = keccak(f"{_built(name)['sourcePath']}:{name}".encode()).hex()[:34]
        runtime = runtime.replace(f"__${hash_}$__", f"__{name}".ljust(40, "_"))
    return runtime


def unlinked(code: str) -> bytes:
    """Code with zeros in the place of libraries."""
    return bytes.fromhex(_LINK.sub(lambda mark: "0" * len(mark[0]), code))


def without_metadata(code: bytes) -> bytes:
    """Code without what the compiler appends: its last two bytes count the bytes before them."""
    return code[: -2 - int.from_bytes(code[-2:], "big")]


def holes(runtime: bytes) -> list[int]:
    """Offset of each word that a constructor fills into the code.

    Immutables, and a library's own address, are pushed as 32 zero bytes. No other zero takes that
    form: the optimiser writes it shorter.
    """
    found, at = [], 0
    while at < len(runtime):
        size = runtime[at] - _PUSH1 + 1 if _PUSH1 <= runtime[at] <= _PUSH32 else 0
        if size == WORD and runtime[at + 1 : at + 1 + WORD] == bytes(WORD):
            found.append(at + 1)
        at += 1 + size
    return found
