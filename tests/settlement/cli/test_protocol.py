"""What a stranger with a key and the chain alone can do, by the public commands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import LeaseStatus
from contracts.protocol.series import Series, device_hash
from contracts.protocol.wire import to_hex
from marketplace_api.cli import main as cli
from marketplace_api.db import session_scope
from marketplace_api.models import REVOKED, Device
from settlement.settings import SettlementSettings
from tests.settlement.chain_node import STAGE_S
from tests.settlement.trade import HOUR, INTERVAL_S, UNSIGNED, Trade, next_hour
from tests.settlement.world import MILLI, World

pytestmark = pytest.mark.integration

DURATION = 144
EVIDENCE = "0x" + "05" * 32
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def trade(market: World, monkeypatch: pytest.MonkeyPatch) -> Trade:
    """A market with orders of its own."""
    return Trade(market, monkeypatch)


@pytest.fixture
def run(
    trade: Trade,
    settings: SettlementSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run `gpubourse chain ...` as the owner of a key, without any API."""
    monkeypatch.setenv("GPUBOURSE_HOME", str(tmp_path / "cli"))
    monkeypatch.setenv("DEPLOYMENT_FILE", str(settings.deployment_file))
    monkeypatch.setenv("RPC_URL", trade.world.node.url)
    monkeypatch.setenv("API_URL", "http://127.0.0.1:1")

    def invoke(key: Signer, *words: object, code: int = 0) -> dict[str, Any]:
        file = tmp_path / f"{key.address}.key"
        if not file.exists():
            key.save(file)
        trade.world.node.fund(key.address)
        monkeypatch.setenv("KEY_FILE", str(file))
        capsys.readouterr()
        try:
            cli.main(["chain", *(str(word) for word in words), "--json"])
            ended = 0
        except SystemExit as error:
            ended = int(error.code or 0)
        out = capsys.readouterr().out
        assert ended == code, out
        trade.world.watch()
        found: dict[str, Any] = json.loads(out)
        return found

    return invoke


def running(trade: Trade, **terms: int | bool) -> int:
    """A lease that runs for half a minute already."""
    start = int(trade.world.node.web3.eth.get_block("latest")["timestamp"]) - 3
    series = trade.buy(start, DURATION, trade.terms(**terms))
    trade.jump(30)
    return series


def told(answer: dict[str, Any], event: str) -> dict[str, Any]:
    """One event of a transaction."""
    (found,) = (one for one in answer["events"] if one["event"] == event)
    return found


def test_usage_case__claimed_challenged_resolved__pays_half(trade: Trade, run: Run) -> None:
    """Nobody decided in time."""
    world = trade.world
    series, holder = running(trade), world.buyer.address
    claimed = run(world.agent, "claim-usage", series, holder, "--used", 9_000)
    assert told(claimed, "UsageClaimed")["target"] == 9_000
    early = run(Signer.generate(), "resolve", series, "--holder", holder, code=1)
    assert early["error"]["given"].startswith("StageNotOver(")
    challenged = run(world.buyer, "challenge", series, "--evidence", EVIDENCE)
    assert told(challenged, "Challenged")["claimant"] == holder
    trade.jump(STAGE_S + 1)
    resolved = run(Signer.generate(), "resolve", series, "--holder", holder)
    assert told(resolved, "CaseEnded")["outcome"] == 7
    assert trade.lease(series).used_gpu_ms == 4_500
    trade.agree()


def test_no_show_case__claimed_and_answered__pays_half_of_the_answer(
    trade: Trade, run: Run, tmp_path: Path
) -> None:
    """The answer claims usage; evidence may be a file."""
    world = trade.world
    bundle = tmp_path / "evidence.json"
    bundle.write_text("{}")
    series, holder = running(trade, arbiter_set=0), world.buyer.address
    run(world.buyer, "claim-no-show", series, "--evidence", bundle)
    assert trade.lease(series).is_disputed
    key = tmp_path / "agent.key"
    world.agent.save(key)
    words = ("--evidence", EVIDENCE, "--used", 99_000, "--agent-key", key)
    answered = run(world.owner, "answer", series, holder, *words)
    most = MILLI * INTERVAL_S * UNSIGNED
    assert told(answered, "Answered")["target"] == most
    run(Signer.generate(), "resolve", series, "--holder", holder)
    assert trade.lease(series).used_gpu_ms == most // 2
    trade.agree()


