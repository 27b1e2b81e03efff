"""Sales between holders: asks that name a series, and the batches that fill them."""

from __future__ import annotations

from typing import Any

from bourse import Bourse, Fill, Outcome
from brownie import chain

from contracts.protocol.hashing import keccak
from contracts.protocol.series import Series
from contracts.protocol.typed_data import Ask


def offer(bourse: Bourse, series: int, seller: str = "buyer", **changes: Any) -> Ask:
    """A holder's valid ask for its units, at the price of the series, but for the changes."""
    plain = {
        "seller": bourse.address(seller),
        "terms": 0,
        "series": series,
        "price_per_gpu_hour": Series.from_id(series).price_per_gpu_hour,
        "nonce": bourse.nonce(seller),
    }
    return bourse.ask(**(plain | changes))


def taking(bourse: Bourse, series: int, who: str = "other", **changes: Any) -> Fill:
    """A bid's valid share of a series; changes of its shape go to the fill, others to the bid."""
    parts = Series.from_id(series)
    shape = {"start": parts.start, "duration": parts.duration, "price": parts.price_per_gpu_hour}
    fill = {name: changes.pop(name) for name in tuple(changes) if name in Fill.__annotations__}
    bid = fill.pop("bid", None) or bourse.bid(who, **changes)
    return Fill(bid, **(shape | fill))


def leaf(series: int) -> bytes:
    """What stands for this very series among the classes that a bid accepts."""
    return keccak(series.to_bytes(32, "big"))


def resell(bourse: Bourse, ask: Ask, *fills: Fill, by: str = "stranger", **options: Any) -> Outcome:
    """Send one group."""
    return resell_all(bourse, [bourse.group(ask, *fills, **options)], by)


def resell_all(bourse: Bourse, groups: list[Any], by: str = "stranger") -> Outcome:
    """Send groups; the reasons are those of a static call just before."""
    chain.mine()  # a static call on Ganache sees the time of the last block
    reasons = bourse.resale.fill.call(groups, bourse.sends(by))
    plain = tuple(tuple(map(str, group)) for group in reasons)
    return Outcome(plain, bourse.resale.fill(groups, bourse.sends(by)))
