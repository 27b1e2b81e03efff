"""Plausible arguments for every function that changes something, of every contract of a bourse.

The victims are the buyers, the provider and the judges; whatever needs a signature gets that of
whoever tries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from arbiters import EVIDENCE, FRAUD, Court, Lease
from attacks.loot import sent
from batch import rpc
from bourse import H100, HOUR, USD, terms
from brownie import chain
from words import BUILD, halves

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer
from contracts.protocol.series import Series
from contracts.protocol.typed_data import (
    AcknowledgedAction,
    Acknowledgement,
    Revocation,
    UsageGroup,
)

Arguments = tuple[Any, ...]
Function = tuple[str, str]
CONTRACTS = {
    "market": "GpuMarket",
    "registry": "ProviderRegistry",
    "arbitration": "Arbitration",
    "resale": "Resale",
    "parameters": "Parameters",
    "timelock": "Timelock",
    "metadata": "SeriesMetadata",
}
HOOKS: dict[Function, frozenset[str]] = {
    ("market", "pay"): frozenset({"registry", "arbitration"}),
    ("market", "creditFromBond"): frozenset({"registry"}),
    ("market", "resell"): frozenset({"resale"}),
    ("market", "openCase"): frozenset({"arbitration"}),
    ("market", "settleCase"): frozenset({"arbitration"}),
    ("market", "shorten"): frozenset({"arbitration"}),
    ("registry", "reserve"): frozenset({"market"}),
    ("registry", "release"): frozenset({"market"}),
    ("registry", "addBond"): frozenset({"market"}),
    ("registry", "takeUnbonded"): frozenset({"market"}),
    ("registry", "takeBond"): frozenset({"market"}),
    ("registry", "slash"): frozenset({"arbitration"}),
}
"""What only the code of another contract of the bourse may call, and which."""
ZEROS = bytes(32)


def functions() -> set[Function]:
    """All that is not a view, by the compiled interfaces."""
    found = set()
    for part, name in CONTRACTS.items():
        for entry in json.loads((BUILD / f"{name}.json").read_text())["abi"]:
            if entry["type"] == "function" and entry["stateMutability"] in (
                "nonpayable",
                "payable",
            ):
                found.add((part, entry["name"]))
    return found


@dataclass(frozen=True)
class World:
    """Whom there is something to take from."""

    court: Court
    disputed: Lease
    """The buyer's, half used; its no-show claim waits for the arbiters."""
    claimed: Lease
    """The buyer's; the agent claims usage."""
    coming: Lease
    """The other buyer's, of tomorrow."""

    @property
    def leases(self) -> tuple[Lease, ...]:
        return (self.disputed, self.claimed, self.coming)


