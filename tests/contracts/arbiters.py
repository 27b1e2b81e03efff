"""A bourse with a court: bonded arbiters, terms that name them, and leases that run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import brownie
from batch import Label, Value, View, read, reader
from bourse import (
    A100,
    H100,
    HOUR,
    MPS,
    PRICE,
    USD,
    Bourse,
    Fill,
    deploy,
    open_for_business,
    signer,
    terms,
)
from brownie import accounts, chain
from words import reverts

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain
from contracts.protocol.hashing import keccak
from contracts.protocol.series import Series, device_hash
from contracts.protocol.typed_data import Receipt, Verdict, Voucher
from contracts.protocol.units import TICK, payment_down

DISPUTE_FEE = 300_001
"""Two arbiters cannot share it equally: one unit stays."""
ROLE_BOND = 10 * USD
PROVIDER_BOND = 50 * USD
ATTESTED = 5_000
"""Four H100 and one A100."""
SHARE = PROVIDER_BOND // 5
"""Of a lease of one device in the provider's bond."""
INTERVAL = 60
UNSIGNED = 5
DAY = 24 * HOUR
CHALLENGE = RESPONSE = DAY
VERDICT = 3 * DAY
EVIDENCE = keccak(b"bundle")
NO_EVIDENCE = bytes(32)

FINAL, CUT, CASE, AGENT_CLAIMED, FAULT = 1, 2, 4, 8, 16
HONEST, FAULTY, FRAUD, INCONCLUSIVE, UNCHALLENGED, UNANSWERED, SILENT, AGREED, PROVEN = range(1, 10)
NONE, USAGE, NO_SHOW = range(3)

ARBITERS = ("arbiter1", "arbiter2", "arbiter3")
BONDED = (*ARBITERS, "auditor1", "auditor2", "auditor3", "operator")
BURNED = "0x000000000000000000000000000000000000dEaD"
MONEYED = ("provider", "buyer", "other", "treasury", "stranger", "delegate", *BONDED)

_MONEY = ("account", "bond")


@dataclass(frozen=True)
class Lease:
    """One holder's position in one series."""

    series: int
    holder: str
    start: int
    end: int


