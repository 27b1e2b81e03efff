"""Everything that the protocol remembers, and what follows from it: the reference model's state.

The model is written from the design and the interfaces, not from the contracts: an hour's sold
lanes are counted from the positions that touch it, capacity from the devices, a nonce's fate from a
set.
"""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from model.parts import (
    ZERO,
    Account,
    Bond,
    Capacity,
    Case,
    Device,
    Lease,
    Parameters,
    Position,
    Record,
    Refused,
    Terms,
    Times,
    hours_of,
    series_of,
)

from contracts.protocol.units import MILLI_PER_DEVICE, cost, payment_down


@dataclass
class State:
    """Everything."""

    parameters: Parameters
    market: str
    arbitration: str
    governor: str
    pauser: str
    timelock: str
    times: Times = field(default_factory=Times)
    now: int = 0
    tokens: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Payment tokens outside the market, and the market's own."""
    donated: int = 0
    accounts: defaultdict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    delegates: dict[str, str] = field(default_factory=dict)
    delegate_until: dict[tuple[str, str], int] = field(default_factory=dict)
    positions: defaultdict[Lease, Position] = field(default_factory=lambda: defaultdict(Position))
    records: defaultdict[str, Record] = field(default_factory=lambda: defaultdict(Record))
    agents: dict[str, str] = field(default_factory=dict)
    agent_until: dict[tuple[str, str], int] = field(default_factory=dict)
    terms: list[Terms] = field(default_factory=list)
    devices: defaultdict[bytes, Device] = field(default_factory=lambda: defaultdict(Device))
    capacities: dict[tuple[str, bytes], Capacity] = field(default_factory=dict)
    bonds: defaultdict[str, Bond] = field(default_factory=lambda: defaultdict(Bond))
    cases: defaultdict[Lease, Case] = field(default_factory=lambda: defaultdict(Case))
    proven: set[bytes] = field(default_factory=set)
    scheduled: dict[bytes, int] = field(default_factory=dict)
    """Calls that wait in the timelock, and from when on they may be made; 1 when done."""

    # -------------------------------------------------------------- money

    def credit(self, account: str, amount: int) -> None:
        self.accounts[account].balance += amount

    def debit(self, account: str, amount: int) -> None:
        if amount > self.accounts[account].balance:
            raise Refused("InsufficientBalance")
        self.accounts[account].balance -= amount

    def escrow(self, lease: Lease) -> int:
        """What a position still holds of its price."""
        position, ticks = self.positions[lease], series_of(lease[0]).ticks
        return cost(position.units, ticks) - payment_down(position.used, ticks)

    @property
    def total_held(self) -> int:
        """Rule 1."""
        balances = sum(account.balance for account in self.accounts.values())
        escrows = sum(self.escrow(lease) for lease in list(self.positions))
        return balances + escrows + sum(bond.whole for bond in self.bonds.values())

    # -------------------------------------------------------------- who speaks for whom

    def speaks_for(self, account: str, key: str | None) -> bool:
        """Whether a key counter-signs usage for an account."""
        if key is None:
            return False
        if key in (account, self.delegates.get(account)):
            return True
        return self.now <= self.delegate_until.get((account, key), -1)

    def is_agent(self, provider: str, key: str | None) -> bool:
        if key is None:
            return False
        return key == self.agents.get(provider) or self.now <= self.agent_until.get(
            (provider, key), -1
        )

    def was_agent(self, provider: str, key: str | None, at: int) -> bool:
        """Whether what a key signed about a time binds the provider."""
        if key is None:
            return False
        return key == self.agents.get(provider) or at <= self.agent_until.get((provider, key), -1)

    # -------------------------------------------------------------- capacity

    def terms_of(self, number: int) -> Terms:
        if not 0 < number <= len(self.terms):
            return Terms(provider=ZERO, fee_bps=0, device_class=bytes(32), receipt_interval=0)
        return self.terms[number - 1]

    def devices_of(self, provider: str, device_class: bytes) -> list[Device]:
        return [
            device
            for device in self.devices.values()
            if (device.provider, device.device_class) == (provider, device_class)
        ]

    def lanes(self, provider: str, device_class: bytes) -> int:
        if (provider, device_class) not in self.capacities:
            return 0
        per_device = MILLI_PER_DEVICE // self.capacities[provider, device_class].lane_milli
        return per_device * len(self.devices_of(provider, device_class))

    def expiry(self, provider: str, device_class: bytes) -> int:
        """The earliest among the devices; a revoked one has none."""
        devices = self.devices_of(provider, device_class)
        return min((0 if d.is_revoked else d.expiry for d in devices), default=0)

    def is_lapsed(self, number: int) -> bool:
        terms = self.terms_of(number)
        key = (terms.provider, terms.device_class)
        return self.lanes(*key) == 0 or self.now >= self.expiry(*key)

    def attested(self, provider: str) -> Iterator[tuple[Capacity, int]]:
        """Each class with its attested milli."""
        for (owner, device_class), capacity in self.capacities.items():
            if owner == provider:
                count = len(self.devices_of(owner, device_class))
                yield capacity, count * MILLI_PER_DEVICE

    def attested_milli(self, provider: str) -> int:
        return sum(milli for _, milli in self.attested(provider))

    def required_bond(self, provider: str) -> int:
        return sum(
            milli * capacity.min_bond_per_milli for capacity, milli in self.attested(provider)
        )

    def free_bond(self, account: str) -> int:
        return max(0, self.bonds[account].bonded - self.required_bond(account))

    def lease_bond(self, provider: str, milli: int) -> int:
        """The most that one lease may cost the bond: bond x milli / attested milli."""
        whole, attested = self.bonds[provider].whole, self.attested_milli(provider)
        return whole if milli >= attested else whole * milli // attested

    # -------------------------------------------------------------- hours

    def hours(self, lease: Lease) -> range:
        """The hours that a position keeps others from: all that its window touches."""
        return hours_of(series_of(lease[0]).start, self.positions[lease].end)

    def sold(self, provider: str, device_class: bytes) -> Counter[int]:
        """Lanes that positions keep, by hour; of the running and later hours."""
        sold: Counter[int] = Counter()
        if (provider, device_class) not in self.capacities:
            return sold
        lane = self.capacities[provider, device_class].lane_milli
        for lease, position in self.positions.items():
            terms = self.terms_of(series_of(lease[0]).terms)
            if position.units and (terms.provider, terms.device_class) == (provider, device_class):
                sold.update(dict.fromkeys(self.hours(lease), position.milli // lane))
        return sold

    # -------------------------------------------------------------- positions

    def add_units(self, lease: Lease, units: int, milli: int, end: int) -> None:
        position = self.positions[lease]
        position.units += units
        position.milli += milli
        position.end = end

    def remove_units(self, lease: Lease, units: int, milli: int) -> None:
        position = self.positions[lease]
        if units == position.units:
            self.positions[lease] = Position()
        else:
            position.units -= units
            position.milli -= milli

    def elapsed(self, lease: Lease) -> int:
        """GPU-ms of a position that lie behind us."""
        position = self.positions[lease]
        seconds = min(self.now, position.end) - series_of(lease[0]).start
        return position.milli * max(0, seconds)

    def copy_of(self, lease: Lease) -> Position:
        """To read: unlike the mapping itself it remembers nothing new."""
        return replace(self.positions.get(lease, Position()))

    # -------------------------------------------------------------- trials

    def clone(self) -> State:
        """An independent copy; what is frozen is shared."""
        twin = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, (dict, list, set)):
                setattr(twin, name, value.copy())
        twin.parameters = replace(
            self.parameters,
            arbiter_sets=list(self.parameters.arbiter_sets),
            class_bonds=dict(self.parameters.class_bonds),
        )
        for account, word in self.accounts.items():
            twin.accounts[account] = replace(word, spent=set(word.spent))
        for kept in (twin.positions, twin.devices, twin.capacities, twin.bonds, twin.cases):
            entries: dict[Any, Any] = kept
            for key, entry in entries.items():
                entries[key] = replace(entry)
        return twin
