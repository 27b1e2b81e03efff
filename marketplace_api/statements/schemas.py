"""A statement."""

from __future__ import annotations

from pydantic import Field

from marketplace_api.schemas import Answer, WideInt


class Balance(Answer):
    """One asset over the period."""

    opening: WideInt
    closing: WideInt


class Balances(Answer):
    """What the wallet has: its account on chain, and GPU time that it holds."""

    payment_token: Balance
    gpu_ms: Balance
    escrow: Balance = Field(description="Of the payment token, what open leases may still cost")
    bond: Balance


class Line(Answer):
    """One movement of one account of the wallet."""

    at: int
    kind: str = Field(examples=["redeemed"])
    account: str = Field(examples=["balance"])
    asset: str = Field(examples=["payment_token"])
    amount: WideInt
    lease: str | None
    transaction: str | None


class Totals(Answer):
    """Sums over the period, in the payment token."""

    paid: WideInt = Field(description="Out of escrow for usage, the fee included")
    refunded: WideInt = Field(description="Out of escrow back to the account")
    fee: WideInt = Field(description="Taken from what this wallet was paid as provider")
    earned: WideInt = Field(description="Paid to this wallet, the fee deducted")


class Statement(Answer):
    """From the double-entry books, which are posted from events of the chain only."""

    wallet: str
    balances: Balances
    totals: Totals
    lines: list[Line]