@dataclass
class Court:
    """Everything that a test of a case needs."""

    bourse: Bourse
    silent_terms: int
    """The same terms without arbiters."""
    shared_terms: int
    """Quarters of an A100."""

    # -------------------------------------------------------------- leases

    def lease(self, buyer: str = "buyer", **changes: Any) -> Lease:
        """Fill one lease that starts in ten seconds; ``changes`` are the window's, or the terms."""
        shape = {"duration": HOUR, "milli": 1000, "price": PRICE} | changes
        number = shape.pop("terms", self.bourse.terms)
        shared = number == self.shared_terms
        start = shape.pop("start", chain.time() + 10)
        bid = self.bourse.bid(
            buyer,
            device_classes=A100 if shared else H100,
            max_price_per_gpu_hour=shape["price"],
            max_reservation_fee_bps=1_000,
            interruptible=True,
        )
        ask = self.bourse.ask(terms=number, price_per_gpu_hour=shape["price"])
        outcome = self.bourse.fill(ask, Fill(bid, start=start, **shape))
        assert "Filled" in outcome.events, outcome.reasons
        step = 250 if shared else 1000
        series = Series(start, shape["duration"], shape["price"] // TICK, step, number).id
        return Lease(series, buyer, start, start + shape["duration"])

    def running(self, buyer: str = "buyer", **changes: Any) -> Lease:
        """A lease, half an hour into it."""
        lease = self.lease(buyer, **changes)
        at(lease.start + HOUR // 2)
        return lease

    def key(self, lease: Lease) -> tuple[int, str]:
        return lease.series, self.bourse.address(lease.holder)

    def position(self, lease: Lease) -> Any:
        return self.bourse.market.positionOf(*self.key(lease))

    def used(self, lease: Lease) -> int:
        return int(self.position(lease)[2])

    def flags(self, lease: Lease) -> int:
        return int(self.position(lease)[4])

    def missed(self, lease: Lease) -> int:
        return int(self.position(lease)[5])

    def redeem(self, lease: Lease, used: int, **changes: Any) -> None:
        """Pay usage that both sides signed."""
        voucher = self.bourse.voucher(lease.series, used, lease.holder, **changes)
        outcome = self.bourse.redeem(self.bourse.signed(voucher, agent="agent"))
        assert "RedeemSkipped" not in outcome.events, outcome.reasons

    def close(self, lease: Lease) -> Any:
        outcome = self.bourse.close((lease.series, lease.holder))
        assert "Closed" in outcome.events, outcome.reasons
        return outcome

    # -------------------------------------------------------------- steps of a case

    def voucher(self, lease: Lease, used: int, **changes: Any) -> Voucher:
        return self.bourse.voucher(lease.series, used, lease.holder, **changes)

    def claim(
        self, lease: Lease, used: int, by: str = "provider", agent: str = "agent", **changes: Any
    ) -> Any:
        voucher = self.voucher(lease, used, **changes)
        signature = self.bourse.sign(voucher, agent)
        return self.call.claimUsage(as_tuple(voucher), signature, self.bourse.sends(by))

    def challenge(self, lease: Lease, by: str = "", evidence: bytes = EVIDENCE) -> Any:
        sender = self.bourse.sends(by or lease.holder)
        return self.call.challenge(*self.key(lease), evidence, sender)

    def no_show(self, lease: Lease, by: str = "", evidence: bytes = EVIDENCE) -> Any:
        sender = self.bourse.sends(by or lease.holder)
        return self.call.claimNoShow(*self.key(lease), evidence, sender)

    def answer(
        self,
        lease: Lease,
        used: int | None = None,
        by: str = "provider",
        evidence: bytes = EVIDENCE,
        of: Lease | None = None,
    ) -> Any:
        """Answer a no-show claim; with ``used`` it claims that usage."""
        voucher = self.voucher(of or lease, used or 0)
        signature = b"" if used is None else self.bourse.sign(voucher, "agent")
        sender = self.bourse.sends(by)
        return self.call.answer(*self.key(lease), evidence, as_tuple(voucher), signature, sender)

    def verdict(self, lease: Lease, outcome: int, **changes: Any) -> Verdict:
        number = int(self.call.caseNumberOf(*self.key(lease)))
        plain = Verdict(lease.series, self.bourse.address(lease.holder), number, outcome, EVIDENCE)
        return replace(plain, **changes)

    def decide(
        self, lease: Lease, outcome: int, by: tuple[str, ...] = ARBITERS[:2], **changes: Any
    ) -> Any:
        verdict = self.verdict(lease, outcome, **changes)
        signatures = [self.sign_verdict(verdict, name) for name in by]
        return self.call.decide(as_tuple(verdict), signatures, self.bourse.sends("stranger"))

    def sign_verdict(self, verdict: Verdict, name: str) -> bytes:
        return self.bourse.keys[name].sign(verdict, Domain(chain.id, self.call.address))

    def resolve(self, lease: Lease) -> Any:
        return self.call.resolve(*self.key(lease), self.bourse.sends("stranger"))

    def release(self, lease: Lease, by: str = "provider", evidence: bytes = EVIDENCE) -> Any:
        return self.call.release(*self.key(lease), evidence, self.bourse.sends(by))

    def interrupt(self, lease: Lease, by: str = "provider") -> Any:
        return self.call.interrupt(*self.key(lease), self.bourse.sends(by))

    # -------------------------------------------------------------- proofs

    def receipt(self, lease: Lease, **changes: Any) -> Receipt:
        plain = Receipt(
            series=lease.series,
            holder=self.bourse.address(lease.holder),
            sequence=1,
            interval_start=lease.start,
            interval_end=lease.start + INTERVAL,
            used_gpu_ms=60_000,
            samples_root=keccak(b"samples"),
            devices=(device_hash("GPU-0"),),
            simulated=True,
        )
        return replace(plain, **changes)

    def signed_receipts(
        self, first: Receipt, second: Receipt, by: tuple[str, str] = ("agent", "agent")
    ) -> tuple[Any, ...]:
        sign = self.bourse.sign
        return (as_tuple(first), sign(first, by[0]), as_tuple(second), sign(second, by[1]))

    # -------------------------------------------------------------- what a call changed

    @property
    def call(self) -> Any:
        return self.bourse.arbitration

    def case(self, lease: Lease) -> Any:
        return self.call.caseOf(*self.key(lease))

    def balances(self) -> dict[str, int]:
        """Accounts in the market, and the bonds."""
        return self._balances(read(self._views()))

    def state(self, *leases: Lease) -> tuple[Any, ...]:
        """What a refused call must not change."""
        found = read(self._views(*leases))
        others = {label: value for label, value in found.items() if label[0] not in _MONEY}
        return self._balances(found), others

    def _views(self, *leases: Lease) -> dict[Label, View]:
        of = self.bourse
        named = {name: of.address(name) for name in MONEYED}
        named |= {"court": self.call.address, "burned": BURNED}
        views: dict[Label, View] = {
            ("held",): (of.market, "totalHeld", ()),
            ("tokens",): (of.token, "balanceOf", (of.market.address,)),
        }
        for name, address in named.items():
            views["account", name] = (of.market, "accountOf", (address,))
        for name in ("provider", *BONDED):
            views["bond", name] = (of.registry, "bondOf", (of.address(name),))
        for lease in leases:
            views["position", lease] = (of.market, "positionOf", self.key(lease))
            views["case", lease] = (self.call, "caseOf", self.key(lease))
        return views

    def _balances(self, found: dict[Label, Value]) -> dict[str, int]:
        accounts = {label[1]: value[0] for label, value in found.items() if label[0] == "account"}
        bonds = {
            f"bond of {label[1]}": value[0] + value[1]
            for label, value in found.items()
            if label[0] == "bond"
        }
        return accounts | bonds

    def moved(self, action: Callable[[], Any]) -> dict[str, int]:
        """What an action does to every account and bond, where it does something."""
        before, held = self.balances(), self.bourse.market.totalHeld()
        action()
        assert self.bourse.market.totalHeld() == held
        changes = {name: amount - before[name] for name, amount in self.balances().items()}
        return {name: change for name, change in changes.items() if change}

    def refused(
        self, lease: Lease | None, action: Callable[[], Any], error: str, *values: Any
    ) -> None:
        """The action reverts with this error, whatever values it has if none are given."""
        leases = (lease,) if lease else ()
        before = self.state(*leases)
        expected = (
            reverts(error, *values) if values else brownie.reverts(revert_pattern=f"{error}: .*")
        )
        with expected:
            action()
        assert self.state(*leases) == before


def at(time: int) -> None:
    """The next block is not before this time."""
    chain.mine(timestamp=time)


def paid(used: int, price: int = PRICE) -> int:
    """What usage costs its holder."""
    return payment_down(used, price // TICK)


def bond_of(amount: int) -> int:
    """What disputing an amount takes."""
    return max(DISPUTE_FEE, amount // 5)


def open_court() -> Court:
    """A provider with four H100 and an A100 in quarters; arbiters, auditors, operator bonded."""
    reader()
    bourse = deploy(dispute_fee=DISPUTE_FEE, role_bond=ROLE_BOND)
    for name in (*BONDED, "agent", "delegate"):
        _make_sender(bourse, name)
    for name in BONDED:
        bourse.pay_in(name, ROLE_BOND)
        bourse.market.bond(ROLE_BOND, bourse.sends(name))
    bourse.pay_in("delegate", 100 * USD)
    open_for_business(bourse)
    quarter = bourse.attestation("A100-0", device_class=A100, lane_milli=250)
    bourse.attest(quarter)
    court = {
        "reservation_fee_bps": 1_000,
        "sla_credit_bps": 5_000,
        "interruptible": True,
        "notice": 600,
        "arbiter_set": 1,
    }
    shared = court | {"device_class": A100, "step": 250, "isolation": MPS}
    numbers = [_register(bourse, **x) for x in (court, court | {"arbiter_set": 0}, shared)]
    bourse.terms = numbers[0]
    return Court(bourse, *numbers[1:])


def _make_sender(bourse: Bourse, name: str) -> None:
    bourse.keys.setdefault(name, signer(name))
    bourse.accounts[name] = accounts.add(bourse.keys[name].secret_hex())
    accounts[0].transfer(bourse.accounts[name], 10**18)


def _register(bourse: Bourse, **changes: Any) -> int:
    bourse.registry.registerTerms(terms(**changes), bourse.sends("provider"))
    return int(bourse.registry.termsCount())


def challenged(court: Court, used: int = 200_001, redeemed: int = 0, **shape: Any) -> Lease:
    """A lease whose usage claim the holder challenged."""
    lease = court.running(**shape)
    if redeemed:
        court.redeem(lease, redeemed)
    court.claim(lease, used)
    court.challenge(lease)
    return lease


def answered(court: Court, used: int | None = None, redeemed: int = 0, **shape: Any) -> Lease:
    """A lease whose no-show claim the provider answered."""
    lease = court.running(**shape)
    if redeemed:
        court.redeem(lease, redeemed)
    court.no_show(lease)
    court.answer(lease, used)
    return lease
