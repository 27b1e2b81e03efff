"""A follower that hears nothing more: what it says, when, and how the command ends."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from marketplace_api.cli import following
from marketplace_api.cli.following import Silence
from marketplace_api.client import Bourse
from tests.marketplace_api.cli.conftest import BUYER, Run
from tests.marketplace_api.client.fake_api import AGENT, JOB_ID, LEASE_ID, PROVIDER, FakeApi

BID = ("bid", "--max-price", "2.50", "--duration", "72s", "--argv", "true", "--follow", "--yes")


class Clock:
    """Moved by the test."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Seconds since anything was heard."""
    return Clock()


@pytest.fixture
def silence(api: FakeApi, clock: Clock) -> Iterator[Silence]:
    """The watch over the one lease."""
    with Bourse("http://api.test", handler=api.transport(), signer=BUYER) as bourse:
        bourse.login(BUYER)
        yield Silence(bourse, LEASE_ID, clock)


def is_online(api: FakeApi, *, online: bool) -> None:
    """What the API says of the provider."""
    body = {"wallet": PROVIDER.address, "agent": AGENT.address, "devices": [], "online": online}
    path = f"GET /v1/providers/{PROVIDER.address}"
    api.refuse[path] = httpx.Response(200, json=body)


@pytest.mark.parametrize(
    ("online", "interval", "quiet_s", "is_said"),
    [
        (False, None, 15.0, False),
        (False, None, 16.0, True),
        (False, 10, 30.0, False),
        (False, 10, 31.0, True),
        (True, None, 500.0, False),
        (True, 5, 15.0, False),
        (True, 5, 16.0, True),
        (True, 10, 30.0, False),
        (True, 10, 31.0, True),
    ],
)
def test_look__quiet_for_so_long__is_said_after_three_intervals_and_15_s(
    api: FakeApi,
    silence: Silence,
    clock: Clock,
    capsys: pytest.CaptureFixture[str],
    online: bool,
    interval: int | None,
    quiet_s: float,
    is_said: bool,
):
    """Who is online and has issued nothing may only be waiting for its window."""
    is_online(api, online=online)
    if interval is not None:
        api.deliver(1_000, seconds=interval)
        silence.heard(1)
    clock.now = quiet_s
    silence.look()
    assert silence.is_said is is_said
    expected = f"[provider silent since {quiet_s:.0f} s]\n" if is_said else ""
    assert capsys.readouterr().err == expected


def test_look__something_was_heard__starts_again(api: FakeApi, silence: Silence, clock: Clock):
    """Each log, status and receipt counts."""
    is_online(api, online=False)
    clock.now = 20
    silence.heard()
    clock.now = 34
    silence.look()
    assert not silence.is_said


def test_look__receipt_that_nobody_signed__was_heard(api: FakeApi, silence: Silence, clock: Clock):
    """Our refusal is not the provider's silence."""
    is_online(api, online=False)
    api.deliver(1_000, seconds=5)
    clock.now = 16
    silence.look()
    assert not silence.is_said
    clock.now = 33
    silence.look()
    assert silence.is_said


def test_watch__said__is_over(
    api: FakeApi, silence: Silence, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    """Once is enough."""
    monkeypatch.setattr(following, "_RETRY_S", 0)
    is_online(api, online=False)
    clock.now = 20
    silence.watch()
    assert silence.is_said


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_bid__job_lost__says_what_becomes_of_the_money(
    run: Run, api: FakeApi, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
):
    """Exit code 4; in either form the lease is named on standard error."""
    monkeypatch.setattr(following, "_FINAL_RECEIPT_S", 0)
    status = json.dumps({"status": "lost", "exit_code": None, "reason": None})
    content = f"event: status\ndata: {status}\n\n".encode()
    api.refuse[f"GET /v1/jobs/{JOB_ID}/log/stream"] = httpx.Response(200, content=content)
    result = run(*BID, *flags)
    assert result.code == 4
    assert f"[lease {LEASE_ID}: the time that was not used is refunded when" in result.err
    assert f"gpubourse lease close-info {LEASE_ID}" in result.err
