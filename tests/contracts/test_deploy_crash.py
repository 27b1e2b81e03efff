"""The deploy script is killed in the middle, and goes on where it stopped."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nodes import fund, killed, node, relay, url_of
from orders import PUBLIC, Environment, deployer, issue_token, locally, publicly, send
from web3 import HTTPProvider, Web3

from contracts.protocol.keys import Signer
from contracts.scripts import record, rollout
from contracts.scripts.creations import address_of_creation
from contracts.scripts.refusal import Refusal
from contracts.scripts.sender import CREATION_GAS, fees

CREATIONS = 12
"""Without a token of its own."""


@pytest.fixture(scope="module")
def web3() -> Iterator[Web3]:
    with node(PUBLIC) as web3:
        yield web3


@pytest.fixture(scope="module")
def token(web3: Web3) -> str:
    return issue_token(web3)


@pytest.fixture
def environment(web3: Web3, token: str, tmp_path: Path) -> Environment:
    return publicly(tmp_path, web3, token)


def stop(web3: Web3, environment: Environment, at: int, before: bool) -> dict[str, Any]:
    """Kill the script at its k-th transaction; returns the journal that it left."""
    with relay(web3, at, before) as through:
        assert killed(through, environment) == -signal.SIGKILL
    file = Path(environment["DEPLOYMENT_FILE"])
    assert not file.exists()
    journal: dict[str, Any] = json.loads(record.journal_of(file).read_text())
    assert len(journal["sent"]) == at
    return journal


def resume(web3: Web3, environment: Environment) -> int:
    """Run again; returns how many transactions that took."""
    with relay(web3, 0, before=True) as through:
        provider = HTTPProvider(through.url, request_kwargs={"timeout": 60})
        rollout.run(Web3(provider), environment)
        return through.sends


def assert_complete(web3: Web3, environment: Environment) -> None:
    """Each contract once, at consecutive nonces, and the record whole."""
    file, key = Path(environment["DEPLOYMENT_FILE"]), deployer(environment)
    data = json.loads(file.read_text())
    assert web3.eth.get_transaction_count(key.address) == CREATIONS
    assert data["market"] == address_of_creation(key.address, CREATIONS - 1)
    assert len(set(data["transactions"].values())) == CREATIONS
    nonces = [web3.eth.get_transaction(sent)["nonce"] for sent in data["transactions"].values()]
    assert sorted(nonces) == list(range(CREATIONS))
    assert not record.journal_of(file).exists()
    rollout.run(web3, {**environment, "VERIFY_ONLY": "1"})


def reasons(web3: Web3, environment: Environment) -> str:
    """Why it cannot go on; nothing is sent."""
    before = web3.eth.block_number
    with pytest.raises(Refusal) as refused:
        rollout.run(web3, environment)
    assert web3.eth.block_number == before
    assert not Path(environment["DEPLOYMENT_FILE"]).exists()
    return str(refused.value)


class TestCrash:
    @pytest.mark.parametrize("at", [1, 7, CREATIONS])
    @pytest.mark.parametrize("before", [True, False], ids=["not-sent", "sent"])
    def test_crash__at_a_send__goes_on(
        self, web3: Web3, environment: Environment, at: int, before: bool
    ) -> None:
        journal = stop(web3, environment, at, before)
        arrived = at - before
        assert web3.eth.get_transaction_count(deployer(environment).address) == arrived
        assert resume(web3, environment) == CREATIONS - arrived
        assert_complete(web3, environment)
        data = json.loads(Path(environment["DEPLOYMENT_FILE"]).read_text())
        places = record.places_of(data)
        assert {name: places[name] for name in journal["sent"]} == {
            name: entry["address"] for name, entry in journal["sent"].items()
        }

    def test_crash__twice__goes_on(self, web3: Web3, environment: Environment) -> None:
        stop(web3, environment, 3, before=False)
        with relay(web3, 4, before=True) as through:
            assert killed(through, environment) == -signal.SIGKILL
        assert resume(web3, environment) == CREATIONS - 6
        assert_complete(web3, environment)

    def test_crash__what_was_sent_is_pending__waited_for(self, tmp_path: Path) -> None:
        with node(PUBLIC, miner__blockTime="4") as slow:
            environment = publicly(tmp_path, slow, issue_token(slow))
            stop(slow, environment, 5, before=False)
            assert resume(slow, environment) == CREATIONS - 5
            assert_complete(slow, environment)

    def test_crash__after_the_record__journal_goes(
        self, web3: Web3, environment: Environment
    ) -> None:
        rollout.run(web3, environment)
        journal = record.journal_of(Path(environment["DEPLOYMENT_FILE"]))
        journal.write_text("{}")
        assert resume(web3, environment) == 0
        assert_complete(web3, environment)

    def test_crash__money_runs_out__goes_on_once_there_is_more(
        self, web3: Web3, environment: Environment
    ) -> None:
        key = deployer(environment)
        price = fees(web3, None)["maxFeePerGas"]
        fund(web3, key.address, wei=2 * CREATION_GAS * price)
        with pytest.raises(Exception, match="insufficient funds"):
            rollout.run(web3, environment)
        arrived = web3.eth.get_transaction_count(key.address)
        assert 0 < arrived < CREATIONS
        fund(web3, key.address)
        assert resume(web3, environment) == CREATIONS - arrived
        assert_complete(web3, environment)

    def test_crash__local_chain_thrown_away__begins_anew(self, tmp_path: Path) -> None:
        with node(1337) as old:
            environment = locally(tmp_path, old)
            stop(old, environment, 4, before=False)
        with node(1337) as fresh:
            fund(fresh, deployer(environment).address)
            assert resume(fresh, environment) == CREATIONS + 1
            rollout.run(fresh, environment)


class TestRefused:
    def test_nonce__used_by_somebody_else__refused(
        self, web3: Web3, environment: Environment
    ) -> None:
        stop(web3, environment, 3, before=True)
        key = deployer(environment)
        send(web3, key, key.address)
        said = reasons(web3, environment)
        stands_at = address_of_creation(key.address, 2)
        assert f"nonce 2 of {key.address} was used by another transaction" in said
        assert f"Recut can no longer be created at {stands_at}" in said

    def test_nonce__other_creation_in_its_place__refused(
        self, web3: Web3, environment: Environment
    ) -> None:
        stop(web3, environment, 3, before=True)
        # Creates a contract whose code is a single STOP.
        send(web3, deployer(environment), None, bytes.fromhex("60015f8160095f39f300"))
        assert "Recut: " in reasons(web3, environment)

    def test_nonce__something_pending_before_the_first__refused(
        self, web3: Web3, environment: Environment
    ) -> None:
        class Ahead(HTTPProvider):
            """Counts one pending transaction; Ganache itself counts mined ones only."""

            def make_request(self, method: Any, params: Any) -> Any:
                if method == "eth_getTransactionCount" and params[1] == "pending":
                    return {"jsonrpc": "2.0", "id": 1, "result": "0x1"}
                return super().make_request(method, params)

        said = reasons(Web3(Ahead(url_of(web3))), environment)
        assert f"deployer {deployer(environment).address}: 1 transactions are pending" in said

    def test_journal__other_plan__refused(self, web3: Web3, environment: Environment) -> None:
        stop(web3, environment, 2, before=False)
        said = reasons(web3, {**environment, "FEE_BPS": "99"})
        assert "fee_bps: recorded 100, given 99" in said
        assert "move this one away" in said

    def test_journal__other_key__refused(
        self, web3: Web3, environment: Environment, tmp_path: Path
    ) -> None:
        stop(web3, environment, 2, before=False)
        other = Signer.generate()
        other.save(tmp_path / "other.key")
        said = reasons(web3, {**environment, "DEPLOYER_KEY_FILE": str(tmp_path / "other.key")})
        assert f"deployer: recorded {deployer(environment).address}, given {other.address}" in said

    def test_journal__public_chain_has_forgotten_it__refused(
        self, web3: Web3, environment: Environment
    ) -> None:
        key = deployer(environment)
        send(web3, key, key.address)  # so that the first nonce is 1
        stop(web3, environment, 2, before=False)
        with node(PUBLIC) as other:
            fund(other, key.address)
            assert "the chain is at 0, before the first" in reasons(other, environment)
