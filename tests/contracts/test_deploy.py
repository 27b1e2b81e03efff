"""The deploy script on chains of its own: what it demands, verifies and refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bourse import signer
from nodes import PROJECT, fund, node, set_code, undone, url_of
from orders import PUBLIC, Environment, deployer, issue_token, locally, publicly, send
from web3 import Web3

from contracts.protocol.deployment import Deployment
from contracts.protocol.hashing import keccak
from contracts.scripts import order, record, rollout
from contracts.scripts.creations import Artefact
from contracts.scripts.refusal import Refusal
from contracts.scripts.sender import fees
from contracts.scripts.suite import CONTRACTS, LIBRARIES
from contracts.scripts.verify import reader

WEEK = 7 * 24 * 3600
GWEI = 10**9
ALL = {*CONTRACTS, *LIBRARIES}
ROLES = (
    "GOVERNOR_ADDRESS",
    "PAUSER_ADDRESS",
    "TREASURY_ADDRESS",
    "AUDITOR_ADDRESSES",
    "ARBITER_ADDRESSES",
)


@pytest.fixture(scope="module")
def web3() -> Iterator[Web3]:
    """A chain that is not a local one."""
    with node(PUBLIC) as web3:
        yield web3


@pytest.fixture(scope="module")
def token(web3: Web3) -> str:
    return issue_token(web3)


@pytest.fixture
def complete(web3: Web3, token: str, tmp_path: Path) -> Environment:
    """Everything that a public chain demands, for a deployer of the test's own."""
    return publicly(tmp_path, web3, token)


@pytest.fixture(scope="module")
def standing(web3: Web3, token: str, tmp_path_factory: Any) -> Environment:
    """A deployment that stands; tests do not change its file."""
    environment = publicly(tmp_path_factory.mktemp("standing"), web3, token)
    rollout.run(web3, environment)
    return environment


def recorded(environment: Environment) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Path(environment["DEPLOYMENT_FILE"]).read_text())
    return data


def refusal(web3: Web3, environment: Environment) -> str:
    """Run; it must refuse, and neither send anything nor touch the file."""
    file = Path(environment["DEPLOYMENT_FILE"])
    before = web3.eth.block_number, file.read_text() if file.exists() else None
    with pytest.raises(Refusal) as refused:
        rollout.run(web3, environment)
    assert (web3.eth.block_number, file.read_text() if file.exists() else None) == before
    assert not record.journal_of(file).exists()  # a plan that was refused binds nobody
    return str(refused.value)


