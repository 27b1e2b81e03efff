"""What a provider does before anybody can buy: a key, a bond, devices, terms, an agent, an ask."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from marketplace_api.cli.demo.processes import Actor, DemoError, number, text
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.state import register_process

DEVICE_CLASS = "nvidia/h100/80gb/sxm"
BOND = "1000.00"
_FAUCET = "1500.00"
_ATTESTED_WITHIN_S = 30
_POLL_S = 0.3


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
    """From nothing to a running agent with an attested device."""
    wallet = text(provider.run("keys", "new", "owner"), "address")
    provider.run("faucet", _FAUCET)
    provider.run("deposit", BOND, "--yes")
    provider.run("agent", "init", "--simulate", DEVICE_CLASS)
    enrolled = provider.run("agent", "enrol", "--bond", BOND)
    started = provider.run("agent", "start")
    log = started.get("log")
    # So that `gpubourse down` ends the agent too, before the servers that it talks to.
    register_process(
        stack,
        f"agent-{wallet[2:8].lower()}",
        number(started, "pid"),
        Path(str(log)) if log else None,
    )
    wait_until_attested(provider, wallet)
    return Enrolled(wallet, number(enrolled, "terms"))


def wait_until_attested(provider: Actor, wallet: str) -> None:
    """The auditors look at the inventory and sign; only then there is capacity to sell."""
    deadline = time.monotonic() + _ATTESTED_WITHIN_S
    while time.monotonic() < deadline:
        known = provider.run("market")["providers"]
        assert isinstance(known, list)
        devices = [d for p in known if p["wallet"] == wallet for d in p["devices"]]
        if any(device["attested_until"] for device in devices):
            return
        time.sleep(_POLL_S)
    raise DemoError(f"{provider.name}: no device attested within {_ATTESTED_WITHIN_S} s")


def offer(provider: Actor, enrolled: Enrolled, price: str) -> Offered:
    """Post a signed ask."""
    ask = provider.run("ask", "--terms", str(enrolled.terms), "--price", price, "--yes")
    return Offered(text(ask, "digest"), number(ask, "price_per_gpu_hour"))
