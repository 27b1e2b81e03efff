"""Whether a lease that the API hands out exists on chain, as offered, and is ours to serve."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.protocol.errors import ProtocolError
from contracts.protocol.series import Series
from provider_agent.chain import ChainReader, ChainTerms, Position
from provider_agent.home import Place


class LeaseRefusedError(ProtocolError):
    """A lease that this agent must not work for."""

    code = "lease-refused"


class LeaseNotYetError(Exception):
    """The chain does not show the lease, or not deep enough yet; worth another look."""


@dataclass(frozen=True, slots=True)
class LeaseOffer:
    """What the API says of a lease."""

    id: str
    series: int
    holder: str
    milli: int
    start: int
    end: int
    simulated: bool


@dataclass(frozen=True, slots=True)
class CheckedLease:
    """A lease that the chain confirms, with the terms to serve it by."""

    id: str
    series: int
    holder: str
    milli: int
    start: int
    end: int
    simulated: bool
    device_class: str
    """Hash of the class, 0x-hex."""
    receipt_interval: int
    unsigned_intervals: int
    redeemed_gpu_ms: int = 0


def check_lease(
    offer: LeaseOffer, chain: ChainReader, place: Place, key: str, confirmations: int
) -> CheckedLease:
    """The confirmed lease; raises ``LeaseNotYetError`` or ``LeaseRefusedError``."""
    block = chain.head() - (confirmations - 1)
    series = _series(offer)
    if block < 0:
        raise LeaseNotYetError(f"the chain is shorter than {confirmations} blocks")
    position = chain.position(place.market, offer.series, offer.holder, block)
    if position.units == 0:
        raise LeaseNotYetError(f"no position at block {block}")
    terms = chain.terms(place.registry, series.terms, block)
    agent = chain.agent_of(place.registry, terms.provider, block)
    _check_position(offer, series, position)
    _check_agent(agent, key)
    return _checked(offer, position, terms)


def _series(offer: LeaseOffer) -> Series:
    try:
        return Series.from_id(offer.series)
    except ProtocolError as error:
        raise LeaseRefusedError("series", error.limit, error.given) from error


def _check_position(offer: LeaseOffer, series: Series, position: Position) -> None:
    # More than the offer is no harm: anybody may send units of the series to the holder, and a gift
    # must not stop the lease. What is metered and signed is the offer's milli.
    if position.milli < offer.milli:
        raise LeaseRefusedError("milli", f"at most as on chain, {position.milli}", offer.milli)
    _equal("start", series.start, offer.start)
    # Not the series' end: a lease that was split, released or interrupted ends before it.
    _equal("end", position.end, offer.end)
    if position.is_final:
        raise LeaseRefusedError("series", "a lease that is still in use", "final")


def _check_agent(agent: str, key: str) -> None:
    if agent != key:
        raise LeaseRefusedError("terms", f"terms of the provider that {key} serves", agent)


def _checked(offer: LeaseOffer, position: Position, terms: ChainTerms) -> CheckedLease:
    return CheckedLease(
        id=offer.id,
        series=offer.series,
        holder=offer.holder,
        milli=offer.milli,
        start=offer.start,
        end=offer.end,
        simulated=offer.simulated,
        device_class="0x" + terms.device_class.hex(),
        receipt_interval=terms.receipt_interval,
        unsigned_intervals=terms.unsigned_intervals,
        redeemed_gpu_ms=position.used,
    )


def _equal(field: str, on_chain: int, offered: int) -> None:
    if on_chain != offered:
        raise LeaseRefusedError(field, f"as on chain, {on_chain}", offered)
