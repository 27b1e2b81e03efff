"""Refused through the public commands: exit codes, named fields, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.protocol.keys import Signer
from contracts.protocol.typed_data import voucher_of
from marketplace_api.client import Bourse
from marketplace_api.client.errors import NotYoursError, PayloadError
from tests.e2e.conftest import Finished, Life, gpubourse

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
Buyer = Callable[..., Finished]
BID = ("bid", "--max-price", "2.00", "--duration", "72s", "--yes", "--json")
COUNTED = ("orders", "order_log", "lease", "outbox", "ledger_entry", "receipt", "job")


@pytest.fixture
def unchanged(life: Life):
    """Rows of every table that money or orders touch are as many as before."""

    def count() -> dict[str, object]:
        return {t: life.stack.rows(f"SELECT count(*) AS n FROM {t}")[0]["n"] for t in COUNTED}

    before = count()
    yield
    assert count() == before


@pytest.fixture
def buyer(life: Life) -> Buyer:
    """The buyer's own shell."""
    return lambda *arguments: gpubourse(life.cast.buyer.environment, *arguments)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        (("--duration", "1h", "--max-price", "100000"), "insufficient-balance",
         None),
        (("--max-price", "0.0001"), "off-tick", "max_price_per_gpu_hour"),
        (("--max-price", "2.0005"), "off-tick", "max_price_per_gpu_hour"),
        (("--max-price", "two"), "invalid", "max_price"),
        (("--milli", "333"), "not-a-lot", "milli x seconds"),
        (("--duration", "200h"), "invalid", "max_duration"),
        (("--class", "nvidia/h100"), "unknown-class", "device_class"),
        (("--start", "1"), "window-in-the-past", None),
    ],
)  # fmt: skip
def test_bid__bad_order__is_refused_by_name(
    buyer: Buyer, unchanged: None, change: tuple[str, ...], code: str, field: str | None
):
    """Price, share, duration, class, window and money: each has its own code."""
    result = buyer(*BID, *change)
    assert result.code == 1, result.out + result.err
    assert result.error["code"] == code
    assert result.error["limit"]
    if field is not None:
        assert result.error["field"] == field


def test_stranger__somebody_elses_lease_and_job__stay_shut(
    life: Life, unchanged: None, tmp_path: Path
):
    """Another wallet with a session of its own sees neither lease, nor log, nor receipts."""
    Signer.generate().save(tmp_path / "keys" / "wallet.key")
    env = {k: v for k, v in life.cast.buyer.environment.items() if k != "KEY_FILE"}
    env["GPUBOURSE_HOME"] = str(tmp_path)
    lease, job = life.watched.lease, life.watched.job
    for arguments in (
        ("lease", "show", lease),
        ("receipts", lease),
        ("logs", job),
        ("job", job),
        ("job", job, "--cancel"),
        ("run", lease, "--argv", "true"),
        ("cancel", life.watched.bid),
    ):
        result = gpubourse(env, *arguments, "--json")
        assert (result.code, result.error["code"]) == (1, "not-yours"), arguments


def test_stranger__signing_with_a_key_of_his_own__pays_nothing(life: Life, unchanged: None):
    """Neither his session nor his signature under the holder's session counts."""
    stranger = Signer.generate()
    with life.bourse(life.cast.buyer) as bourse:
        stored = bourse.receipts(life.watched.lease)[-1]
        signature = stranger.sign(voucher_of(stored.receipt), bourse.market().domain)
        with pytest.raises(PayloadError) as refused:
            bourse.countersign(life.watched.lease, stored.sequence, signature)
    assert refused.value.code == "bad-signature"
    with Bourse(life.stack.api) as other:
        other.login(stranger)
        with pytest.raises(NotYoursError):
            other.countersign(life.watched.lease, stored.sequence, signature)


def test_stranger__key_file_of_another__is_not_readable_by_mistake(
    life: Life, unchanged: None, tmp_path: Path
):
    """A key file that a group may read is refused before anything is signed with it."""
    path = tmp_path / "stolen.key"
    path.write_bytes((life.cast.buyer.home / "keys" / "owner.key").read_bytes())
    path.chmod(0o644)
    result = gpubourse({**life.cast.buyer.environment, "KEY_FILE": str(path)}, *BID)
    assert result.code == 1
    assert "only its owner may read" in result.error["limit"]


def test_close__closed_already__is_a_named_refusal(buyer: Buyer, life: Life, unchanged: None):
    """Anyone may call close; twice brings nothing."""
    result = buyer("chain", "close", life.watched.lease, "--json")
    assert (result.code, result.error["given"]) == (1, "NoPosition")


def test_withdraw__more_than_there_is__changes_nothing(buyer: Buyer, life: Life, unchanged: None):
    """The limit is what the account has."""
    before = buyer("balance", "--json").json
    result = buyer("withdraw", "1000000.00", "--yes", "--json")
    assert (result.code, result.error["code"]) == (1, "insufficient-balance")
    assert buyer("balance", "--json").json["market"] == before["market"]
