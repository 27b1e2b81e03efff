"""What the API answers, as frozen dataclasses; money, prices and usage are integers as signed."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.protocol.deployment import Constants
from contracts.protocol.eip712 import Domain
from contracts.protocol.lifecycle import JobStatus, LeaseStatus, OrderStatus
from contracts.protocol.series import Series
from contracts.protocol.typed_data import Acknowledgement, Receipt
from contracts.protocol.units import GPU_MS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Nonce:
    """What a login message must contain."""

    nonce: str
    domain: str
    uri: str
    chain_id: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Session:
    """A bearer token and the wallet that it stands for."""

    token: str
    wallet: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Market:
    """Where the contracts stand and what they were built with."""

    chain_id: int
    rpc_url: str
    payment_token: str
    market: str
    registry: str
    parameters: str
    resale: str
    arbitration: str
    fee_bps: int
    constants: Constants
    treasury: str
    operator: str
    """Signs acknowledgements; the filler that orders may name."""
    allow_simulated: bool
    deployed_block: int
    now: int
    auditors: tuple[str, ...] = ()

    @property
    def domain(self) -> Domain:
        """Domain of orders, receipts and vouchers."""
        return Domain(self.chain_id, self.market)


@dataclass(frozen=True, slots=True)
class Account:
    """One's own account, as of the last confirmed block."""

    wallet: str
    balance: int
    free: int
    """Less what open bids and fills on their way may take."""
    epoch: int
    next_nonce: int
    delegate: str | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a provider."""

    uuid: str
    device_class: str
    milli: int
    simulated: bool
    healthy: bool | None = None
    attested_until: int | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as the bourse knows it."""

    wallet: str
    agent: str | None
    bond: int = 0
    name: str | None = None
    region: str | None = None
    online: bool = False
    last_seen: int | None = None
    devices: tuple[Device, ...] = ()


@dataclass(frozen=True, slots=True)
class SignedAcknowledgement:
    """The operator's signed word about an order: keep it, it proves fraud."""

    acknowledgement: Acknowledgement
    signature: bytes
    signer: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """One holder's position in one series."""

    id: str
    status: str
    holder: str
    provider: str
    milli: int
    units: int
    start: int
    end: int
    price_per_gpu_hour: int
    cost: int
    series: int | None = None
    device_class: str | None = None
    isolation: int = 0
    used_gpu_ms: int = 0
    paid: int = 0
    refunded: int = 0
    fee: int = 0
    missed_intervals: int = 0
    reservation_fee: int = 0
    sla_credit: int = 0
    is_disputed: bool = False
    simulated: bool = False
    ask: str | None = None
    bid: str | None = None
    fill_transaction: str | None = None
    redeem_transaction: str | None = None
    close_transaction: str | None = None
    reason: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing follows."""
        return self.status in (LeaseStatus.CLOSED, LeaseStatus.FAILED, LeaseStatus.MOVED)

    @property
    def gpu_ms(self) -> int:
        """GPU-ms that were bought."""
        return self.milli * (self.end - self.start)

    @property
    def window(self) -> Series | None:
        """What the token id itself says, if the lease has one yet."""
        return Series.from_id(self.series) if self.series else None


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that stands in the log."""

    digest: str
    sequence: int
    status: str
    acknowledgement: SignedAcknowledgement
    leases: tuple[Lease, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """An order of one's own."""

    digest: str
    side: str
    maker: str
    status: str
    sequence: int
    deadline: int
    reason: str | None = None
    price_per_gpu_hour: int | None = None
    """Of a bid, the highest."""
    nonce: int | None = None
    lease: str | None = None
    """What a bid became."""
    acknowledgement: SignedAcknowledgement | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still be matched."""
        return self.status == OrderStatus.OPEN


@dataclass(frozen=True, slots=True)
class Offer:
    """One ask of the book."""

    digest: str
    price_per_gpu_hour: int
    seller: str | None = None
    provider: str | None = None
    device_class: str | None = None
    free_milli: int | None = None
    window_start: int = 0
    window_end: int = 0
    isolation: int = 0
    terms: int | None = None
    reservation_fee_bps: int = 0
    sla_credit_bps: int = 0
    interruptible: bool = False
    notice: int = 0
    arbiter_set: int = 0
    quantity: int = 0
    max_fills: int = 0
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a job left behind, by content."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Job:
    """What runs under a lease."""

    id: str
    lease: str
    status: str
    name: str = ""
    argv: tuple[str, ...] = ()
    exit_code: int | None = None
    reason: str | None = None
    peak_memory_bytes: int | None = None
    outputs: tuple[Output, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing follows."""
        return JobStatus(self.status).is_over


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A receipt with the agent's two signatures and, once given, the holder's."""

    receipt: Receipt
    signature: bytes
    voucher_signature: bytes
    holder_signature: bytes | None = None
    samples: str | None = None
    """Digest of the file with the metering samples."""

    @property
    def sequence(self) -> int:
        """Place in the chain of receipts of the lease."""
        return self.receipt.sequence


@dataclass(frozen=True, slots=True)
class Balance:
    """One asset of a statement."""

    opening: int
    closing: int


@dataclass(frozen=True, slots=True)
class Balances:
    """Everything that a wallet has in the market."""

    payment_token: Balance
    """Its account."""
    gpu_ms: Balance
    """GPU time that it holds."""
    escrow: Balance
    """What its open leases may still cost."""
    bond: Balance


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement of one account of the wallet."""

    at: int
    kind: str
    account: str
    asset: str
    amount: int
    lease: str | None = None
    transaction: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the period of a statement."""

    paid: int = 0
    refunded: int = 0
    fee: int = 0
    earned: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """What one wallet owned, paid, earned and got back."""

    wallet: str
    balances: Balances
    totals: Totals
    lines: tuple[StatementLine, ...] = ()


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the public order log."""

    sequence: int
    kind: str
    digest: str
    maker: str


def gpu_hours_text(gpu_ms: int) -> str:
    """GPU-hours to three places (a lot is 0.001), never rounded silently."""
    whole, rest = divmod(abs(gpu_ms), GPU_MS_PER_HOUR)
    sign = "-" if gpu_ms < 0 else ""
    digits = f"{rest * 10**7 // GPU_MS_PER_HOUR:07d}".rstrip("0").ljust(3, "0")
    return f"{sign}{whole}.{digits}"
