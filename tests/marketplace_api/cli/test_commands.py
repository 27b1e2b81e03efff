"""Commands against the API in memory: what they sign, print and exit with."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import httpx
import pytest

from contracts.protocol.keys import Signer
from contracts.protocol.series import device_class_hash
from contracts.protocol.typed_data import Ask, Bid
from tests.marketplace_api.cli.conftest import BUYER, Run
from tests.marketplace_api.client.fake_api import JOB_ID, LEASE_ID, NOW, FakeApi, problem

BID = ("bid", "--max-price", "2.50", "--duration", "72s")


def test_keys_new__twice__never_overwrites(run: Run, home: Path):
    """The file is its owner's alone; the key itself is never printed."""
    made = run("keys", "new", "delegate", "--json")
    path = home / "keys" / "delegate.key"
    assert made.json == {"address": Signer.load(path).address, "file": str(path)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Signer.load(path).secret_hex() not in made.out
    before = path.read_bytes()
    again = run("keys", "new", "delegate", "--json")
    assert (again.code, again.json["error"]["code"]) == (1, "key-exists")
    assert path.read_bytes() == before


def test_keys_new__not_the_default__says_how_to_use_it(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
):
    """A command reads the wallet's file unless it is told another."""
    path = home / "keys" / "owner.key"
    assert f"to use it: export KEY_FILE={path}" in run("keys", "new", "owner").out
    (home / "keys" / "wallet.key").unlink()
    assert "KEY_FILE" not in run("keys", "new").out
    monkeypatch.setenv("KEY_FILE", str(home / "keys" / "third.key"))
    assert "KEY_FILE" not in run("keys", "new", "third").out


@pytest.mark.parametrize("name", ["a/b", "/x", "../x", ""])
def test_keys_new__path_as_name__is_refused_and_nothing_is_written(run: Run, home: Path, name: str):
    """A key that lies where nobody looks for it is lost."""
    before = sorted(home.rglob("*"))
    result = run("keys", "new", name, "--json")
    error = result.json["error"]
    assert (result.code, error["code"], error["field"]) == (2, "bad-name", "name")
    assert "--out takes a path" in error["limit"]
    assert error["given"] == name
    assert sorted(home.rglob("*")) == before


def test_keys_show__default__is_the_wallet(run: Run):
    """Whose orders these would be."""
    assert run("keys", "show", "--json").json["address"] == BUYER.address


def test_login__kept__next_command_uses_it(run: Run, api: FakeApi, home: Path):
    """One signature for many commands; the token is the owner's to read."""
    assert run("login", "--json").json["wallet"] == BUYER.address
    assert run("orders", "--json").json == []
    assert api.paths("POST").count("/v1/auth/login") == 1
    kept = home / "sessions" / f"{BUYER.address}.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_login__options__become_the_profile(run: Run, api: FakeApi, home: Path):
    """The next command needs no environment."""
    run("login", "--api-url", "http://api.test", "--json")
    assert json.loads((home / "profile.json").read_text()) == {"api_url": "http://api.test"}
    run("orders", "--json")
    assert api.requests[-1].url.host == "api.test"


def test_logout__session__is_forgotten_on_both_sides(run: Run, api: FakeApi):
    """The next command has to sign again."""
    run("login", "--json")
    assert run("logout", "--json").json == {"wallet": BUYER.address, "was_logged_in": True}
    assert api.tokens == set()
    run("orders", "--json")
    assert api.paths("POST").count("/v1/auth/login") == 2


def test_profile__named__chooses_key_and_api(run: Run, api: FakeApi, home: Path):
    """One person with two wallets; the environment would beat the file."""
    other = Signer(b"\x03" * 32)
    other.save(home / "other.key")
    (home / "profiles").mkdir()
    profile = {"api_url": "http://other.test", "key_file": str(home / "other.key")}
    (home / "profiles" / "second.json").write_text(json.dumps(profile))
    run("--profile", "second", "orders", "--json")
    assert json.loads(api.requests[0].content) == {"address": other.address}
    assert api.requests[0].url.host == "other.test"
    missing = run("--profile", "third", "orders", "--json")
    assert (missing.code, missing.json["error"]["code"]) == (2, "no-profile")


def test_bid__yes__signs_exact_integers(run: Run, api: FakeApi):
    """2.50 tokens are 2,500,000 units; the window leaves room for the match."""
    result = run(*BID, "--yes", "--json")
    assert result.code == 0
    (bid,) = api.orders
    assert isinstance(bid, Bid)
    assert bid.max_price_per_gpu_hour == 2_500_000
    assert bid.device_classes == device_class_hash("nvidia/h100/80gb/sxm")
    assert (bid.milli, bid.max_duration, bid.window_start) == (1000, 72, NOW)
    (event,) = result.events
    assert (event["event"], event["sequence"], event["most_cost"]) == ("accepted", 1, 50_000)


@pytest.mark.parametrize(("asked", "bought"), [("20m", 1206), ("1206s", 1206), ("1h", 3600)])
def test_bid__nearly_whole_lots__is_rounded_up(
    run: Run, api: FakeApi, asked: str, bought: int
) -> None:
    """As long as that adds no more than a tenth."""
    assert run(*BID, "--duration", asked, "--yes", "--json").code == 0
    (bid,) = api.orders
    assert isinstance(bid, Bid)
    assert bid.max_duration == bought


def test_bid__again__takes_the_next_nonce(run: Run, api: FakeApi, home: Path):
    """Counted at home and against the orders that the API knows."""
    run(*BID, "--yes", "--json")
    run(*BID, "--yes", "--json")
    for counter in (home / "nonces").iterdir():
        counter.unlink()
    run(*BID, "--yes", "--json")
    assert [order.nonce for order in api.orders] == [0, 1, 2]


def test_bid__nobody_to_ask__spends_nothing(run: Run, api: FakeApi):
    """Without a terminal the question needs --yes; it shows price x time."""
    result = run(*BID)
    assert result.code == 2
    assert "0.020 GPU-hours" in result.err
    assert "1000 milli x 72 s = 20 lots" in result.err
    assert "at most 0.050000 tokens" in result.err
    assert "--yes" in result.err
    assert api.orders == []


def test_bid__refused_by_the_api__prints_field_limit_given(run: Run, api: FakeApi):
    """Exit code 1, and the three things that help."""
    members = {"field": "balance", "limit": "at least 50000", "given": "0"}
    api.refuse["POST /v1/orders/bids"] = problem(409, "insufficient-balance", **members)
    result = run(*BID, "--yes")
    assert result.code == 1
    for line in ("field:  balance", "limit:  at least 50000", "given:  0"):
        assert line in result.err
    as_json = run(*BID, "--yes", "--json")
    assert as_json.json["error"]["code"] == "insufficient-balance"


@pytest.mark.parametrize(
    ("change", "field", "given"),
    [
        (("--max-price", "2.0000001"), "max_price", "2.0000001"),
        (("--max-price", "0.0005"), "max_price_per_gpu_hour", "500"),
        (("--max-price", "-2"), "max_price", "-2"),
        (("--duration", "0s"), "duration", "0s"),
        (("--milli", "0"), "milli x seconds", "0"),
        (("--milli", "1"), "milli x seconds", "72"),
        (("--class", "H100"), "device_class", "H100"),
        (("--isolation", "strong"), "isolation", "strong"),
        (("--start", str(NOW - 60)), "window_start", str(NOW - 60)),
        (("--input", "x.csv"), "input", "x.csv"),
    ],
)
def test_bid__bad_option__is_named_and_nothing_is_sent(
    run: Run, api: FakeApi, change: tuple[str, str], field: str, given: str
):
    """The same names as the API's; refused before anything is signed."""
    result = run(*BID, *change, "--yes", "--json")
    error = result.json["error"]
    assert (result.code, error["field"], error["given"]) == (1, field, given)
    assert api.orders == []


def test_bid__allow_and_deny__are_signed(run: Run, api: FakeApi):
    """Whom the matcher may pair is the buyer's word, not the operator's."""
    allowed, denied = Signer(b"\x04" * 32).address, Signer(b"\x05" * 32).address
    assert run(*BID, "--allow", allowed, "--deny", denied, "--yes", "--json").code == 0
    (bid,) = api.orders
    assert isinstance(bid, Bid)
    assert (bid.constraints.allow, bid.constraints.deny) == ((allowed,), (denied,))
    bad = run(*BID, "--allow", allowed.lower(), "--yes", "--json")
    assert (bad.code, bad.json["error"]["field"]) == (1, "allow[0]")


def test_bid__conditions__are_signed(run: Run, api: FakeApi):
    """Without them the terms must be plain."""
    words = ("--max-reservation-fee", 100, "--min-sla-credit", 200, "--min-notice", 60)
    assert run(*BID, *words, "--arbiters", 3, "--yes", "--json").code == 0
    assert run(*BID, "--yes", "--json").code == 0
    asked, plain = api.orders
    assert isinstance(asked, Bid)
    assert isinstance(plain, Bid)
    assert (asked.max_reservation_fee_bps, asked.min_sla_credit_bps) == (100, 200)
    assert (asked.interruptible, asked.min_notice, asked.arbiter_set) == (True, 60, 3)
    assert (plain.interruptible, plain.max_reservation_fee_bps, plain.arbiter_set) == (False, 0, 0)


def test_ask__quantity_and_fills__are_signed(run: Run, api: FakeApi):
    """8 h of one device are 28,800,000 GPU-ms."""
    words = ("ask", "--terms", 1, "--price", "2.00", "--quantity", "8h", "--max-fills", 2)
    assert run(*words, "--yes", "--json").code == 0
    (ask,) = api.orders
    assert (ask.quantity, ask.max_fills) == (28_800_000, 2)


def test_bid__missing_option__is_a_usage_error(run: Run):
    """Exit code 2."""
    assert run("bid", "--yes").code == 2


def test_bid__unreachable__is_its_own_exit_code(run: Run, api: FakeApi):
    """A script may wait and try again."""

    def nobody(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    api.before = nobody
    result = run(*BID, "--yes", "--json")
    assert (result.code, result.json["error"]["code"]) == (3, "unreachable")


def test_bid__run_and_follow__tells_the_whole_story(run: Run, api: FakeApi, tmp_path: Path):
    """Inputs before the bid, then lease, job, log, status and the final signature."""
    script, data = tmp_path / "train.py", tmp_path / "data.csv"
    script.write_text("print(1)")
    data.write_text("1,2")
    api.job_log = b"epoch 1\n"
    api.deliver(0, seconds=1, is_final=True)
    run("keys", "new", "delegate")
    key = tmp_path / "keys" / "delegate.key"
    options = ("--run", script, "--input", data, "--follow", "--sign-key", key)
    result = run(*BID, *options, "--yes", "--json")
    assert result.code == 0
    names = [event["event"] for event in result.events]
    assert names[:3] == ["accepted", "matched", "submitted"]
    assert set(names[3:]) == {"log", "status", "countersigned"}
    assert api.jobs[0]["argv"] == ["python3", "train.py"]
    assert [item["path"] for item in api.jobs[0]["inputs"]] == ["data.csv", "train.py"]
    puts = [i for i, r in enumerate(api.requests) if r.method == "PUT"]
    bids = [i for i, r in enumerate(api.requests) if r.url.path == "/v1/orders/bids"]
    assert max(puts) < bids[0]
    assert list(api.signed) == [1]


def test_ask__price__is_exact(run: Run, api: FakeApi):
    """An ask names the registered terms and a window from the market's clock."""
    result = run("ask", "--terms", "3", "--price", "2.001", "--window", "2h", "--yes", "--json")
    (ask,) = api.orders
    assert isinstance(ask, Ask)
    assert (ask.terms, ask.price_per_gpu_hour) == (3, 2_001_000)
    assert (ask.window_start, ask.window_end) == (NOW, NOW + 7200)
    assert result.json["nonce"] == 0


def test_cancel__order__prints_the_operators_word(run: Run, api: FakeApi):
    """The signature is what proves fraud later."""
    result = run("cancel", "0x" + "ab" * 32, "--json")
    assert result.code == 0
    assert str(result.json["signature"]).startswith("0x")


def test_lease_show__waits_in_vain__says_what_it_is(run: Run, api: FakeApi):
    """A lease that does not get there in time is a refusal with its state."""
    result = run("lease", "show", LEASE_ID, "--wait-for", "closed", "--timeout", "1s", "--json")
    assert (result.code, result.json["error"]["given"]) == (1, "active")


def test_lease_close_info__signed_usage__computes_as_the_contract(run: Run, api: FakeApi):
    """floor(9,001 x 2,000 / 3,600) = 5,000; one per cent of it is the fee."""
    api.deliver(9_001, seconds=10, is_final=True)
    api.signed[1] = b"\x01" * 65
    found = run("lease", "close-info", LEASE_ID, "--json").json
    assert (found["payment"], found["fee"], found["refund"]) == (5_000, 50, 35_000)
    assert found["closes_after"] == NOW + 10


def test_lease_close_info__nothing_signed__refunds_all_after_the_grace(run: Run, api: FakeApi):
    """A receipt that nobody counter-signed pays nothing here."""
    api.deliver(9_000, seconds=10)
    found = run("lease", "close-info", LEASE_ID, "--json").json
    assert (found["payment"], found["refund"]) == (0, 40_000)
    assert found["closes_after"] == NOW + 72 + 30


def test_run__nothing_named__is_a_usage_error(run: Run, api: FakeApi):
    """A job needs a command."""
    assert run("run", LEASE_ID, "--json").code == 2
    assert api.jobs == []


def test_run__argv__is_taken_word_by_word(run: Run, api: FakeApi):
    """No shell in between."""
    assert run("run", LEASE_ID, "--argv", "echo", "--argv", "a b", "--json").code == 0
    assert api.jobs[0]["argv"] == ["echo", "a b"]


def test_logs__whole_and_followed__print_the_same(run: Run, api: FakeApi):
    """Raw bytes to standard output, status to standard error."""
    api.job_log = b"one\ntwo\n"
    assert run("logs", JOB_ID).out == "one\ntwo\n"
    followed = run("logs", "-f", JOB_ID)
    assert (followed.out, followed.err) == ("one\ntwo\n", "[job succeeded]\n")


def test_receipts__json__can_be_checked_by_others(run: Run, api: FakeApi):
    """Receipt and signatures as the protocol writes them."""
    api.deliver(5_000, seconds=5)
    (found,) = run("receipts", LEASE_ID, "--json").json
    assert found["receipt"]["used_gpu_ms"] == "5000"
    assert found["holder_signature"] is None


def test_stranger__key_of_another__gets_the_apis_refusal(run: Run, api: FakeApi, home: Path):
    """The lease of another wallet stays shut, and says so."""
    members = {"field": "lease", "limit": "one of your own", "given": LEASE_ID}
    api.refuse[f"GET /v1/leases/{LEASE_ID}"] = problem(403, "not-yours", **members)
    result = run("lease", "show", LEASE_ID, "--json")
    assert (result.code, result.json["error"]["code"]) == (1, "not-yours")


def test_key_file__readable_by_others__is_refused(run: Run, api: FakeApi, home: Path):
    """A key that a group may read is nobody's key any more."""
    (home / "keys" / "wallet.key").chmod(0o640)
    result = run("orders", "--json")
    assert (result.code, result.json["error"]["given"]) == (1, "0o640")
    assert api.requests == []


def test_key_file__missing__says_how_to_make_one(run: Run, api: FakeApi, home: Path):
    """A newcomer's first error."""
    (home / "keys" / "wallet.key").unlink()
    result = run("orders", "--json")
    assert (result.code, result.json["error"]["code"]) == (2, "no-key")
    assert "gpubourse keys new" in result.json["error"]["message"]
