"""`Arbitration`: data of its calls and answers of its views."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from web3 import Web3
from web3.contract import Contract

from contracts.bindings.contract import bind, encode, view
from contracts.bindings.tuples import as_tuple
from contracts.protocol.typed_data import Receipt, Verdict, Voucher


class CaseKind(IntEnum):
    """What an open case is about."""

    NONE = 0
    """No case is open."""
    USAGE = 1
    """The provider claims usage that the holder's side did not sign."""
    NO_SHOW = 2
    """The holder's side says that the lease is not served."""


class Outcome(IntEnum):
    """How a case ended; the first four are verdicts."""

    NONE = 0
    """It did not."""
    HONEST = 1
    """The claimed usage is paid; the claim bond goes to arbiters and provider."""
    FAULT = 2
    """Nothing is paid; what was not served counts as missed."""
    FRAUD = 3
    """Nothing is paid; the provider's bond is slashed."""
    INCONCLUSIVE = 4
    """Half is paid; the claim bond pays the arbiters."""
    UNCHALLENGED = 5
    """The claimed usage is paid."""
    UNANSWERED = 6
    """As fault, without arbiters."""
    SILENT = 7
    """The arbiters said nothing: half is paid."""
    AGREED = 8
    """Both sides signed a final voucher meanwhile."""
    PROVEN = 9
    """The provider's agent contradicted itself: as fraud, without arbiters."""


@dataclass(frozen=True, slots=True)
class CaseState:
    """The open case of a lease, and what stays of earlier ones."""

    number: int
    kind: int
    disputed: bool
    slashed: bool
    deadline: int
    base: int
    target: int
    claimant: str
    bond: int
    dispute_fee: int
    role_bond: int


class Arbitration:
    """Calls encode to data; views read at a block."""

    def __init__(self, web3: Web3, address: str) -> None:
        self.address = address
        self.contract: Contract = bind(web3, address, "Arbitration")

    def claim_usage(self, voucher: Voucher, agent_signature: bytes) -> bytes:
        """Claim usage by the agent's word alone; the provider's or its agent's call."""
        return self._encode("claimUsage", as_tuple(voucher), agent_signature)

    def answer(self, evidence: bytes, voucher: Voucher, agent_signature: bytes = b"") -> bytes:
        """Dispute a no-show claim; with a signature the voucher's usage is claimed too."""
        series, holder = voucher.series, voucher.holder
        return self._encode("answer", series, holder, evidence, as_tuple(voucher), agent_signature)

    def release(self, series: int, holder: str, evidence: bytes) -> bytes:
        """End a lease now, because the holder's side no longer signs; the provider's call."""
        return self._encode("release", series, holder, evidence)

    def interrupt(self, series: int, holder: str) -> bytes:
        """End an interruptible lease after its notice; the provider's call."""
        return self._encode("interrupt", series, holder)

    def challenge(self, series: int, holder: str, evidence: bytes) -> bytes:
        """Dispute claimed usage, with a bond; the call of the holder's side."""
        return self._encode("challenge", series, holder, evidence)

    def claim_no_show(self, series: int, holder: str, evidence: bytes) -> bytes:
        """Say that a lease is not served, with a bond; the call of the holder's side."""
        return self._encode("claimNoShow", series, holder, evidence)

    def decide(self, verdict: Verdict, signatures: tuple[bytes, ...]) -> bytes:
        """End a disputed case by its arbiters' signatures; anybody's call."""
        return self._encode("decide", as_tuple(verdict), list(signatures))

    def resolve(self, series: int, holder: str) -> bytes:
        """End a case whose stage is over; anybody's call."""
        return self._encode("resolve", series, holder)

    def prove_receipts(self, *signed: tuple[Receipt, bytes]) -> bytes:
        """Two receipts of one lease that cannot both be true; anybody's call."""
        flat = [part for receipt, signature in signed for part in (as_tuple(receipt), signature)]
        return self._encode("proveReceipts", *flat)

    def case_of(self, series: int, holder: str, block: int) -> CaseState:
        """The case of a lease."""
        return CaseState(*view(self.contract, block, "caseOf", series, holder))

    def _encode(self, function: str, *args: Any) -> bytes:
        return encode(self.contract, function, *args)
