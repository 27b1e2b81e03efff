"""A state that was reached, the calls that are left, and what everybody must have in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from arbiters import ARBITERS, Court
from bourse import FEE_BPS, PRICE, Bourse
from brownie import chain
from counting import NOBODY, position

from contracts.protocol.units import TICK, payment_down, share_down

SILENCED = {
    "holder": ("buyer", "other"),
    "delegate": ("delegate",),
    "provider": ("provider",),
    "agent": ("agent",),
    "auditors": ("auditor1", "auditor2", "auditor3"),
    "arbiters": ARBITERS,
    "governor": (),
}
PARTIES = (*SILENCED, "everybody")
Changes = dict[str, int]
"""What accounts and bonds gain or lose, named as in `Court.balances`."""


class Silent(Bourse):
    """A bourse in which nobody signs any more."""

    def sign(self, order: Any, name: str) -> bytes:
        raise AssertionError(f"{name} is silent")


@dataclass
class World:
    """Times are seconds; `ends` are what was promised when the state was reached."""

    court: Court
    bourse: Bourse
    positions: list[tuple[int, str]]
    start: int
    ends: list[int]
    since: int = 0
    """When the last stage of a case, or an unbonding, began."""
    changes: Changes = field(default_factory=dict)
    """From the opening of the court to the end, if only a stranger calls."""
    signed: list[Callable[[Bourse], Any]] = field(default_factory=list)
    """Calls with what was signed before the silence."""
    now: int = 0
    """When the silence began."""
    bonded: str = ""
    """Whose bond is on its way out."""

    def silenced(self, party: str) -> World:
        """The same where only a stranger calls from now on, and who is not silent."""
        everybody = tuple(set(self.bourse.accounts) - {"stranger"})
        silent = SILENCED.get(party, everybody)
        values = {f.name: getattr(self.bourse, f.name) for f in fields(self.bourse)}
        able = {name: a for name, a in self.bourse.accounts.items() if name not in silent}
        mine = {f.name: getattr(self, f.name) for f in fields(self)}
        quiet = Silent(**values | {"accounts": able})
        return World(**mine | {"bourse": quiet, "now": int(chain.time())})

    def left(self) -> list[tuple[int, str]]:
        """Positions that still hold money."""
        return [key for key in self.positions if position(self.bourse, *key) != NOBODY]


@dataclass(frozen=True)
class Step:
    """One call, and the first second in which the protocol allows it."""

    call: Callable[[World], bool]
    """Whether it went through."""
    due: Callable[[World], int]
    promised: bool = False
    """Somebody may rely on its not going through before."""


@dataclass(frozen=True)
class Row:
    reach: Callable[[Court], World]
    silent: tuple[str, ...]
    steps: tuple[Step, ...]
    changes: Changes | None = None
    """Instead of those of the state, where somebody who is not silent decides."""


def worth(used: int) -> int:
    """What usage costs at `PRICE`."""
    return payment_down(used, PRICE // TICK)


def bill(
    sold: int,
    used: int = 0,
    *,
    missed: int = 0,
    reservation_bps: int = 0,
    credit_bps: int = 0,
    holder: str = "buyer",
) -> Changes:
    """What one lease comes to (all in GPU-ms), by section 7 of the protocol."""
    lost = min(missed, sold - used)
    credit = share_down(worth(lost), credit_bps)
    reservation = share_down(worth(sold - used - lost), reservation_bps)
    fee = share_down(worth(used), FEE_BPS)
    return {
        holder: credit - worth(used) - reservation,
        "provider": worth(used) - fee + reservation,
        "treasury": fee,
        "bond of provider": -credit,
    }


def together(*parts: Changes) -> Changes:
    """Their sum, without zeros."""
    total: Counter[str] = Counter()
    for part in parts:
        for name, change in part.items():
            total[name] += change
    return {name: change for name, change in total.items() if change}
