"""The deploy script is safe to run twice; the ABI export notices drift."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bourse import Bourse, signer
from brownie import (
    GpuMarket,
    Parameters,
    ProviderRegistry,
    TestUSD,
    Timelock,
    accounts,
    chain,
    web3,
)
from words import BUILD

from contracts.protocol.deployment import Deployment
from contracts.scripts import deploy, export_abi
from contracts.scripts.order import Order
from contracts.scripts.refusal import Refusal
from contracts.scripts.suite import CONTRACTS, LIBRARIES, Times
from contracts.scripts.verify import code_hash


@pytest.fixture
def environment(isolated: None, tmp_path: Path, monkeypatch: Any) -> Path:
    """A funded deployer and everything that has no default; returns the deployment file."""
    deployer, key_file = signer("deployer"), tmp_path / "key"
    accounts[0].transfer(deployer.address, 10**18)
    deployer.save(key_file)
    file = tmp_path / "new" / "1337.json"
    auditors = ",".join(signer(f"auditor{i}").address for i in (1, 2, 3))
    values = {
        "DEPLOYER_KEY_FILE": key_file,
        "DEPLOYMENT_FILE": file,
        "TREASURY_ADDRESS": signer("treasury").address,
        "AUDITOR_ADDRESSES": auditors,
        "AUDITOR_THRESHOLD": 2,
        "START_GRACE": 5,
        "FREEZE": 7,
        "REDEEM_GRACE": 9,
        "MIN_BOND_PER_MILLI": 11,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, str(value))
    return file


class TestDeploy:
    def test_deploy__fresh_chain__record_says_what_stands(self, environment: Path) -> None:
        deploy.main()
        record = Deployment.load(environment)
        market, registry = GpuMarket.at(record.market), ProviderRegistry.at(record.registry)
        constants = (market.START_GRACE(), market.FREEZE(), market.REDEEM_GRACE())
        assert constants == (5, 7, 9)
        assert (market.registry(), registry.market()) == (record.registry, record.market)
        assert (market.resale(), market.arbitration()) == (record.resale, record.arbitration)
        assert market.parameters() == record.parameters
        assert market.paymentToken() == record.payment_token
        assert (record.fee_bps, record.auditor_threshold, record.min_bond_per_milli) == (100, 2, 11)
        assert record.allow_simulated
        assert registry.ALLOW_SIMULATED()
        written = json.loads(environment.read_text())
        hashes, places = written["code_hashes"], {**written, **written["libraries"]}
        assert hashes == {name: code_hash(web3, places[name]) for name in (*CONTRACTS, *LIBRARIES)}
        assert record.deployed_block <= len(chain) - 1

    def test_deploy__again__sends_nothing(self, environment: Path) -> None:
        deploy.main()
        record, height = environment.read_text(), len(chain)
        deploy.main()
        assert (environment.read_text(), len(chain)) == (record, height)

    def test_deploy__record_that_does_not_fit__refused_and_kept(self, environment: Path) -> None:
        deploy.main()
        record, height = json.loads(environment.read_text()), len(chain)
        record["code_hashes"]["market"] = "0x" + "00" * 32
        environment.write_text(json.dumps(record))
        with pytest.raises(Refusal, match=r"code_hashes\.market: recorded 0x00"):
            deploy.main()
        assert (json.loads(environment.read_text()), len(chain)) == (record, height)

    def test_deploy__file_of_another_chain__refused(self, environment: Path) -> None:
        environment.parent.mkdir()
        environment.write_text(json.dumps({"chain_id": 1}))
        with pytest.raises(Refusal, match="chain_id: recorded 1, given 1337"):
            deploy.main()

    def test_deploy__own_token__used_if_it_has_6_decimals(
        self, environment: Path, bourse: Bourse, monkeypatch: Any
    ) -> None:
        monkeypatch.setenv("PAYMENT_TOKEN", bourse.token.address)
        deploy.main()
        assert Deployment.load(environment).payment_token == bourse.token.address
        assert TestUSD.at(bourse.token.address).decimals() == 6


class TestOrder:
    def test_order__little_said__everything_else_has_a_default(self, environment: Path) -> None:
        plan = Order.from_environment(1337, os.environ).plan(signer("deployer").address)
        treasury = signer("treasury").address
        assert (plan.governor, plan.pauser, plan.treasury) == (treasury,) * 3
        assert (plan.arbiters, plan.arbiter_threshold) == ((), 0)
        assert (plan.role_bond, plan.attestation_fee, plan.dispute_fee) == (0, 0, 0)
        assert plan.times == replace(Times(), start_grace=5, freeze=7, redeem_grace=9)

    def test_order__all_said__stands_in_the_contracts(
        self, environment: Path, monkeypatch: Any
    ) -> None:
        arbiters = [signer(f"arbiter{i}").address for i in (1, 2, 3)]
        values = {
            "GOVERNOR_ADDRESS": signer("other").address,
            "PAUSER_ADDRESS": signer("rival").address,
            "ARBITER_ADDRESSES": ", ".join(arbiters),
            "ARBITER_THRESHOLD": 2,
            "FEE_BPS": 250,
            "ROLE_BOND": 13,
            "ATTESTATION_FEE": 17,
            "DISPUTE_FEE": 19,
            "TIMELOCK_DELAY": 23,
            "CHALLENGE": 29,
            "RESPONSE": 31,
            "VERDICT": 37,
        }
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))
        deploy.main()
        written = json.loads(environment.read_text())
        parameters = Parameters.at(written["parameters"])
        assert parameters.arbitersOf(1) == arbiters
        assert parameters.arbiterThresholdOf(1) == 2
        amounts = (parameters.roleBond(), parameters.attestationFee(), parameters.disputeFee())
        assert amounts == (13, 17, 19)
        assert (parameters.feeBps(), written["timelock_delay"]) == (250, 23)
        assert (written["governor"], written["pauser"]) == (
            signer("other").address,
            signer("rival").address,
        )
        times = {"challenge": 29, "response": 31, "verdict": 37}
        assert {name: written["constants"][name] for name in times} == times
        assert Timelock.at(written["timelock"]).getMinDelay() == 23

    @pytest.mark.parametrize(
        ("variable", "given"), [("VERIFY_ONLY", "on"), ("ARBITER_ADDRESSES", ",")]
    )
    def test_order__values_that_say_nothing__refused(
        self, environment: Path, variable: str, given: str
    ) -> None:
        with pytest.raises(Refusal, match=f"{variable}: .*given {given}"):
            Order.from_environment(1337, {**os.environ, variable: given})

    def test_order__without_treasury_auditors_or_key__refused_at_once(
        self, environment: Path, monkeypatch: Any
    ) -> None:
        names = ("TREASURY_ADDRESS", "AUDITOR_ADDRESSES", "DEPLOYER_KEY_FILE")
        for name in names:
            monkeypatch.delenv(name)
        with pytest.raises(Refusal) as refused:
            deploy.main()
        assert all(f"{name}: must be set" in str(refused.value) for name in names)

    def test_deploy__creation_would_revert__says_so_and_sends_nothing(
        self, environment: Path, monkeypatch: Any
    ) -> None:
        monkeypatch.setenv("FEE_BPS", "1001")
        height = len(chain)
        with pytest.raises(Refusal, match="parameters: Parameters reverts: FeeTooHigh"):
            deploy.main()
        assert not environment.exists()
        assert len(chain) == height


class TestExport:
    def test_abi__committed__is_that_of_the_compiled_contracts(self) -> None:
        for name in export_abi.NAMES:
            assert (export_abi.ABI / f"{name}.json").read_text() == export_abi.rendered(name)

    def test_abi__linked_libraries__events_and_errors_in_it(self) -> None:
        market = self.names("GpuMarket")
        assert {"SafeERC20FailedOperation", "RedeemedGroup", "Split", "Resold"} <= market
        for library in ("Accounts", "Payout", "Recut", "Wallets"):
            artefact = json.loads((BUILD / f"{library}.json").read_text())
            kinds = ("event", "error")
            assert {e["name"] for e in artefact["abi"] if e["type"] in kinds} <= market

    def test_abi__called_contracts__their_refusals_in_it(self) -> None:
        assert {"UnbondingNotOver", "OverCapacity", "ERC20InsufficientAllowance"} <= self.names(
            "GpuMarket"
        )
        assert "InsufficientBalance" in self.names("ProviderRegistry")
        assert {"InsufficientBalance", "NoPosition", "UnknownTerms"} <= self.names("Arbitration")

    @pytest.mark.parametrize("name", export_abi.NAMES)
    def test_abi__every_entry__once(self, name: str) -> None:
        named = [
            (entry["type"], entry["name"])
            for entry in json.loads(export_abi.rendered(name))
            if entry["type"] in ("event", "error")
        ]
        assert len(named) == len(set(named))

    def names(self, contract: str) -> set[str]:
        """Of everything in the committed ABI."""
        text = (export_abi.ABI / f"{contract}.json").read_text()
        return {entry["name"] for entry in json.loads(text) if "name" in entry}

    def test_abi__changed__check_fails(self, tmp_path: Path, monkeypatch: Any) -> None:
        monkeypatch.setattr(export_abi, "ABI", tmp_path)
        monkeypatch.setattr(export_abi.sys, "argv", ["export_abi"])
        assert export_abi.main() == 0
        monkeypatch.setattr(export_abi.sys, "argv", ["export_abi", "--check"])
        assert export_abi.main() == 0
        (tmp_path / "GpuMarket.json").write_text("[]\n")
        assert export_abi.main() == 1
