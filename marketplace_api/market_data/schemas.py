"""Answers of the public endpoints."""

from __future__ import annotations

from pydantic import Field

from marketplace_api.schemas import Answer, WideInt


class ConstantsView(Answer):
    """Time constants of the contracts, in seconds."""

    start_grace: int
    freeze: int
    redeem_grace: int
    challenge: int = Field(description="How long a holder may challenge what an agent claims")
    response: int = Field(description="How long a provider may answer a no-show claim")
    verdict: int = Field(description="How long the arbiters may take over a disputed case")


class MarketView(Answer):
    """Where the contracts stand and what they were built with."""

    chain_id: int
    rpc_url: str
    deployed_block: int = Field(description="Logs before it cannot be of these contracts")
    payment_token: str
    market: str
    registry: str
    parameters: str
    resale: str
    arbitration: str
    metadata: str
    timelock: str
    treasury: str
    operator: str = Field(description="Signs acknowledgements; the filler that orders may name")
    auditors: list[str]
    auditor_threshold: int
    fee_bps: int
    tick: int = Field(description="Prices are multiples of this")
    lot_gpu_ms: int = Field(description="milli x seconds is a multiple of this")
    min_bond_per_milli: WideInt
    allow_simulated: bool
    constants: ConstantsView
    max_open_order_life: int
    max_order_life: int
    max_duration: int
    max_ahead: int
    now: int


class OfferView(Answer):
    """One open ask."""

    digest: str
    sequence: int
    seller: str
    terms: int
    device_class: str
    isolation: int
    step: int
    price_per_gpu_hour: WideInt
    free_milli: int = Field(description="A hint: what is free in the first hour of its window")
    min_milli: int
    max_milli: int
    window_start: int
    window_end: int
    min_duration: int
    max_duration: int
    deadline: int
    reservation_fee_bps: int
    sla_credit_bps: int
    interruptible: bool
    notice: int = Field(description="Seconds between the notice of an interruption and its end")
    arbiter_set: int = Field(description="Who decides cases; 0 for nobody")
    quantity: int = Field(description="GPU-ms that the ask sells in all; 0 as much as is free")
    max_fills: int = Field(description="How often it sells; 0 without a limit")
    online: bool
    simulated: bool


class BookView(Answer):
    """Open asks of one class, cheapest first."""

    device_class: str
    asks: list[OfferView]


class AccountView(Answer):
    """Your account in `GpuMarket`, as of the last confirmed block."""

    wallet: str
    balance: WideInt
    pending: WideInt = Field(description="What fills on their way will take")
    reserved: WideInt = Field(description="What your open bids may take at most")
    free: WideInt
    epoch: int
    next_nonce: WideInt = Field(description="Above every nonce that you used here")
    delegate: str | None


class Health(Answer):
    """Whether the process works."""

    status: str
