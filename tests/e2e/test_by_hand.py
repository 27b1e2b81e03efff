"""The wallet's own commands on a running bourse: exact balances, orders voided on chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.protocol.keys import Signer
from tests.e2e.conftest import Finished, Stack, gpubourse

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


class Shell:
    """Somebody with a home folder of their own."""

    def __init__(self, stack: Stack, home: Path) -> None:
        base = {k: v for k, v in stack.operator.environment.items() if k in ("PATH", "HOME")}
        self.env = {**base, "GPUBOURSE_HOME": str(home), "API_URL": stack.api}

    def run(self, *arguments: str) -> Finished:
        """A command that must succeed."""
        result = gpubourse(self.env, *arguments, "--json")
        assert result.code == 0, result.out + result.err
        return result

    def holds(self) -> tuple[object, ...]:
        """Tokens in the wallet and in the market."""
        found = self.run("balance").json
        return found["token"], found["market"]


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Shell:
    """A newcomer with a key."""
    made = Shell(stack, tmp_path)
    made.run("keys", "new")
    return made


def test_money__in_and_out__to_the_unit(shell: Shell):
    """Minted, paid in, taken out in part, then all of it; the chain's sums agree at the end."""
    shell.run("faucet", "5.000001")
    assert shell.holds() == (5_000_001, 0)
    shell.run("deposit", "3.5", "--yes")
    assert shell.holds() == (1_500_001, 3_500_000)
    shell.run("withdraw", "0.000001", "--yes")
    assert shell.holds() == (1_500_002, 3_499_999)
    other = Signer.generate().address
    shell.run("withdraw", "all", "--to", other, "--yes")
    assert shell.holds() == (1_500_002, 0)
    assert shell.run("balance", other).json["token"] == 3_499_999
    assert shell.run("chain", "verify").json["sums_agree"] is True


def test_delegate__set_and_taken_back__is_the_chains_word(shell: Shell, stack: Stack):
    """Whose signature under a voucher counts is decided on chain."""
    wallet, key = shell.run("keys", "show").json["address"], Signer.generate().address
    desk = stack.desk()
    shell.run("faucet", "1")
    shell.run("delegate", "set", key)
    assert desk.market.delegate_of(str(wallet), desk.head) == key
    shell.run("delegate", "set", str(wallet))
    assert desk.market.delegate_of(str(wallet), desk.head) == wallet


def test_cancel_on_chain__nonces_and_epoch__void_what_was_signed(shell: Shell, stack: Stack):
    """Single nonces first, then everything: the epoch rises and nonces begin again."""
    wallet = str(shell.run("keys", "show").json["address"])
    shell.run("faucet", "1")
    shell.run("chain", "cancel", "0", "2")
    desk = stack.desk()
    open_ = [desk.market.is_nonce_open(wallet, nonce, desk.head) for nonce in range(4)]
    assert open_ == [False, True, False, True]
    shell.run("chain", "cancel", "--all")
    account = desk.market.account(wallet, desk.head)
    assert (account.epoch, account.first_nonce, account.window) == (1, 0, 0)
    refused = gpubourse(shell.env, "chain", "cancel", "--json")
    assert (refused.code, refused.error["field"]) == (1, "nonces")