def test_release__by_a_stranger__is_refused_and_changes_nothing(trade: Trade, run: Run) -> None:
    """The provider may, once the holder's side does not sign."""
    series, holder = running(trade), trade.world.buyer.address
    words = ("release", series, holder, "--evidence", EVIDENCE)
    refused = run(Signer.generate(), *words, code=1)
    assert refused["error"]["given"].startswith("OnlyProvider(")
    assert trade.lease(series).duration == DURATION
    run(trade.world.owner, *words)
    assert trade.lease(series).duration < DURATION
    trade.agree()


def test_interrupt__terms_allow_it__ends_after_the_notice(trade: Trade, run: Run) -> None:
    """Not before."""
    series, holder = running(trade, interruptible=True, notice=30), trade.world.buyer.address
    told_ = told(run(trade.world.owner, "interrupt", series, holder), "Shortened")
    assert trade.lease(series).end == told_["end"]
    assert told_["end"] < Series.from_id(series).end
    trade.agree()


def test_revoke__by_auditors__stops_the_class_and_inventories_do_not_bring_it_back(
    trade: Trade, run: Run, tmp_path: Path
) -> None:
    """Undone by a re-org; renewed only by auditors who say so."""
    world = trade.world
    uuid = "GPU-" + world.owner.address[2:]
    keys = [tmp_path / f"auditor{n}.key" for n, _ in enumerate(world.context.auditors)]
    for key, auditor in zip(keys, world.context.auditors, strict=True):
        auditor.save(key)
    words = [word for key in keys for word in ("--auditor-key", key)]
    refused = run(world.buyer, "revoke", uuid, "--evidence", EVIDENCE, code=1)
    assert refused["error"]["given"].startswith("NotAuditor(")
    assert attested_until(uuid) > int(time.time())
    snapshot = world.node.rpc("evm_snapshot")
    revoked = run(Signer.generate(), "revoke", uuid, "--evidence", EVIDENCE, *words)
    assert told(revoked, "DeviceRevoked")["provider"] == world.owner.address
    assert attested_until(uuid) == REVOKED
    world.node.rpc("evm_revert", snapshot)
    world.node.mine(2)
    world.watch()
    assert attested_until(uuid) > int(time.time())
    run(Signer.generate(), "revoke", uuid, "--evidence", EVIDENCE, *words)
    world.post_inventory(uuid)
    world.work()
    assert attested_until(uuid) == REVOKED


def attested_until(uuid: str) -> int | None:
    """What the book says of a device."""
    with session_scope() as session:
        return session.get_one(Device, to_hex(device_hash(uuid))).attested_until


def test_units__split_merged_and_sold__to_somebody_with_a_key(
    trade: Trade, run: Run, tmp_path: Path
) -> None:
    """Seller and buyer need nobody but the chain."""
    start, buyer = next_hour(), trade.world.buyer
    whole = trade.buy(start, 3 * HOUR)
    window = Series.from_id(whole)
    at = start + HOUR
    run(buyer, "split", whole, "--at", at, "--milli", MILLI)
    head, tail = int(window.between(start, at).id), int(window.between(at, window.end).id)
    assert {trade.lease(part).status for part in (head, tail)} == {LeaseStatus.ACTIVE}
    run(buyer, "merge", head, tail, "--milli", MILLI)
    assert trade.lease(whole).status is LeaseStatus.ACTIVE
    offer = tmp_path / "offer.json"
    offer.write_text(json.dumps(run(buyer, "resell", whole, "--milli", MILLI, "--price", "2.50")))
    other = trade.rich()
    bought = run(other, "buy-units", offer, "--yes")
    assert told(bought, "Resold")["payment"] == 3 * 2_500_000
    assert trade.lease(whole, other.address).status is LeaseStatus.ACTIVE
    again = run(trade.rich(), "buy-units", offer, "--yes", code=1)
    assert again["error"]["given"] == "NoPosition"
    trade.agree()


def test_redeem_group__by_the_holder__pays_both_leases(trade: Trade, run: Run) -> None:
    """One signature, one transaction."""
    start = int(trade.world.node.web3.eth.get_block("latest")["timestamp"]) - 3
    trade.world.post_inventory("GPU-second")
    trade.world.work()
    one, two = trade.buy(start, 36), trade.buy(start, 72)
    trade.jump(20)
    paid = run(trade.world.buyer, "redeem-group", f"{one}:1001", f"{two}:999")
    assert told(paid, "RedeemedGroup")["payment"] == 556 + 555
    assert [trade.lease(series).used_gpu_ms for series in (one, two)] == [1001, 999]
    trade.agree()