class TestPublicChain:
    def test_deploy__all_said__stands_as_recorded(
        self, web3: Web3, token: str, standing: Environment
    ) -> None:
        data, known = recorded(standing), Deployment.load(Path(standing["DEPLOYMENT_FILE"]))
        assert (known.chain_id, known.payment_token) == (PUBLIC, token)
        assert not known.allow_simulated
        fees_of_roles = (data["role_bond"], data["attestation_fee"], data["dispute_fee"])
        assert fees_of_roles == (5_000_000, 0, 0)
        assert data["timelock_delay"] == WEEK
        assert set(data["code_hashes"]) == ALL
        assert set(data["artefact_hashes"]) == set(data["transactions"]) == ALL - {"payment_token"}
        assert not reader(web3, "ProviderRegistry", known.registry)("ALLOW_SIMULATED")
        assert web3.eth.get_transaction_count(deployer(standing).address) == 12
        first = data["transactions"]["Accounts"]
        assert known.deployed_block == web3.eth.get_transaction(first)["blockNumber"]
        assert not record.journal_of(Path(standing["DEPLOYMENT_FILE"])).exists()

    def test_deploy__no_file_named__written_under_the_project(
        self, web3: Web3, complete: Environment, tmp_path: Path, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(order, "PROJECT", tmp_path)
        del complete["DEPLOYMENT_FILE"]
        rollout.run(web3, complete)
        assert Deployment.load(tmp_path / "deployments" / f"{PUBLIC}.json").chain_id == PUBLIC

    def test_deploy__nothing_said__one_error_names_everything(
        self, web3: Web3, complete: Environment
    ) -> None:
        said = refusal(web3, {"DEPLOYMENT_FILE": complete["DEPLOYMENT_FILE"]})
        wanted = {name for name in complete if name != "DEPLOYMENT_FILE"}
        assert set(re.findall(r"^  (\w+): must be set$", said, re.MULTILINE)) == wanted
        assert len(wanted) == 14

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("MIN_BOND_PER_MILLI", "0"),
            ("ROLE_BOND", "0"),
            ("TIMELOCK_DELAY", str(WEEK - 1)),
            ("ALLOW_SIMULATED", "1"),
            ("AUDITOR_THRESHOLD", "4"),
            ("ARBITER_THRESHOLD", "0"),
            ("PAYMENT_TOKEN", signer("nobody").address),
            ("FEE_BPS", "1 %"),
            ("TREASURY_ADDRESS", "0x12"),
            ("TREASURY_ADDRESS", "0x" + "00" * 20),
            ("PAUSER_ADDRESS", signer("pauser").address.swapcase().replace("0X", "0x")),
            ("AUDITOR_ADDRESSES", f"{signer('auditor1').address}, 0x12"),
            ("DISPUTE_FEE", "-1"),
            ("MAX_GAS_PRICE_GWEI", "cheap"),
        ],
    )
    def test_deploy__unsafe_value__refused_by_name(
        self, web3: Web3, complete: Environment, variable: str, value: str
    ) -> None:
        assert f"{variable}: " in refusal(web3, {**complete, variable: value})

    @pytest.mark.parametrize("variable", ROLES)
    def test_deploy__deployer_holds_a_role__refused(
        self, web3: Web3, complete: Environment, variable: str
    ) -> None:
        own = deployer(complete).address
        value = own if variable.endswith("ADDRESS") else f"{complete[variable]},{own}"
        said = refusal(web3, {**complete, variable: value})
        assert f"{variable}: must not be the deployer {own}" in said

    def test_deploy__token_that_is_none__refused(
        self, web3: Web3, complete: Environment, standing: Environment
    ) -> None:
        said = refusal(web3, {**complete, "PAYMENT_TOKEN": recorded(standing)["timelock"]})
        assert "PAYMENT_TOKEN: 6 decimals" in said

    def test_deploy__value_that_a_constructor_refuses__costs_nothing(
        self, web3: Web3, complete: Environment
    ) -> None:
        said = refusal(web3, {**complete, "FEE_BPS": "1001"})
        assert "parameters: Parameters reverts: FeeTooHigh" in said
        assert web3.eth.get_transaction_count(deployer(complete).address) == 0

    def test_deploy__by_brownie_on_a_url__stands(
        self, web3: Web3, complete: Environment, tmp_path: Path
    ) -> None:
        folder = tmp_path / "brownie" / ".brownie"
        folder.mkdir(parents=True)
        network = f"{{id: here, name: here, host: {url_of(web3)!r}, chainid: {PUBLIC}}}"
        (folder / "network-config.yaml").write_text(
            f"live:\n  - {{name: any, networks: [{network}]}}\ndevelopment: []\n"
        )
        ended = subprocess.run(
            [str(PROJECT / "contracts/toolchain/brownie"), "run", "deploy", "--network", "here"],
            env={**os.environ, **complete, "BROWNIE_HOME": str(folder.parent)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        rollout.run(web3, complete)  # verifies


class TestRerun:
    def test_rerun__as_before__verified_and_nothing_sent(
        self, web3: Web3, standing: Environment, capsys: Any
    ) -> None:
        before = web3.eth.block_number, recorded(standing)
        rollout.run(web3, standing)
        assert (web3.eth.block_number, recorded(standing)) == before
        assert f"13 contracts verified on chain {PUBLIC}\n" in capsys.readouterr().out

    def test_verify_only__nothing_else_said__verified(
        self, web3: Web3, standing: Environment, capsys: Any
    ) -> None:
        file = standing["DEPLOYMENT_FILE"]
        rollout.run(web3, {"DEPLOYMENT_FILE": file, "VERIFY_ONLY": "1"})
        said = capsys.readouterr().out
        assert "13 contracts verified" in said
        assert "changed since" not in said
        assert "does not have" not in said

    @pytest.mark.parametrize("told", [{}, {"market": "0x" + "07" * 32}])
    def test_verify_only__creations_not_to_be_had__refused_or_named(
        self, web3: Web3, standing: Environment, tmp_path: Path, capsys: Any, told: dict[str, str]
    ) -> None:
        """Storage may have been set up by another constructor with the same code."""
        known = json.loads(Path(standing["DEPLOYMENT_FILE"]).read_text())
        known["transactions"] = told
        file = tmp_path / "theirs.json"
        file.write_text(json.dumps(known))
        asked = {"DEPLOYMENT_FILE": str(file), "VERIFY_ONLY": "1"}
        with pytest.raises(Refusal, match=r"transactions\.market: .*ALLOW_UNPROVEN=1"):
            rollout.run(web3, asked)
        rollout.run(web3, asked | {"ALLOW_UNPROVEN": "1"})
        assert "NOT PROVEN" in capsys.readouterr().out

    def test_verify_only__no_record__refused(self, web3: Web3, complete: Environment) -> None:
        assert "no such file" in refusal(web3, {**complete, "VERIFY_ONLY": "1"})

    def test_rerun__other_plan__each_field_named_with_both_values(
        self, web3: Web3, standing: Environment
    ) -> None:
        other, data = signer("rival").address, recorded(standing)
        for name, variable in order.VARIABLES.items():
            value = other if "ADDRESS" in variable or name == "payment_token" else "9"
            value = "1" if name == "allow_simulated" else value
            said = refusal(web3, {**standing, variable: value})
            shown = {**data, **data["constants"]}[name]
            shown = ", ".join(shown) if isinstance(shown, list) else shown
            given = True if name == "allow_simulated" else value
            assert f"\n  {name}: recorded {shown}, given {given}" in said
            assert "name another DEPLOYMENT_FILE or move this one away" in said

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda data: data.update(chain_id=1), "chain_id: recorded 1, given 4242"),
            (lambda data: data.pop("market"), "market: not recorded"),
            (lambda data: data.pop("role_bond"), "role_bond: not recorded"),
            (lambda data: data["constants"].pop("freeze"), "freeze: not recorded"),
            (lambda data: data["libraries"].pop("Wallets"), "Wallets: recorded at None"),
            (lambda data: data.update(market=data["registry"]), "market: recorded at 0x"),
            (lambda data: data["artefact_hashes"].update(resale=""), "artefact_hashes.resale: "),
            (
                lambda data: data["code_hashes"].update(payment_token=""),
                "code_hashes.payment_token",
            ),
            (lambda data: data.update(fee_bps=101), "parameters: transaction 0x"),
            (lambda data: data["constants"].update(freeze=601), "market: 0x"),
            (
                lambda data: data["transactions"].update(market=data["transactions"]["resale"]),
                "does not create",
            ),
        ],
    )
    def test_rerun__record_changed__refused(
        self,
        web3: Web3,
        standing: Environment,
        tmp_path: Path,
        change: Callable[[dict[str, Any]], object],
        reason: str,
    ) -> None:
        data = recorded(standing)
        change(data)
        file = tmp_path / "changed.json"
        file.write_text(json.dumps(data))
        key_file = standing["DEPLOYER_KEY_FILE"]
        said = refusal(web3, {"DEPLOYMENT_FILE": str(file), "DEPLOYER_KEY_FILE": key_file})
        assert reason in said

    @pytest.mark.parametrize("name", sorted(ALL - {"payment_token"}))
    def test_rerun__other_code_at_an_address__refused(
        self, web3: Web3, standing: Environment, name: str
    ) -> None:
        data = recorded(standing)
        address = {**data, **data["libraries"]}[name]
        code = bytearray(web3.eth.get_code(address))
        code[len(code) // 2] ^= 1
        with undone(web3):
            set_code(web3, address, bytes(code))
            assert f"{name}: {address} has " in refusal(web3, standing)
            set_code(web3, address, b"")
            assert f"{name}: {address} has no code" in refusal(web3, standing)
        rollout.run(web3, standing)

    def test_rerun__other_immutable__refused(
        self, web3: Web3, standing: Environment, tmp_path: Path
    ) -> None:
        data = recorded(standing)
        market, code = data["market"], bytes(web3.eth.get_code(data["market"]))
        token, registry = (_padded(data[name]) for name in ("payment_token", "registry"))
        assert token in code
        with undone(web3):
            set_code(web3, market, code.replace(token, b"\x11" * 32))
            strange = f"has an immutable that is not of the plan: 0x{'11' * 32}"
            assert f"market: {market} {strange}" in refusal(web3, standing)
            # A value of the plan in a wrong place, and a record that takes it for right.
            swapped = code.replace(token, registry)
            set_code(web3, market, swapped)
            assert "code_hashes.market: " in refusal(web3, standing)
            data["code_hashes"]["market"] = "0x" + keccak(swapped).hex()
            file = tmp_path / "swapped.json"
            file.write_text(json.dumps(data))
            said = refusal(web3, {"DEPLOYMENT_FILE": str(file)})
            assert (
                f"market: paymentToken is {data['registry']}, not {data['payment_token']}" in said
            )

    def test_rerun__governance_changed_the_fee__told_and_not_refused(
        self, tmp_path: Path, capsys: Any
    ) -> None:
        with node(1337) as local:
            environment = {**locally(tmp_path, local), "TIMELOCK_DELAY": "0"}
            environment["GOVERNOR_ADDRESS"] = signer("governor").address
            rollout.run(local, environment)
            data = recorded(environment)
            set_fee = encoded(local, "Parameters", "setFee", 321)
            call = (data["parameters"], 0, set_fee, bytes(32), bytes(32))
            fund(local, signer("governor").address)
            for function, more in (("schedule", (0,)), ("execute", ())):
                sent = encoded(local, "Timelock", function, *call, *more)
                send(local, signer("governor"), data["timelock"], sent)
            rollout.run(local, environment)
        assert "changed since: fee_bps: created as 100, now 321" in capsys.readouterr().out


class TestLocalChain:
    def test_deploy__little_said__token_of_its_own(self, tmp_path: Path) -> None:
        with node(1337) as local:
            environment = locally(tmp_path, local)
            rollout.run(local, environment)
            data = recorded(environment)
            assert set(data["transactions"]) == ALL
            assert data["allow_simulated"]
            # A part that is missing is no chain that was thrown away.
            set_code(local, data["market"], b"")
            assert "market: " in refusal(local, environment)

    def test_deploy__chain_thrown_away__deployed_again(self, tmp_path: Path) -> None:
        with node(1337) as old:
            environment = locally(tmp_path, old)
            rollout.run(old, environment)
        with node(1337) as fresh:
            fund(fresh, deployer(environment).address)
            assert "has no code" in refusal(fresh, {**environment, "VERIFY_ONLY": "1"})
            # Other values are no contradiction to what is gone.
            rollout.run(fresh, {**environment, "FEE_BPS": "7"})
            assert recorded(environment)["fee_bps"] == 7
            rollout.run(fresh, environment)
        with node(31337) as other:
            assert "chain_id: recorded 1337, given 31337" in refusal(other, environment)

    def test_deploy__public_chain_without_the_code__refused(
        self, web3: Web3, standing: Environment
    ) -> None:
        with node(PUBLIC) as other:
            fund(other, deployer(standing).address)
            assert "has no code" in refusal(other, standing)


class TestFees:
    def test_fees__with_base_fee__twice_and_the_tip_up_to_the_cap(self, web3: Web3) -> None:
        base = web3.eth.get_block("latest")["baseFeePerGas"]
        tip = web3.eth.max_priority_fee
        free = {"maxFeePerGas": 2 * base + tip, "maxPriorityFeePerGas": tip}
        assert fees(web3, None) == fees(web3, 10**18) == free
        assert fees(web3, base + 1) == {
            "maxFeePerGas": base + 1,
            "maxPriorityFeePerGas": min(tip, base + 1),
        }
        with pytest.raises(Refusal, match=f"MAX_GAS_PRICE_GWEI: {base - 1} wei"):
            fees(web3, base - 1)

    def test_fees__before_eip_1559__a_quarter_more(self) -> None:
        with node(1337, chain__hardfork="berlin") as old:
            price = old.eth.gas_price
            assert fees(old, None) == {"gasPrice": price * 5 // 4}
            assert fees(old, price) == {"gasPrice": price}
            with pytest.raises(Refusal, match="MAX_GAS_PRICE_GWEI"):
                fees(old, price - 1)

    def test_deploy__chain_above_the_cap__refused_until_the_cap_rises(
        self, web3: Web3, complete: Environment
    ) -> None:
        said = refusal(web3, {**complete, "MAX_GAS_PRICE_GWEI": "0.000000001"})
        assert "MAX_GAS_PRICE_GWEI: 1 wei" in said
        rollout.run(web3, {**complete, "MAX_GAS_PRICE_GWEI": "100.5"})
        sent = web3.eth.get_transaction(recorded(complete)["transactions"]["market"])
        assert sent["maxFeePerGas"] <= 100 * GWEI + GWEI // 2


def encoded(web3: Web3, contract: str, function: str, *arguments: Any) -> bytes:
    """Calldata of a call."""
    bound = web3.eth.contract(abi=Artefact.load(contract).abi)
    return bytes.fromhex(bound.encode_abi(function, args=list(arguments))[2:])


def _padded(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")
