"""The contracts with many providers and buyers on them, and calldata of valid batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import rlp
from web3.contract import Contract
from web3.logs import DISCARD

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain, Struct, checksum
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer, compact
from contracts.protocol.series import Isolation, Series, device_class_hash, device_hash
from contracts.protocol.typed_data import Ask, Attestation, Bid, UsageGroup, Voucher
from contracts.protocol.units import TICK
from contracts.scripts.suite import CONTRACTS, LIBRARIES, Plan, build
from marketplace_api.embedded.ganache import CHAIN_ID
from tests.gas.chain import BIRTH, Chain, person

HOUR = 3600
DAY = 24 * HOUR
START = BIRTH + 3 * DAY
"""When every measured lease begins; a midnight, as most days that people rent do."""
PRICE = 2_000_000
USD = 10**6
FEE_BPS = 100
START_GRACE, FREEZE, REDEEM_GRACE = 60, 600, DAY
H100 = device_class_hash("nvidia/h100/80gb/sxm")
SHARED = device_class_hash("nvidia/h100/80gb/pcie")
DEVICES = 8
"""Of the whale and of each of the first `MANY` providers; the others, only met cold, have one."""
MANY = 20
WHALE = person("whale")
"""A provider that sells 320 shares of its devices at once."""
WHALE_STEP = 25


@dataclass(frozen=True)
class Lease:
    """One bid on one provider's ask, and what comes of it."""

    buyer: Signer
    provider: Signer
    terms: int
    start: int = START
    duration: int = DAY
    milli: int = 1000
    delegate: Signer | None = None
    nonce: int = 0
    """Of the bid; one buyer's bids have one each."""

    @property
    def series(self) -> int:
        step = WHALE_STEP if self.provider is WHALE else 1000
        return Series(self.start, self.duration, PRICE // TICK, step, self.terms).id

    @property
    def device_class(self) -> bytes:
        return SHARED if self.provider is WHALE else H100

    @property
    def gpu_ms(self) -> int:
        return self.milli * self.duration


def _halves(signature: bytes) -> tuple[bytes, bytes]:
    return signature[:32], signature[32:]


@dataclass
class Bourse:
    """A deployment and how to call it."""

    chain: Chain
    contracts: dict[str, Contract]
    terms: dict[str, int]
    """Number of each provider's terms."""

    @property
    def market(self) -> Contract:
        return self.contracts["GpuMarket"]

    @property
    def registry(self) -> Contract:
        return self.contracts["ProviderRegistry"]

    def sign(self, struct: Struct, key: Signer, contract: str = "GpuMarket") -> bytes:
        domain = Domain(CHAIN_ID, self.contracts[contract].address)
        return compact(key.sign(struct, domain))

    def call(self, key: Signer, contract: str, function: str, *args: Any) -> dict[str, Any]:
        target = self.contracts[contract]
        return self.chain.send(key, target.address, target.encode_abi(function, list(args)))

    # ------------------------------------------------------------------ batches

    def fill(self, leases: Sequence[Lease], **changes: Any) -> bytes:
        """One group for each provider, in the order of the leases."""
        groups: dict[str, list[Lease]] = {}
        for lease in leases:
            groups.setdefault(lease.provider.address, []).append(lease)
        tuples = []
        for sold in groups.values():
            ask = replace(self._ask(sold[0]), **changes.get("ask", {}))
            fills = [self._bid_fill(lease, changes.get("bid", {})) for lease in sold]
            tuples.append((as_tuple(ask), self.sign(ask, sold[0].provider), fills))
        return self._encoded("fill", tuples)

    def _ask(self, lease: Lease) -> Ask:
        return Ask(
            seller=lease.provider.address,
            terms=lease.terms,
            price_per_gpu_hour=PRICE,
            window_start=BIRTH,
            window_end=BIRTH + 60 * DAY,
            valid_from=FILL_TIME - 60,
            deadline=FILL_TIME + 240,
            nonce=0,
        )

    def _bid_fill(self, lease: Lease, changes: dict[str, Any]) -> tuple[Any, ...]:
        plain = Bid(
            buyer=lease.buyer.address,
            device_classes=lease.device_class,
            milli=lease.milli,
            min_milli=lease.milli,
            window_start=lease.start,
            window_end=lease.start + lease.duration,
            min_duration=lease.duration,
            max_duration=lease.duration,
            max_price_per_gpu_hour=PRICE,
            valid_from=FILL_TIME - 60,
            deadline=FILL_TIME + 240,
            nonce=lease.nonce,
        )
        bid = replace(plain, **changes)
        shape = (lease.milli, lease.start, lease.duration, PRICE)
        return (as_tuple(bid), self.sign(bid, lease.buyer), [], *shape)

    def redeem(self, leases: Iterable[Lease], share: float = 0.5, *, final: bool = False) -> bytes:
        """Counter-signed vouchers for a share of each lease; final ones by the agent too."""
        signed = []
        for lease in leases:
            voucher = Voucher(
                series=lease.series,
                holder=lease.buyer.address,
                used_gpu_ms=int(lease.gpu_ms * share),
                missed_intervals=0,
                is_final=final,
                receipt=keccak(lease.buyer.address.encode()),
            )
            agent = self.sign(voucher, agent_of(lease.provider)) if final else bytes(64)
            holder = self.sign(voucher, lease.delegate or lease.buyer)
            signed.append((as_tuple(voucher), _halves(holder), _halves(agent)))
        return self._encoded("redeem", signed)

    def redeem_group(self, leases: Sequence[Lease], share: float = 0.5) -> bytes:
        """The same share of each lease of one holder and provider under one signature."""
        first = leases[0]
        items = [
            lease.series & (1 << 104) - 1 | int(lease.gpu_ms * share) << 104 for lease in leases
        ]
        group = UsageGroup(
            holder=first.buyer.address,
            terms=first.terms,
            step=WHALE_STEP,
            items=tuple(items),
        )
        arguments = [as_tuple(group), self.sign(group, first.buyer)]
        return bytes.fromhex(self.market.encode_abi("redeemGroup", arguments)[2:])

    def close(self, leases: Iterable[Lease]) -> bytes:
        return self._encoded("close", [(lease.series, lease.buyer.address) for lease in leases])

    def _encoded(self, function: str, batch: list[Any]) -> bytes:
        return bytes.fromhex(self.market.encode_abi(function, [batch])[2:])

    def send(self, calldata: bytes) -> int:
        """Send a batch; returns its gas, and raises where an element was skipped."""
        receipt = self.chain.send(person("relay"), self.market.address, calldata)
        for name in ("FillSkipped", "RedeemSkipped", "CloseSkipped"):
            if skipped := self.market.events[name]().process_receipt(receipt, errors=DISCARD):
                raise ValueError(f"{name}: {skipped[0]['args']}")
        return int(receipt["gasUsed"])

    def send_traced(self, calldata: bytes) -> str:
        """Send a batch; returns the hash of its transaction."""
        receipt = self.chain.send(person("relay"), self.market.address, calldata)
        return "0x" + bytes(receipt["transactionHash"]).hex()


FILL_TIME = START - DAY
"""When the measured fills happen."""


def agent_of(provider: Signer) -> Signer:
    """The key that signs receipts for a provider."""
    return person(f"agent of {provider.address}")


def providers(count: int) -> list[Signer]:
    return [person(f"provider {i}") for i in range(count)]


def buyers(count: int) -> list[Signer]:
    return [person(f"buyer {i}") for i in range(count)]


AUDITORS = [person(f"auditor {i}") for i in range(3)]


def deploy(chain: Chain) -> Bourse:
    """Every contract, as the deployment script does it."""
    owner = person("deployer")
    plan = Plan(
        governor=owner.address,
        pauser=owner.address,
        treasury=person("treasury").address,
        auditors=tuple(auditor.address for auditor in AUDITORS),
        auditor_threshold=2,
        arbiters=(person("arbiter").address,),
        arbiter_threshold=1,
        fee_bps=FEE_BPS,
        allow_simulated=True,
    )
    built = build(plan, partial(chain.create, owner), partial(_creation, chain, owner.address))
    contracts = {name: chain.contract(name, built[key]) for key, name in CONTRACTS.items()}
    contracts |= {name: chain.contract(name, built[name]) for name in LIBRARIES}
    return Bourse(chain, contracts, {})


def open_for_business(bourse: Bourse, sellers: int, bidders: int) -> None:
    """Providers with devices, and people with money; nobody starts from an empty account."""
    bank = person("bank")
    bourse.call(bank, "TestUSD", "mint", bank.address, 10**15)
    bourse.call(bank, "TestUSD", "approve", bourse.market.address, 10**15)
    for provider in [WHALE, *providers(sellers)]:
        bourse.call(provider, "ProviderRegistry", "register", agent_of(provider).address)
        bourse.call(provider, "ProviderRegistry", "registerTerms", _terms(provider))
        bourse.terms[provider.address] = len(bourse.terms) + 1
        bourse.call(bank, "GpuMarket", "depositFor", provider.address, USD)
    for account in [person("treasury"), *buyers(bidders)]:
        bourse.call(bank, "GpuMarket", "depositFor", account.address, 1_000 * USD)
    sizes = [(p, DEVICES if i <= MANY else 1) for i, p in enumerate([WHALE, *providers(sellers)])]
    devices = [(provider, i) for provider, size in sizes for i in range(size)]
    for first in range(0, len(devices), 80):
        attest(bourse, devices[first : first + 80])


def attest(bourse: Bourse, devices: Iterable[tuple[Signer, int]]) -> None:
    """Two auditors vouch for each device."""
    attestations = [
        Attestation(
            provider=provider.address,
            device=device_hash(f"GPU-{provider.address}-{number}"),
            parent=bytes(32),
            device_class=SHARED if provider is WHALE else H100,
            lane_milli=WHALE_STEP if provider is WHALE else 1000,
            expiry=BIRTH + 365 * DAY,
            evidence=keccak(b"evidence"),
            simulated=True,
        )
        for provider, number in devices
    ]
    signatures = [
        [bourse.sign(a, key, "ProviderRegistry") for key in AUDITORS[:2]] for a in attestations
    ]
    tuples = [as_tuple(attestation) for attestation in attestations]
    bourse.call(person("bank"), "ProviderRegistry", "attest", tuples, signatures)


def _terms(provider: Signer) -> tuple[Any, ...]:
    """Whole H100s, or the whale's shares; a receipt each minute."""
    if provider is WHALE:
        return (SHARED, Isolation.MPS.value, WHALE_STEP, 0, 0, False, 0, 60, 5, 1)
    return (H100, Isolation.DEVICE.value, 1000, 0, 0, False, 0, 60, 5, 1)


def _creation(chain: Chain, sender: str, further: int) -> str:
    """Where the creation after so many more will stand."""
    nonce = chain.nonces[sender] + further
    return checksum("0x" + keccak(rlp.encode([bytes.fromhex(sender[2:]), nonce]))[12:].hex())
