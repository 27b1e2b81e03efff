"""Decisions as they are stored, and their replay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from marketplace_api.matching.book import (
    Book,
    Demand,
    Fill,
    RestingAsk,
    RestingBid,
    Supply,
    choose,
)
from marketplace_api.models import LogKind
from marketplace_api.models.base import Json


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the log, ready for the book."""

    sequence: int
    kind: LogKind
    digest: str
    order: RestingAsk | RestingBid | None
    """None for a cancel, or an ask under terms that do not exist any more."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything beside the log that a decision rested on."""

    demand: Demand
    supplies: Mapping[str, Supply]
    """By digest of the ask; only of asks that came before the chosen one, and its own."""

    def to_json(self) -> Json:
        """Stored form."""
        return {
            "demand": {
                "is_open": self.demand.is_open,
                "free_balance": str(self.demand.free_balance),
            },
            "supplies": {digest: _supply_json(s) for digest, s in self.supplies.items()},
        }

    @classmethod
    def from_json(cls, data: Json) -> Facts:
        """Read the stored form."""
        demand = data["demand"]
        return cls(
            Demand(demand["is_open"], int(demand["free_balance"])),
            {digest: _supply_of(raw) for digest, raw in data["supplies"].items()},
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """One fill with its place in the log, its moment and its facts."""

    log_sequence: int
    at: int
    bid: str
    facts: Facts
    fill: Fill


class ReplayError(AssertionError):
    """A recorded fill that the log and the facts do not give."""


def apply(book: Book, entry: LogEntry) -> None:
    """Bring the book one entry further."""
    book.last_sequence = entry.sequence
    if entry.kind is LogKind.CANCEL:
        book.remove(entry.digest)
    elif entry.order is not None:
        book.add(entry.order)


def replay(entries: Iterable[LogEntry], decisions: Iterable[Decision]) -> list[Fill]:
    """Make every decision again from the log and the recorded facts; raises where one differs."""
    book, pending, fills = Book(), list(entries), []
    for decision in decisions:
        while pending and pending[0].sequence <= decision.log_sequence:
            apply(book, pending.pop(0))
        bid = book.find_bid(decision.bid)
        if bid is None:
            raise ReplayError(f"bid {decision.bid} is not in the book at {decision.log_sequence}")
        facts = decision.facts
        fill = choose(book, bid, decision.at, facts.demand, partial(_known, facts))
        if fill != decision.fill:
            raise ReplayError(f"recorded {decision.fill}, replayed {fill}")
        book.remove(decision.bid)
        fills.append(decision.fill)
    return fills


def fill_json(fill: Fill) -> Json:
    """Stored form of a fill."""
    return {name: getattr(fill, name) for name in Fill.__dataclass_fields__}


def fill_of(data: Json) -> Fill:
    """Read the stored form."""
    return Fill(**data)


def _known(facts: Facts, ask: RestingAsk) -> Supply:
    try:
        return facts.supplies[ask.digest]
    except KeyError:
        raise ReplayError(f"ask {ask.digest} came first but was not considered") from None


def _supply_json(supply: Supply) -> Json:
    return {
        "is_open": supply.is_open,
        "capacity_milli": supply.capacity_milli,
        "sold_milli": {str(hour): milli for hour, milli in supply.sold_milli.items()},
        "taken_series": sorted(str(series) for series in supply.taken_series),
        "simulated": supply.simulated,
        "filled_gpu_ms": supply.filled_gpu_ms,
        "fills": supply.fills,
    }


def _supply_of(raw: Json) -> Supply:
    return replace(
        Supply(**raw),
        sold_milli={int(hour): milli for hour, milli in raw["sold_milli"].items()},
        taken_series=frozenset(int(series) for series in raw["taken_series"]),
    )
