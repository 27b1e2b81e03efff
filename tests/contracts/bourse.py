"""A small bourse on the test chain: contracts, people with keys, and valid orders to vary."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import brownie
import rlp
from brownie import accounts, chain
from words import halves

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain, checksum, digest
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer, compact
from contracts.protocol.series import Series, device_class_hash, device_hash
from contracts.protocol.typed_data import Ask, Attestation, Bid, Revocation, Voucher
from contracts.protocol.units import TICK
from contracts.scripts.suite import CONTRACTS, Plan, Times, build

ZERO = "0x" + "00" * 20
HOUR = 3600
START_GRACE = 60
FREEZE = 600
REDEEM_GRACE = 24 * HOUR
FEE_BPS = 100
MIN_BOND_PER_MILLI = 1_000
USD = 10**6
PRICE = 2_000_000
"""2 USD for a GPU-hour."""

H100 = device_class_hash("nvidia/h100/80gb/sxm")
A100 = device_class_hash("nvidia/a100/40gb/pcie")
SLICE = device_class_hash("nvidia/h100/80gb/sxm/mig-1g.10gb")
MPS, DEVICE = 2, 4


def signer(name: str) -> Signer:
    """The same key for the same name in every run."""
    return Signer(keccak(name.encode()))


@dataclass(frozen=True)
class Fill:
    """One bid and what it gets; None: signed by the buyer of the bid."""

    bid: Bid
    milli: int = 1000
    start: int = 0
    duration: int = HOUR
    price: int = PRICE
    proof: tuple[bytes, ...] = ()
    signature: bytes | None = None


OK = "0x00000000"
"""The reason of an element that was not skipped."""


@dataclass(frozen=True)
class Outcome:
    """A batch that was sent, and the reasons that a static call just before it returned."""

    reasons: tuple[Any, ...]
    """Of `fill` a tuple for each group; `OK` where the element went through."""
    tx: Any

    @property
    def events(self) -> Any:
        return self.tx.events


@dataclass
class Bourse:
    """Everything that a test needs of a deployment."""

    token: Any
    parameters: Any
    registry: Any
    market: Any
    resale: Any
    arbitration: Any
    metadata: Any
    timelock: Any
    keys: dict[str, Signer]
    accounts: dict[str, Any]
    terms: int = 0
    nonces: dict[str, int] = field(default_factory=dict)

    # -------------------------------------------------------------- who and when

    def address(self, name: str) -> str:
        return self.keys[name].address

    def sends(self, name: str) -> dict[str, Any]:
        """Transaction options: sent by this person."""
        return {"from": self.accounts[name]}

    @property
    def market_domain(self) -> Domain:
        return Domain(chain.id, self.market.address)

    @property
    def registry_domain(self) -> Domain:
        return Domain(chain.id, self.registry.address)

    def next_hour(self, hours: int = 2) -> int:
        """The start of an hour to come, at least an hour ahead."""
        return (chain.time() // HOUR + hours) * HOUR

    def nonce(self, name: str) -> int:
        """A nonce that this person has not used in this test."""
        self.nonces[name] = self.nonces.get(name, -1) + 1
        return self.nonces[name]

    # -------------------------------------------------------------- orders

    def ask(self, **changes: Any) -> Ask:
        """A valid ask of the provider, but for the changes."""
        now = chain.time()
        plain = Ask(
            seller=self.address("provider"),
            terms=self.terms,
            price_per_gpu_hour=PRICE,
            window_start=now - HOUR,
            window_end=now + 100 * 24 * HOUR,
            valid_from=now - 10,
            deadline=now + 290,
            nonce=0,
        )
        return replace(plain, **changes)

    def bid(self, who: str = "buyer", **changes: Any) -> Bid:
        """A valid bid, but for the changes."""
        now = chain.time()
        nonce = changes.pop("nonce", None)
        plain = Bid(
            buyer=self.address(who),
            device_classes=H100,
            milli=4000,
            min_milli=1,
            window_start=now - HOUR,
            window_end=now + 100 * 24 * HOUR,
            min_duration=1,
            max_duration=169 * HOUR,
            max_price_per_gpu_hour=2 * PRICE,
            valid_from=now - 10,
            deadline=now + 290,
            nonce=self.nonce(who) if nonce is None else nonce,
        )
        return replace(plain, **changes)

    def sign(self, order: Ask | Bid | Voucher, name: str) -> bytes:
        return self.keys[name].sign(order, self.market_domain)

    def digest(self, order: Ask | Bid | Voucher) -> str:
        return "0x" + digest(order, self.market_domain).hex()

    def name_of(self, address: str) -> str:
        return next(name for name, key in self.keys.items() if key.address == address)

    # -------------------------------------------------------------- calls

    def group(self, ask: Ask, *fills: Fill, signature: bytes | None = None) -> tuple[Any, ...]:
        """An ask with its bids as calldata."""
        signed = signature if signature is not None else self.sign(ask, self.name_of(ask.seller))
        return (as_tuple(ask), signed, [self._fill(wanted) for wanted in fills])

    def _fill(self, wanted: Fill) -> tuple[Any, ...]:
        signature = wanted.signature
        if signature is None:
            signature = compact(self.sign(wanted.bid, self.name_of(wanted.bid.buyer)))
        start = wanted.start or self.next_hour()
        shape = (wanted.milli, start, wanted.duration, wanted.price)
        return (as_tuple(wanted.bid), signature, list(wanted.proof), *shape)

    def fill(self, ask: Ask, *fills: Fill, by: str = "stranger", **options: Any) -> Outcome:
        """Send one group."""
        return self.send("fill", [self.group(ask, *fills, **options)], by)

    def send(self, function: str, batch: list[Any], by: str = "stranger") -> Outcome:
        """Send a batch; a trace, which would tell the reasons too, is a hundred times slower."""
        call = getattr(self.market, function)
        chain.mine()  # a static call on Ganache sees the time of the last block
        reasons = call.call(batch, self.sends(by))
        plain = tuple(tuple(map(str, r)) if function == "fill" else str(r) for r in reasons)
        return Outcome(plain, call(batch, self.sends(by)))

    def lease(self, buyer: str = "buyer", **shape: Any) -> int:
        """Fill one valid pair; returns the series."""
        self.fill(self.ask(), Fill(self.bid(buyer), **shape))
        return self.series(**shape)

    def series(
        self, start: int = 0, duration: int = HOUR, price: int = PRICE, step: int = 1000, **_: Any
    ) -> int:
        begin = start or self.next_hour()
        return Series(begin, duration, price // TICK, step, self.terms).id

    def voucher(self, series: int, used: int, holder: str = "buyer", **changes: Any) -> Voucher:
        plain = Voucher(
            series=series,
            holder=self.address(holder),
            used_gpu_ms=used,
            missed_intervals=0,
            is_final=False,
            receipt=bytes(32),
        )
        return replace(plain, **changes)

    def signed(
        self, voucher: Voucher, by: str | None = None, agent: str | None = None
    ) -> tuple[Any, ...]:
        """A voucher as calldata, signed by the holder (or `by`) and, if named, the agent."""
        holder = by or self.name_of(voucher.holder)
        agent_signature = self.sign(voucher, agent) if agent else b""
        return (as_tuple(voucher), halves(self.sign(voucher, holder)), halves(agent_signature))

    def redeem(self, *vouchers: tuple[Any, ...], by: str = "stranger") -> Outcome:
        return self.send("redeem", list(vouchers), by)

    def close(self, *closings: tuple[int, str], by: str = "stranger") -> Outcome:
        """Close (series, holder's name) pairs."""
        return self.send(
            "close", [(series, self.address(holder)) for series, holder in closings], by
        )

    # -------------------------------------------------------------- devices

    def attestation(
        self, device: str = "GPU-0", owner: str = "provider", **changes: Any
    ) -> Attestation:
        plain = Attestation(
            provider=self.address(owner),
            device=device_hash(device),
            parent=bytes(32),
            device_class=H100,
            lane_milli=1000,
            expiry=chain.time() + 200 * 24 * HOUR,
            evidence=keccak(b"evidence"),
            simulated=True,
        )
        return replace(plain, **changes)

    def attest(
        self, *attestations: Attestation, by: tuple[str, ...] = ("auditor1", "auditor2")
    ) -> Any:
        signatures = [
            [self.keys[n].sign(a, self.registry_domain) for n in by] for a in attestations
        ]
        return self.registry.attest(
            [as_tuple(a) for a in attestations], signatures, self.sends("stranger")
        )

    def revoke(
        self, *revocations: Revocation, by: tuple[str, ...] = ("auditor1", "auditor2")
    ) -> Any:
        signatures = [[self.keys[n].sign(r, self.registry_domain) for n in by] for r in revocations]
        return self.registry.revoke(
            [as_tuple(r) for r in revocations], signatures, self.sends("stranger")
        )

    # -------------------------------------------------------------- money

    def balance(self, name: str) -> int:
        return self.market.accountOf(self.address(name))[0]

    def pay_in(self, name: str, amount: int) -> None:
        self.token.mint(self.address(name), amount, self.sends(name))
        self.token.approve(self.market, amount, self.sends(name))
        self.market.deposit(amount, self.sends(name))

    def state(self, *positions: tuple[int, str]) -> tuple[Any, ...]:
        """What a refused call must not change."""
        people = tuple(tuple(self.market.accountOf(self.address(name))) for name in MONEYED)
        held = tuple(tuple(self.market.positionOf(s, self.address(h))) for s, h in positions)
        provider = self.address("provider")
        registry = (
            tuple(self.registry.bondOf(provider)),
            tuple(self.registry.capacityOf(provider, H100)),
        )
        tokens = (self.token.balanceOf(self.market), self.market.totalHeld())
        return (people, held, registry, tokens)


def terms(**changes: Any) -> tuple[Any, ...]:
    """Terms as calldata: a whole H100 by the hour."""
    plain = {
        "device_class": H100,
        "isolation": DEVICE,
        "step": 1000,
        "reservation_fee_bps": 0,
        "sla_credit_bps": 0,
        "interruptible": False,
        "notice": 0,
        "receipt_interval": 60,
        "unsigned_intervals": 5,
        "arbiter_set": 0,
    }
    unknown = set(changes) - set(plain)
    assert not unknown, unknown
    return tuple((plain | changes).values())


def initial(**changes: Any) -> tuple[Any, ...]:
    """What `Parameters` starts with as calldata: nothing costs anything, and nobody arbitrates."""
    plain = {
        "fee_bps": 0,
        "treasury": signer("treasury").address,
        "auditors": (signer("auditor1").address,),
        "auditor_threshold": 1,
        "min_bond_per_milli": 0,
        "role_bond": 0,
        "attestation_fee": 0,
        "dispute_fee": 0,
        "arbiters": (),
        "arbiter_threshold": 0,
    }
    unknown = set(changes) - set(plain)
    assert not unknown, unknown
    return tuple((plain | changes).values())


PEOPLE = ("provider", "rival", "buyer", "other", "stranger", "treasury")
"""They send transactions; the rest only sign."""
MONEYED = ("provider", "buyer", "other", "treasury")
"""Whose accounts hold something in the ordinary tests."""
SIGNERS = (
    "agent",
    "delegate",
    "auditor1",
    "auditor2",
    "auditor3",
    "arbiter1",
    "arbiter2",
    "arbiter3",
)


def address_of_creation(sender: str, nonce: int) -> str:
    """Where a creation will stand."""
    return checksum("0x" + keccak(rlp.encode([bytes.fromhex(sender[2:]), nonce]))[12:].hex())


def deploy(token: Any = None, times: Times | None = None, **changes: Any) -> Bourse:
    """A fresh bourse, without providers; `changes` are fields of the plan."""
    keys = {name: signer(name) for name in (*PEOPLE, *SIGNERS)}
    people = {name: accounts.add(keys[name].secret_hex()) for name in PEOPLE}
    for person in people.values():
        if person.balance() < 10**18:
            accounts[0].transfer(person, 20 * 10**18)
    plain = {
        "governor": str(accounts[1].address),
        "pauser": str(accounts[1].address),
        "treasury": keys["treasury"].address,
        "auditors": tuple(keys[name].address for name in ("auditor1", "auditor2", "auditor3")),
        "auditor_threshold": 2,
        "arbiters": tuple(keys[name].address for name in ("arbiter1", "arbiter2", "arbiter3")),
        "arbiter_threshold": 2,
        "fee_bps": FEE_BPS,
        "min_bond_per_milli": MIN_BOND_PER_MILLI,
        "times": times or Times(),
        "allow_simulated": True,
        "payment_token": str(token.address) if token else "",
    }
    unknown = set(changes) - set(Plan.__annotations__)
    assert not unknown, unknown
    created: dict[str, Any] = {str(token.address): token} if token else {}

    def create(name: str, *arguments: Any) -> str:
        contract = getattr(brownie, name).deploy(*arguments, {"from": accounts[1]})
        created[str(contract.address)] = contract
        return str(contract.address)

    built = build(Plan(**(plain | changes)), create, _address_after)
    contracts = {name: created[built[name]] for name in CONTRACTS if name != "payment_token"}
    return Bourse(token=created[built["payment_token"]], **contracts, keys=keys, accounts=people)


def _address_after(creations: int) -> str:
    return address_of_creation(accounts[1].address, accounts[1].nonce + creations)


def open_for_business(bourse: Bourse, devices: int = 4) -> Bourse:
    """One provider with a bond, `devices` whole H100 and terms; two buyers with 1,000 USD each."""
    provider = bourse.sends("provider")
    bourse.registry.register(bourse.address("agent"), provider)
    bourse.registry.registerTerms(terms(), provider)
    bourse.terms = int(bourse.registry.termsCount())
    bourse.attest(*(bourse.attestation(f"GPU-{i}") for i in range(devices)))
    bourse.pay_in("provider", 100 * USD)
    bourse.market.bond(50 * USD, provider)
    bourse.pay_in("buyer", 1_000 * USD)
    bourse.pay_in("other", 1_000 * USD)
    return bourse
