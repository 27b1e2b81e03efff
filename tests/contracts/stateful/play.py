"""What the random calls of one run have in common: dice, people, and what was signed before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from bourse import Bourse, compact
from model.orders import Wanted
from model.parts import HOUR, Case, Flag, Lease, Position, series_of
from model.state import State
from words import malleable

from contracts.protocol.eip712 import Domain, Struct
from contracts.protocol.typed_data import Ask, Receipt, Verdict
from stateful.twin import Twin

T = TypeVar("T")
EVIDENCE = b"\x07" * 32
HOLDERS = ("buyer", "other", "wallet", "rival")
PAUSES = (1, 1, 2, 7, 25)


@dataclass
class Play:
    """One run: the twin, and the orders and vouchers that may come again."""

    twin: Twin
    wallet: str
    dice: Random = field(default_factory=Random)
    nonces: dict[str, int] = field(default_factory=dict)
    asks: list[tuple[Ask, bytes, str | None]] = field(default_factory=list)
    bids: list[tuple[Wanted, tuple[Any, ...]]] = field(default_factory=list)
    vouchers: list[tuple[Any, Any]] = field(default_factory=list)
    receipts: list[tuple[Receipt, str]] = field(default_factory=list)
    verdicts: list[tuple[Verdict, str]] = field(default_factory=list)
    announced: list[tuple[bytes, str, tuple[Any, ...]]] = field(default_factory=list)
    devices: int = 0

    # -------------------------------------------------------------- who and when

    @property
    def bourse(self) -> Bourse:
        return self.twin.bourse

    @property
    def model(self) -> State:
        return self.twin.model

    @property
    def now(self) -> int:
        """When the next call will be made, at the earliest."""
        return self.twin.now + 1

    def address(self, name: str) -> str:
        return self.wallet if name == "wallet" else self.bourse.address(name)

    def name_of(self, address: str) -> str:
        return "wallet" if address == self.wallet else self.bourse.name_of(address)

    def key_of(self, address: str) -> str:
        """Whose key signs for an account."""
        name = self.name_of(address)
        return "owner" if name == "wallet" else name

    def pick(self, *options: T) -> T:
        return self.dice.choice(options)

    def one_in(self, count: int) -> bool:
        return self.dice.randrange(count) == count - 1

    def next_nonce(self, account: str) -> int:
        """Mostly one that was never used; now and then one that was, or one far ahead."""
        if self.one_in(20):
            return self.dice.randrange(4)
        nonce = self.nonces.get(account, -1) + (150 if self.one_in(25) else 1)
        of = self.model.accounts[account]
        self.nonces[account] = nonce if of.is_open(nonce) else max(of.spent) + 1
        return self.nonces[account]

    # -------------------------------------------------------------- leases

    def leases(self, suits: Callable[[Lease, Position], bool] | None = None) -> list[Lease]:
        """Those that are held, oldest first."""
        return [
            lease
            for lease, position in self.model.positions.items()
            if position.units and (suits is None or suits(lease, position))
        ]

    def some(self, leases: Sequence[Lease], most: int = 1) -> list[Lease]:
        """A few of them, or none."""
        if not leases:
            return []
        return [self.dice.choice(leases) for _ in range(self.dice.randrange(most) + 1)]

    def is_unstarted(self, lease: Lease, position: Position) -> bool:
        return series_of(lease[0]).start > self.now + self.model.times.freeze

    def is_started(self, lease: Lease, position: Position) -> bool:
        return series_of(lease[0]).start <= self.now

    def is_usable(self, lease: Lease, position: Position) -> bool:
        return self.is_started(lease, position) and Flag.FINAL not in position.flags

    def is_over(self, lease: Lease, position: Position) -> bool:
        """Whether it may close, but for an open case."""
        late = self.now > position.end + self.model.times.redeem_grace
        return late or (Flag.FINAL in position.flags and self.is_started(lease, position))

    def case(self, lease: Lease) -> Case:
        return self.model.cases.get(lease, Case())

    def provider_of(self, lease: Lease) -> str:
        return self.model.terms_of(series_of(lease[0]).terms).provider

    # -------------------------------------------------------------- signatures

    @property
    def market_domain(self) -> Domain:
        return self.bourse.market_domain

    def sign(self, struct: Struct, name: str, domain: Domain | None = None) -> bytes:
        return self.bourse.keys[name].sign(struct, domain or self.market_domain)

    def signed_by(self, struct: Struct, account: str) -> tuple[bytes, str | None]:
        """A signature for an account, mostly a good one, and whose it is."""
        key = self.key_of(account)
        signature = self.sign(struct, key)
        good = self.wallet if account == self.wallet else self.address(key)
        if not self.one_in(24):
            if account != self.wallet and self.one_in(2):
                return compact(signature), good
            return signature, good
        if self.one_in(2):
            return self.sign(struct, "stranger"), self.address("stranger")
        return self.pick(malleable(signature), signature[:63], b""), None

    # -------------------------------------------------------------- calls

    def call(
        self,
        caller: str,
        contract: str,
        function: str,
        values: Sequence[Any],
        effect: Callable[..., list[str] | None],
        *args: Any,
        wait: int | None = None,
    ) -> str | None:
        """Encode a call and make it on both sides, a few seconds after the last."""
        target = getattr(self.bourse, contract)
        data = getattr(target, function).encode_input(*values)
        pause = self.pick(*PAUSES) if wait is None else wait
        return self.twin.call(caller, target, data, effect, *args, wait=pause)

    # -------------------------------------------------------------- time

    def moments(self) -> list[int]:
        """When something may happen: starts, ends, deadlines, and a second before or after."""
        times, state = self.model.times, self.model
        found = {self.now + seconds for seconds in (60, 1500, HOUR, 26 * HOUR)}
        for lease in self.leases():
            start, position = series_of(lease[0]).start, state.positions[lease]
            found |= {start, start - times.freeze, start + times.start_grace + 1, position.end}
            found |= {(start + position.end) // 2, position.end + times.redeem_grace + 1}
            if state.cases[lease].kind:
                found.add(state.cases[lease].deadline)
        found |= {b.unbonding_ends for b in state.bonds.values()}
        found |= set(state.scheduled.values()) | {state.parameters.paused_until}
        shifts = (0, 0, 0, 1, -1)
        later = sorted(moment for moment in found if moment > self.now + 30)
        return [moment + self.pick(*shifts) for moment in later[:4]]
