"""An event together with where it was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from contracts.bindings.events import Event
from contracts.protocol.deployment import Deployment
from settlement.ledger import Source

E_co = TypeVar("E_co", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Seen(Generic[E_co]):
    """One event of one block."""

    event: E_co
    contract: str
    transaction: str
    index: int
    block_number: int
    block_hash: str
    timestamp: int
    deployment: Deployment

    @property
    def key(self) -> str:
        """Names the event for ever: the same transaction in another block is another event."""
        return f"{self.block_hash}:{self.transaction}:{self.index}:"

    def source(self, part: int = 0) -> Source:
        """Where a posting of this event comes from."""
        return Source(f"{self.key}{part}", self.transaction, self.block_number, self.timestamp)
