"""Leases on chosen terms, and what both sides sign about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from bourse import HOUR, OK, PRICE, REDEEM_GRACE, Bourse, Fill, terms
from brownie import chain

from contracts.protocol.typed_data import Voucher
from contracts.scripts.suite import Times

LONGEST_CASE = max(Times().challenge, Times().response) + Times().verdict
UNBONDING = REDEEM_GRACE + LONGEST_CASE
"""From the last sold hour until a bond leaves."""
INTERVAL = 60
"""Seconds between two receipts in `bourse.terms()`."""


@dataclass(frozen=True)
class Lease:
    """One position of the buyer, and the little that a test says of it."""

    bourse: Bourse
    series: int
    start: int
    end: int
    milli: int
    holder: str = "buyer"

    @property
    def key(self) -> tuple[int, str]:
        return self.series, self.holder

    @property
    def cost(self) -> int:
        """At `PRICE`."""
        return self.milli * (self.end - self.start) * PRICE // (1000 * HOUR)

    def position(self) -> tuple[int, ...]:
        """(units, milli, used, end, flags, missed)."""
        found = self.bourse.market.positionOf(self.series, self.bourse.address(self.holder))
        return tuple(int(part) for part in found)

    def until(self, second: int) -> None:
        """Let time pass up to so long after the start."""
        chain.mine(timestamp=self.start + second)

    def voucher(self, used: int, **changes: Any) -> Voucher:
        return self.bourse.voucher(self.series, used, self.holder, **changes)

    def signed(self, used: int, *, agent: str | None = "agent", **changes: Any) -> tuple[Any, ...]:
        """By both sides."""
        return self.bourse.signed(self.voucher(used, **changes), agent=agent)

    def redeem(self, used: int, **changes: Any) -> Any:
        """Redeem what both sides signed; it must go through."""
        outcome = self.bourse.redeem(self.signed(used, **changes))
        assert outcome.reasons == (OK,)
        return outcome

    def close(self, by: str = "stranger") -> Any:
        """Close; it must go through."""
        outcome = self.bourse.close(self.key, by=by)
        assert outcome.reasons == (OK,)
        return outcome

    def close_at_end(self) -> Any:
        """Let the grace pass, and close."""
        chain.mine(timestamp=self.end + REDEEM_GRACE + 1)
        return self.close()


def register_terms(bourse: Bourse, **changes: Any) -> int:
    """Number of the provider's new terms."""
    bourse.registry.registerTerms(terms(**changes), bourse.sends("provider"))
    return int(bourse.registry.termsCount())


def on_terms(bourse: Bourse, **changes: Any) -> Bourse:
    """The same bourse, whose orders name new terms."""
    return replace(bourse, terms=register_terms(bourse, **changes))


def lease_on(
    bourse: Bourse,
    *,
    duration: int = HOUR,
    milli: int = 1000,
    start: int = 0,
    holder: str = "buyer",
    **changes: Any,
) -> Lease:
    """A lease on new terms (`changes`), from soon where no start is given."""
    on = on_terms(bourse, **changes) if changes else bourse
    start = start or chain.time() + 10
    shape = {"start": start, "duration": duration, "milli": milli}
    wishes = {"max_reservation_fee_bps": 10_000, "interruptible": True, "milli": milli}
    assert on.fill(on.ask(), Fill(on.bid(holder, **wishes), **shape)).reasons == ((OK,),)
    series = on.series(start=start, duration=duration)
    return Lease(on, series, start, start + duration, milli, holder)
