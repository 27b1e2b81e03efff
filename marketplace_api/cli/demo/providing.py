"""What a provider does before anybody can buy: a key, a bond, devices, terms, an agent, an ask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts.protocol.amounts import format_tokens
from marketplace_api.cli.demo.processes import Actor, Json, number, text
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.state import register_process

DEVICE_CLASS = "nvidia/h100/80gb/sxm"
BOND = 1_000_000_000
RECEIPT_INTERVAL_S = 5
_ATTESTED_WITHIN = "30s"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A provider that is ready to serve."""

    wallet: str
    terms: int


@dataclass(frozen=True, slots=True)
class Offered:
    """An ask that stands in the book."""

    digest: str
    price_per_gpu_hour: int


def enrol(provider: Actor, stack: Home) -> Enrolled:
    """From nothing to a running agent with an attested device; the agent's folder is our home."""
    wallet = text(provider.run("agent", "init"), "owner")
    provider.run("faucet", format_tokens(BOND))
    enrolled = provider.run(
        "agent",
        "enrol",
        "--bond",
        format_tokens(BOND),
        "--receipt-interval",
        str(RECEIPT_INTERVAL_S),
    )
    started = provider.run("agent", "start", "--detach")
    # So that `gpubourse down` ends the agent too, before the servers that it talks to.
    name = f"{provider.name}-{wallet[2:8].lower()}"
    register_process(stack, name, number(started, "pid"), Path(text(started, "log")))
    # The auditors look at the inventory and sign; only then there is capacity to sell.
    provider.run("provider", "--wait-attested", "--timeout", _ATTESTED_WITHIN)
    return Enrolled(wallet, _terms(enrolled))


def offer(provider: Actor, enrolled: Enrolled, price: str) -> Offered:
    """Post a signed ask."""
    ask = provider.run("ask", "--terms", str(enrolled.terms), "--price", price, "--yes")
    return Offered(text(ask, "digest"), number(ask, "price_per_gpu_hour"))


def _terms(enrolled: Json) -> int:
    numbers = enrolled["terms"]
    assert isinstance(numbers, list)
    return int(numbers[-1])
