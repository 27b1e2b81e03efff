"""A bourse that is open for business, and its model, built call by call on both."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any

from bourse import (
    A100,
    DEVICE,
    FEE_BPS,
    H100,
    MIN_BOND_PER_MILLI,
    MPS,
    SLICE,
    USD,
    Bourse,
    deploy,
    signer,
)
from brownie import OwnedWallet, accounts
from model import accounts as money
from model import registry
from model.parts import Parameters, Terms
from model.parts import Times as ModelTimes
from model.state import State

from contracts.bindings.tuples import as_tuple
from contracts.protocol.hashing import keccak
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import Attestation
from stateful.node import Node
from stateful.twin import Twin

DAY = 24 * 3600
ROLE_BOND = 5 * USD
ATTESTATION_FEE = 20_000
DISPUTE_FEE = 100_001
TIMELOCK_DELAY = 2 * 3600
CALLERS = (
    "provider", "rival", "buyer", "other", "stranger", "treasury", "agent", "rivalagent",
    "delegate", "governor", "pauser", "auditor1", "auditor2", "auditor3", "arbiter1", "arbiter2",
    "arbiter3", "owner",
)  # fmt: skip
MIG = 3
TERMS = {
    "provider": (
        Terms("", 0, H100, DEVICE, arbiter_set=1),
        Terms("", 0, H100, DEVICE, 1000, 1_000, 5_000, True, 900, 120, 3, 1),
        Terms("", 0, A100, MPS, 250, 5_000, 10_000, receipt_interval=60, unsigned_intervals=10),
    ),
    "rival": (
        Terms("", 0, H100, DEVICE, 1000, 333, 2_500, receipt_interval=7, arbiter_set=1),
        Terms("", 0, SLICE, MIG, 1000, 0, 10_000, arbiter_set=1),
    ),
}
DEVICES = (
    ("provider", "GPU-0", H100, 1000),
    ("provider", "GPU-1", H100, 1000),
    ("provider", "GPU-2", H100, 1000),
    ("provider", "GPU-3", A100, 250),
    ("rival", "GPU-4", H100, 1000),
    ("rival", "GPU-5", H100, 1000),
)


def open_bourse() -> Twin:
    """Two providers on five kinds of terms, four buyers of whom one is a contract wallet."""
    bourse = deploy(
        timelock_delay=TIMELOCK_DELAY,
        governor=signer("governor").address,
        pauser=signer("pauser").address,
        role_bond=ROLE_BOND,
        attestation_fee=ATTESTATION_FEE,
        dispute_fee=DISPUTE_FEE,
    )
    for name in CALLERS:
        bourse.keys.setdefault(name, signer(name))
    wallet = accounts[1].deploy(OwnedWallet, bourse.address("owner"))
    node = Node()
    node.unlock([bourse.address(name) for name in CALLERS])
    twin = Twin(bourse, _empty(bourse), node)
    node.rpc("miner_stop")
    try:
        twin.now = (node.time() // DAY + 1) * DAY + 1000
        _give_tokens(twin, str(wallet.address))
        _open(twin, str(wallet.address))
        _delegate_of_wallet(twin, wallet)
        twin.compare(everything=True)
    finally:
        node.rpc("miner_start")
    return twin


def _delegate_of_wallet(twin: Twin, wallet: Any) -> None:
    """A contract counter-signs by a delegate only."""
    bourse, delegate = twin.bourse, twin.bourse.address("delegate")
    call = bytes.fromhex(bourse.market.setDelegate.encode_input(delegate)[2:])
    twin.now += 1
    data = wallet.run.encode_input(bourse.market.address, call)
    sent = twin.node.send(bourse.address("owner"), str(wallet.address), data, twin.now)
    assert sent.error is None
    twin.model.now = twin.now
    money.set_delegate(twin.model, str(wallet.address), delegate)


def _empty(bourse: Bourse) -> State:
    auditors = tuple(bourse.address(f"auditor{i}") for i in (1, 2, 3))
    arbiters = tuple(bourse.address(f"arbiter{i}") for i in (1, 2, 3))
    parameters = Parameters(
        fee_bps=FEE_BPS,
        treasury=bourse.address("treasury"),
        auditors=auditors,
        auditor_threshold=2,
        default_min_bond=MIN_BOND_PER_MILLI,
        arbiter_sets=[(arbiters, 2)],
        role_bond=ROLE_BOND,
        attestation_fee=ATTESTATION_FEE,
        dispute_fee=DISPUTE_FEE,
    )
    return State(
        parameters=parameters,
        market=str(bourse.market.address),
        arbitration=str(bourse.arbitration.address),
        governor=bourse.address("governor"),
        pauser=bourse.address("pauser"),
        timelock=str(bourse.timelock.address),
        times=ModelTimes(),
    )


def _give_tokens(twin: Twin, wallet: str) -> None:
    bourse, token = twin.bourse, twin.bourse.token
    for name in CALLERS:
        who, amount = bourse.address(name), 10_000 * USD
        for data in (
            token.mint.encode_input(who, amount),
            token.approve.encode_input(bourse.market.address, 2**256 - 1),
        ):
            twin.now += 1
            assert twin.node.send(who, str(token.address), data, twin.now).error is None
        twin.model.tokens[who] = amount
    twin.model.tokens[wallet] = twin.model.tokens[twin.model.market] = 0


def _open(twin: Twin, wallet: str) -> None:
    bourse = twin.bourse
    market, people = bourse.market, bourse.address
    moneyed = ("provider", "rival", "buyer", "other", "stranger", "delegate")
    members = tuple(f"{role}{i}" for role in ("auditor", "arbiter") for i in (1, 2, 3))
    for name in (*moneyed, *members):
        _deposit(twin, name, people(name), 600 * USD)
    _deposit(twin, "buyer", wallet, 300 * USD)
    bonds = {"provider": 40 * USD, "rival": 20 * USD, "stranger": 6 * USD}
    for name, amount in (bonds | dict.fromkeys(members, ROLE_BOND)).items():
        twin.call(people(name), market, market.bond.encode_input(amount), money.bond, amount)
    for name, agent in (("provider", "agent"), ("rival", "rivalagent")):
        data = bourse.registry.register.encode_input(people(agent))
        twin.call(people(name), bourse.registry, data, registry.register, people(agent))
    for device in DEVICES:
        attest(twin, attestation(twin, *device))
    parent = device_hash("GPU-6")
    for i in (0, 1):
        attest(twin, attestation(twin, "rival", f"MIG-{i}", SLICE, 1000, parent=parent))
    for name, all_terms in TERMS.items():
        for terms in all_terms:
            register_terms(twin, name, terms)


def _deposit(twin: Twin, name: str, account: str, amount: int) -> None:
    market = twin.bourse.market
    data = market.depositFor.encode_input(account, amount)
    twin.call(twin.bourse.address(name), market, data, money.deposit, account, amount)


def attestation(
    twin: Twin, owner: str, device: str, device_class: bytes, lane_milli: int, **changes: Any
) -> Attestation:
    plain = Attestation(
        provider=twin.bourse.address(owner),
        device=device_hash(device),
        parent=bytes(32),
        device_class=device_class,
        lane_milli=lane_milli,
        expiry=twin.now + 60 * DAY,
        evidence=keccak(device.encode()),
        simulated=True,
    )
    return replace(plain, **changes)


def attest(
    twin: Twin,
    *attestations: Attestation,
    by: tuple[str, ...] = ("auditor1", "auditor2"),
    caller: str = "provider",
    wait: int = 1,
) -> str | None:
    bourse = twin.bourse
    signatures = [
        [bourse.keys[name].sign(a, bourse.registry_domain) for name in by] for a in attestations
    ]
    data = bourse.registry.attest.encode_input([as_tuple(a) for a in attestations], signatures)
    signers = [[bourse.address(name) for name in by] for _ in attestations]
    caller_address = bourse.address(caller)
    return twin.call(
        caller_address, bourse.registry, data, registry.attest, attestations, signers, wait=wait
    )


def register_terms(twin: Twin, name: str, terms: Terms, wait: int = 1) -> str | None:
    _, _, *values = astuple(terms)
    target = twin.bourse.registry
    data = target.registerTerms.encode_input(tuple(values))
    who = twin.bourse.address(name)
    return twin.call(who, target, data, registry.register_terms, terms, wait=wait)