def world(court: Court) -> World:
    """Leases in several states, and a bond of which a part is on its way out."""
    coming = court.lease("other", start=court.bourse.next_hour(30))
    disputed = court.lease()
    claimed = court.lease(milli=2000, start=disputed.start + 5)
    chain.mine(timestamp=claimed.start + HOUR // 2)
    court.redeem(disputed, 900_000)
    court.no_show(disputed)
    court.answer(disputed)
    court.claim(claimed, 300_000)
    court.bourse.registry.requestUnbonding(10 * USD, court.bourse.sends("provider"))
    return World(court, disputed, claimed, coming)


def as_timelock(court: Court, data: str) -> str:
    """What was announced to the parameters, after the delay; returns the error, if any."""
    timelock = court.bourse.timelock.address
    rpc("evm_setAccountBalance", timelock, hex(10**21))
    return sent(court.bourse.parameters, data, timelock)


def arguments(world: World, thief: str, key: Signer) -> dict[Function, list[Arguments]]:
    """Of every function; `thief` is who calls, `key` what it signs with."""
    return {
        **_market(world, thief, key),
        **_units(world, thief),
        **_hooks(world, thief),
        **_registry(world, thief, key),
        **_arbitration(world, key),
        **_proofs(world, thief, key),
        **_governance(world, thief),
        **_timelock(world, thief),
    }


def _market(world: World, thief: str, key: Signer) -> dict[Function, list[Arguments]]:
    court, of = world.court, world.court.bourse
    domain, victim = of.market_domain, of.address("buyer")
    lease = world.disputed
    voucher = court.voucher(lease, 1_000_000, is_final=True)
    said = halves(key.sign(voucher, domain))
    parts = Series.from_id(lease.series)
    item = lease.series & ((1 << 104) - 1) | 1_000_000 << 104
    usage = UsageGroup(victim, parts.terms, parts.step, (item,))
    ask, bid = of.ask(), of.bid()
    shape = (1000, of.next_hour(), HOUR, ask.price_per_gpu_hour)
    group = (
        as_tuple(ask),
        key.sign(ask, domain),
        [(as_tuple(bid), key.sign(bid, domain), [], *shape)],
    )
    signature = key.sign(voucher, domain)
    return {
        ("market", "deposit"): [(USD,)],
        ("market", "depositFor"): [(victim, USD)],
        ("market", "depositWithPermit"): [
            (USD, 2**40, signature[64], signature[:32], signature[32:64])
        ],
        ("market", "withdraw"): [(thief, USD), (victim, USD)],
        ("market", "setDelegate"): [(thief,), (victim,)],
        ("market", "cancel"): [([0, 1, 2],)],
        ("market", "cancelAll"): [()],
        ("market", "bond"): [(USD,)],
        ("market", "releaseBond"): [(of.address(x),) for x in ("provider", "arbiter1", "buyer")],
        ("market", "fill"): [([group],)],
        ("resale", "fill"): [([group],)],
        ("market", "redeem"): [([(as_tuple(voucher), said, said)],)],
        ("market", "redeemGroup"): [(as_tuple(usage), key.sign(usage, domain))],
        ("market", "close"): [([court.key(x) for x in world.leases],)],
        ("metadata", "nameClass"): [("nvidia/h100/80gb/sxm",)],
    }


def _units(world: World, thief: str) -> dict[Function, list[Arguments]]:
    coming, series = world.coming, world.disputed.series
    holder = world.court.bourse.address("other")
    move = (holder, thief, coming.series, 1000, b"")
    return {
        ("market", "split"): [(coming.series, coming.start + HOUR, 1000)],
        ("market", "merge"): [(coming.series, series, 1000)],
        ("market", "safeTransferFrom"): [move],
        ("market", "safeBatchTransferFrom"): [(holder, thief, [coming.series], [1000], b"")],
        ("market", "setApprovalForAll"): [(thief, True)],
    }


def _hooks(world: World, thief: str) -> dict[Function, list[Arguments]]:
    of, lease = world.court.bourse, world.disputed
    victim, provider = of.address("buyer"), of.address("provider")
    parts = Series.from_id(world.coming.series)
    hours = (parts.terms, 1000, parts.start, parts.start + HOUR)
    sale = (
        ZEROS, ZEROS, of.address("other"), thief, world.coming.series, 1000, 0, 0, 0, False, 0, 0
    )  # fmt: skip
    return {
        ("market", "pay"): [(victim, thief, USD), (of.arbitration.address, thief, 1)],
        ("market", "creditFromBond"): [(thief, USD)],
        ("market", "resell"): [(sale,)],
        ("market", "openCase"): [(lease.series, victim, True)],
        ("market", "settleCase"): [(lease.series, victim, 1_800_000, 0, 1)],
        ("market", "shorten"): [(lease.series, victim, lease.start + 1)],
        ("registry", "reserve"): [hours],
        ("registry", "release"): [hours],
        ("registry", "addBond"): [(thief, USD)],
        ("registry", "takeUnbonded"): [(provider,)],
        ("registry", "takeBond"): [(provider, 1000, USD)],
        ("registry", "slash"): [(provider, USD, thief, USD, EVIDENCE)],
    }


def _registry(world: World, thief: str, key: Signer) -> dict[Function, list[Arguments]]:
    of = world.court.bourse
    new = of.attestation("GPU-9")
    known = of.attestation("GPU-0", expiry=chain.time() + 300 * 24 * HOUR)
    signed = [[key.sign(x, of.registry_domain)] for x in (new, known)]
    counts = int(of.registry.deviceOf(known.device)[1])
    revoked = Revocation(known.device, counts, EVIDENCE)
    return {
        ("registry", "register"): [(thief,)],
        ("registry", "setAgent"): [(thief,)],
        ("registry", "registerTerms"): [(terms(),), (terms(arbiter_set=1),)],
        ("registry", "requestUnbonding"): [(USD,)],
        ("registry", "attest"): [([as_tuple(new), as_tuple(known)], signed)],
        ("registry", "revoke"): [([as_tuple(revoked)], [[key.sign(revoked, of.registry_domain)]])],
        ("registry", "removeDevice"): [(new.device,), (known.device,)],
    }


def _arbitration(world: World, key: Signer) -> dict[Function, list[Arguments]]:
    court, lease = world.court, world.disputed
    domain = court.bourse.market_domain
    voucher = court.voucher(world.claimed, 600_000)
    verdict = court.verdict(lease, FRAUD)
    judged = key.sign(verdict, Domain(chain.id, court.call.address))
    claimed = (as_tuple(voucher), key.sign(voucher, domain))
    shown = [(*court.key(x), EVIDENCE) for x in world.leases]
    return {
        ("arbitration", "claimUsage"): [claimed],
        ("arbitration", "answer"): [(*x, *claimed) for x in shown],
        ("arbitration", "challenge"): shown,
        ("arbitration", "claimNoShow"): shown,
        ("arbitration", "release"): shown,
        ("arbitration", "interrupt"): [x[:2] for x in shown],
        ("arbitration", "resolve"): [x[:2] for x in shown],
        ("arbitration", "decide"): [(as_tuple(verdict), [judged])],
    }


def _proofs(world: World, thief: str, key: Signer) -> dict[Function, list[Arguments]]:
    court, of, lease = world.court, world.court.bourse, world.disputed
    domain = of.market_domain
    verdict, other = court.verdict(lease, FRAUD), court.verdict(lease, 1)
    judged = [key.sign(x, Domain(chain.id, court.call.address)) for x in (verdict, other)]
    receipts = court.receipt(lease), court.receipt(lease, samples_root=keccak(b"2"))
    elsewhere = court.receipt(world.claimed)
    said = [key.sign(x, domain) for x in (*receipts, elsewhere)]
    attested = of.attestation("GPU-0"), of.attestation("GPU-0", owner="rival")
    enrolled = [key.sign(x, of.registry_domain) for x in attested]
    bid, ask = of.bid(filler=thief), of.ask(filler=thief)
    words = [
        Acknowledgement(bytes.fromhex(of.digest(x)[2:]), AcknowledgedAction.CANCELLED.value, 1, 1)
        for x in (bid, ask)
    ]
    pair = (as_tuple(receipts[0]), said[0])
    return {
        ("arbitration", "proveReceipts"): [(*pair, as_tuple(receipts[1]), said[1])],
        ("arbitration", "proveOverlap"): [(*pair, as_tuple(elsewhere), said[2])],
        ("arbitration", "proveVerdicts"): [
            (as_tuple(verdict), judged[0], as_tuple(other), judged[1])
        ],
        ("arbitration", "proveAttestations"): [
            (as_tuple(attested[0]), enrolled[0], as_tuple(attested[1]), enrolled[1])
        ],
        ("arbitration", "proveCancelledBid"): [
            (as_tuple(bid), as_tuple(words[0]), key.sign(words[0], domain))
        ],
        ("arbitration", "proveCancelledAsk"): [
            (as_tuple(ask), as_tuple(words[1]), key.sign(words[1], domain))
        ],
    }


def _governance(world: World, thief: str) -> dict[Function, list[Arguments]]:
    of = world.court.bourse
    parameters, timelock = of.parameters, of.timelock
    roles = [bytes(role) for role in (parameters.GOVERNOR_ROLE(), parameters.PAUSER_ROLE(), ZEROS)]
    return {
        ("parameters", "setFee"): [(0,), (1_000,), (10_000,)],
        ("parameters", "setTreasury"): [(thief,), (of.market.address,), (of.arbitration.address,)],
        ("parameters", "setAuditors"): [([thief], 1)],
        ("parameters", "addArbiterSet"): [([thief], 1)],
        ("parameters", "setDefaultMinBond"): [(0,), (2**64 - 1,)],
        ("parameters", "setMinBond"): [(H100, 0, True), (H100, 2**64 - 1, True)],
        ("parameters", "setRoleBond"): [(0,), (100_000 * USD,)],
        ("parameters", "setFees"): [(0, 0), (100 * USD, 1_000 * USD)],
        ("parameters", "pause"): [(7 * 24 * HOUR,)],
        ("parameters", "unpause"): [()],
        ("parameters", "beginDefaultAdminTransfer"): [(thief,)],
        ("parameters", "acceptDefaultAdminTransfer"): [()],
        ("parameters", "cancelDefaultAdminTransfer"): [()],
        ("parameters", "changeDefaultAdminDelay"): [(0,)],
        ("parameters", "rollbackDefaultAdminDelay"): [()],
        ("parameters", "grantRole"): [(role, thief) for role in roles],
        ("parameters", "revokeRole"): [(role, timelock.address) for role in roles],
        ("parameters", "renounceRole"): [(role, thief) for role in roles],
    }


def _timelock(world: World, thief: str) -> dict[Function, list[Arguments]]:
    of = world.court.bourse
    timelock, victim = of.timelock, of.address("buyer")
    offices = [bytes(getattr(timelock, f"{x}_ROLE")()) for x in ("PROPOSER", "EXECUTOR")]
    pay = of.market.pay.encode_input(victim, thief, USD)
    take = of.market.withdraw.encode_input(thief, USD)
    slash = of.registry.slash.encode_input(of.address("provider"), USD, thief, USD, EVIDENCE)
    move = [
        (of.market.address, 0, pay, ZEROS, ZEROS),
        (of.market.address, 0, take, ZEROS, ZEROS),
        (of.registry.address, 0, slash, ZEROS, ZEROS),
    ]
    batch = ([x[0] for x in move], [0] * 3, [x[2] for x in move], ZEROS, ZEROS)
    units = (thief, thief, 1, 1, b"")
    return {
        ("timelock", "schedule"): [(*x, 0) for x in move] + [(*x, 7 * 24 * HOUR) for x in move],
        ("timelock", "scheduleBatch"): [(*batch, 0), (*batch, 7 * 24 * HOUR)],
        ("timelock", "execute"): list(move),
        ("timelock", "executeBatch"): [batch],
        ("timelock", "cancel"): [(ZEROS,)],
        ("timelock", "updateDelay"): [(0,)],
        ("timelock", "grantRole"): [(x, thief) for x in offices],
        ("timelock", "revokeRole"): [(x, timelock.address) for x in offices],
        ("timelock", "renounceRole"): [(x, thief) for x in offices],
        ("timelock", "onERC1155Received"): [units],
        ("timelock", "onERC1155BatchReceived"): [(thief, thief, [1], [1], b"")],
        ("timelock", "onERC721Received"): [(thief, thief, 1, b"")],
    }
