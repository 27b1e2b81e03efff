"""What the logs of the contracts add up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contracts.protocol.series import Series
from contracts.protocol.units import LOT_GPU_MS, cost, payment_down


@dataclass(frozen=True, slots=True)
class Key:
    """One holder's part of one series."""

    series: int
    holder: str

    @property
    def ticks(self) -> int:
        """Price of a lot."""
        return Series.from_id(self.series).ticks


@dataclass(slots=True)
class LeaseSums:
    """What the logs say of one position."""

    minted: int = 0
    """Units."""
    burned: int = 0
    moved_in: int = 0
    moved_out: int = 0
    used_gpu_ms: int = 0
    paid: int = 0
    """What left the escrow for usage, fee included."""
    fee: int = 0
    refunded: int = 0
    reservation_fee: int = 0
    """What left the escrow at the end because the provider had stood ready."""
    recut: int = 0
    """Of the units burned, those that a split or merge minted again in other windows."""
    closed: int = 0
    """How often the position was closed."""
    payments: list[tuple[int, int, int]] = field(default_factory=list)
    """(used GPU-ms, payment, fee) of each redemption, in order."""
    transactions: list[tuple[str, str]] = field(default_factory=list)
    """(fill, redeem or close; hash), in order."""

    @property
    def units(self) -> int:
        """Units outstanding."""
        return self.minted + self.moved_in - self.burned - self.moved_out


@dataclass(slots=True)
class History:
    """All movements up to a block."""

    block: int
    transfers_in: int = 0
    """Payment tokens that came to the market, by the token's own logs."""
    transfers_out: int = 0
    deposited: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    withdrawn: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    bonded: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    released: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    earned: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Payments less fees, by provider."""
    moved: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """What else changed accounts: reservation fees, resales, claim bonds, credits, slashes."""
    bonds_lost: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Credits and slashes, by whose bond they came from."""
    treasury: str = ""
    """Whom fees are credited to from here on."""
    treasuries: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Fees of usage, by whom they were credited to."""
    fees: int = 0
    fees_of: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """What was taken from each provider's payments."""
    spent: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Costs of fills, by buyer."""
    refunded: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    providers: dict[int, str] = field(default_factory=dict)
    """Of terms, by number."""
    fee_bps: dict[int, int] = field(default_factory=dict)
    """Of terms, by number."""
    leases: dict[Key, LeaseSums] = field(default_factory=lambda: defaultdict(LeaseSums))

    def wallets(self) -> Sequence[str]:
        """Everyone whose account moved."""
        books: tuple[Mapping[str, int], ...] = (
            self.deposited,
            self.withdrawn,
            self.bonded,
            self.released,
            self.earned,
            self.spent,
            self.refunded,
            self.moved,
            self.treasuries,
        )
        return sorted({wallet for book in books for wallet in book})


@dataclass(frozen=True, slots=True)
class Units:
    """What a wallet holds of GPU time."""

    gpu_ms: int
    escrow: int


def units_of(history: History, wallet: str) -> Units:
    """GPU time of a wallet that is not closed, and what it may still cost."""
    gpu_ms = escrow = 0
    for key, sums in history.leases.items():
        if key.holder == wallet:
            gpu_ms += sums.units * LOT_GPU_MS
            escrow += escrow_of(key, sums)
    return Units(gpu_ms, escrow)


def escrow_of(key: Key, sums: LeaseSums) -> int:
    """Money that an open position still holds: its cost less what its usage was paid."""
    if not sums.units:
        return 0
    return cost(sums.units, key.ticks) - payment_down(sums.used_gpu_ms, key.ticks)
