"""What governance changes, and what stays as it was sold: rule 9."""

from __future__ import annotations

from typing import Any

import pytest
from arbiters import HONEST, Court, at
from attacks.everything import as_timelock, world
from attacks.loot import THIEF, books, refusal, sent
from batch import Label, Value, rpc
from bourse import H100, HOUR, OK, USD
from brownie import accounts, chain, history


def leave(court: Court, leases: Any) -> dict[Label, Value]:
    """Everything that was begun ends: what everybody has then."""
    disputed, claimed, coming = leases
    court.decide(disputed, HONEST)
    at(court.case(claimed)[4])
    court.resolve(claimed)
    at(coming.end)
    court.redeem(coming, 1_000_000)
    at(coming.end + 24 * HOUR + 1)
    held = [(lease.series, lease.holder) for lease in leases]
    assert court.bourse.close(*held).reasons == (OK,) * 3
    at(int(court.bourse.registry.bondOf(court.bourse.address("provider"))[2]))
    court.bourse.market.releaseBond(
        court.bourse.address("provider"), court.bourse.sends("stranger")
    )
    return books(court, *leases)


class TestParameters:
    def test_parameters__all_at_their_ends__everybody_leaves_with_the_same(
        self, court: Court
    ) -> None:
        """Leases, cases and bonds from before end to the unit as they would have; the fee of their
        terms goes to whoever is the treasury then."""
        scene = world(court)
        of, parameters = court.bourse, court.bourse.parameters
        before = books(court)["account", "treasury"][0]
        # Only new cases see the new role bond and fee; the open one has its own.
        point = rpc("evm_snapshot")["result"]
        expected = leave(court, scene.leases)
        rpc("evm_revert", point)
        history.clear()  # or Brownie waits for transactions that are no more
        chain.sleep(0)
        changes = [
            parameters.setFee.encode_input(1_000),
            parameters.setTreasury.encode_input(of.address(THIEF)),
            parameters.setAuditors.encode_input([of.address(THIEF)], 1),
            parameters.addArbiterSet.encode_input([of.address(THIEF)], 1),
            parameters.setDefaultMinBond.encode_input(2**64 - 1),
            parameters.setMinBond.encode_input(H100, 2**64 - 1, True),
            parameters.setRoleBond.encode_input(100_000 * USD),
            parameters.setFees.encode_input(100 * USD, 1_000 * USD),
        ]
        assert [as_timelock(court, data) for data in changes] == [""] * len(changes)
        pauses = parameters.pause.encode_input(7 * 24 * HOUR)
        assert sent(parameters, pauses, str(accounts[1].address)) == ""
        found = leave(court, scene.leases)
        fees = expected["account", "treasury"][0] - before
        assert found["account", "treasury"][0] == before
        assert found["account", THIEF][0] == expected["account", THIEF][0] + fees
        moved = {("account", "treasury"), ("account", THIEF)}
        same = [x for x in expected if x not in moved]
        assert [(x, expected[x], found[x]) for x in same if expected[x] != found[x]] == []

    @pytest.mark.parametrize("part", ["market", "arbitration", "registry", "resale"])
    def test_treasury__set_to_a_contract_of_the_bourse__its_fees_lie_there_and_nothing_else_changes(
        self, court: Court, part: str
    ) -> None:
        of, scene = court.bourse, world(court)
        place = str(getattr(of, part).address)
        assert as_timelock(court, of.parameters.setTreasury.encode_input(place)) == ""
        before = int(of.market.accountOf(place)[0])
        bond = int(court.case(scene.disputed)[8]) if part == "arbitration" else 0
        leave(court, scene.leases)
        fees = int(of.market.accountOf(place)[0]) - before + bond
        # One per cent of 300,000 GPU-ms of the claimed lease and of 1,000,000 of the coming one.
        assert fees == sum(used * 2_000 // 3_600 // 100 for used in (300_000, 1_000_000))
        assert refusal(court, THIEF, of.market, "withdraw", of.address(THIEF), 600 * USD) == (
            "InsufficientBalance"
        )

    def test_pauser__pauses_again_and_again__every_exit_stays_open(self, court: Court) -> None:
        scene = world(court)
        pause = court.bourse.parameters.pause.encode_input(7 * 24 * HOUR)
        governor = str(accounts[1].address)
        assert sent(court.bourse.parameters, pause, governor) == ""
        found = leave(court, scene.leases)
        assert (
            court.bourse.parameters.paused() or sent(court.bourse.parameters, pause, governor) == ""
        )
        for name in ("buyer", "other", "provider"):
            everything = found["account", name][0]
            of = court.bourse
            of.market.withdraw(of.address(name), everything, of.sends(name))
            assert of.balance(name) == 0
