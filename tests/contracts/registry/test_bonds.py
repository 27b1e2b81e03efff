"""Bonds of anybody: what counts, what a lease may cost, what a slash takes and who gets it."""

from __future__ import annotations

from typing import Any

import pytest
from bourse import A100, HOUR, OK, USD, Bourse, Fill
from brownie import chain
from counting import accounted, acting
from leases import UNBONDING
from words import reason, reverts

from contracts.protocol.hashing import keccak
from contracts.protocol.series import device_hash

EVIDENCE = keccak(b"evidence")
BURNED = "0x000000000000000000000000000000000000dEaD"
REQUIRED = 4 * 1000 * 1000
"""Minimum of four devices."""


def bond_of(bourse: Bourse, name: str = "provider") -> tuple[int, int]:
    bonded, unbonding = bourse.registry.bondOf(bourse.address(name))[:2]
    return int(bonded), int(unbonding)


class TestFree:
    def test_free__provider__beyond_its_minimum(self, bourse: Bourse) -> None:
        assert bourse.registry.freeBond(bourse.address("provider")) == 50 * USD - REQUIRED

    def test_free__anybody_else__all_of_it(self, bourse: Bourse) -> None:
        other = bourse.address("other")
        assert bourse.registry.freeBond(other) == 0
        bourse.market.bond(7, bourse.sends("other"))
        assert bourse.registry.freeBond(other) == 7

    def test_free__unbonding__counts_no_more(self, bourse: Bourse) -> None:
        bourse.market.bond(7, bourse.sends("other"))
        bourse.registry.requestUnbonding(5, bourse.sends("other"))
        assert bourse.registry.freeBond(bourse.address("other")) == 2

    @pytest.mark.parametrize("left", [REQUIRED, REQUIRED - 1, 0])
    def test_free__at_or_below_the_minimum__none(self, bourse: Bourse, left: int) -> None:
        bourse.registry.requestUnbonding(50 * USD - left, bourse.sends("provider"))
        assert bourse.registry.freeBond(bourse.address("provider")) == 0


class TestLeaseBond:
    @pytest.mark.parametrize(
        ("milli", "share"),
        [
            (0, 0),
            (1, 12_500),
            (1000, 12_500_000),
            (3999, 49_987_500),
            (4000, 50 * USD),
            (4001, 50 * USD),
            (2**32 - 1, 50 * USD),
        ],
    )
    def test_lease_bond__share_of_the_milli(self, bourse: Bourse, milli: int, share: int) -> None:
        assert bourse.registry.leaseBond(bourse.address("provider"), milli) == share

    def test_lease_bond__rounds_down(self, bourse: Bourse) -> None:
        bourse.market.bond(3, bourse.sends("provider"))
        assert bourse.registry.leaseBond(bourse.address("provider"), 1000) == 12_500_000

    def test_lease_bond__unbonding__counts(self, bourse: Bourse) -> None:
        bourse.registry.requestUnbonding(50 * USD, bourse.sends("provider"))
        assert bourse.registry.leaseBond(bourse.address("provider"), 1000) == 12_500_000

    def test_lease_bond__every_class__in_the_denominator(self, bourse: Bourse) -> None:
        provider = bourse.address("provider")
        bourse.attest(bourse.attestation("GPU-A", device_class=A100, lane_milli=125))
        assert bourse.registry.bondOf(provider)[4] == 5000
        assert bourse.registry.leaseBond(provider, 1000) == 10 * USD
        for i in range(4):
            bourse.registry.removeDevice(device_hash(f"GPU-{i}"), bourse.sends("provider"))
        assert bourse.registry.bondOf(provider)[3:] == (1000 * 1000, 1000)
        assert bourse.registry.leaseBond(provider, 500) == 25 * USD

    def test_lease_bond__nothing_attested__all_of_it(self, bourse: Bourse) -> None:
        bourse.market.bond(7, bourse.sends("other"))
        assert bourse.registry.leaseBond(bourse.address("other"), 1) == 7
        assert bourse.registry.leaseBond(bourse.address("rival"), 1) == 0


class TestTakeBond:
    def take(self, bourse: Bourse, milli: int, amount: int) -> int:
        provider, by = bourse.address("provider"), acting(bourse.market)
        tx = bourse.registry.takeBond(provider, milli, amount, by)
        assert dict(tx.events["CreditTaken"]) == {
            "provider": provider,
            "amount": tx.return_value,
        }
        return int(tx.return_value)

    def test_take__less_than_the_share__that(self, bourse: Bourse) -> None:
        assert self.take(bourse, 1000, 5) == 5
        assert bond_of(bourse) == (50 * USD - 5, 0)

    @pytest.mark.parametrize("amount", [12_500_001, 2**255])
    def test_take__more_than_the_share__the_share(self, bourse: Bourse, amount: int) -> None:
        assert self.take(bourse, 1000, amount) == 12_500_000

    def test_take__bonded_first__then_unbonding(self, bourse: Bourse) -> None:
        bourse.registry.requestUnbonding(40 * USD, bourse.sends("provider"))
        assert self.take(bourse, 1000, 4 * USD) == 4 * USD
        assert bond_of(bourse) == (6 * USD, 40 * USD)
        assert self.take(bourse, 4000, 10 * USD) == 10 * USD
        assert bond_of(bourse) == (0, 36 * USD)

    def test_take__nothing_there__nothing(self, bourse: Bourse) -> None:
        assert self.take(bourse, 4000, 2**64) == 50 * USD
        assert self.take(bourse, 4000, 1) == 0


class TestSlash:
    def slash(self, bourse: Bourse, amount: int, part: int, victim: str = "buyer") -> Any:
        by = acting(bourse.arbitration)
        people = (bourse.address("provider"), amount, bourse.address(victim), part)
        return bourse.registry.slash(*people, EVIDENCE, by)

    def burned(self, bourse: Bourse) -> int:
        return int(bourse.market.accountOf(BURNED)[0])

    @pytest.mark.parametrize(
        ("amount", "part", "to_victim", "burned"),
        [
            (10, 4, 4, 6),
            (10, 10, 10, 0),
            (10, 11, 10, 0),
            (10, 0, 0, 10),
            (50 * USD + 1, 20 * USD, 20 * USD, 30 * USD),
            (2**256 - 1, 2**256 - 1, 50 * USD, 0),
            (0, 5, 0, 0),
        ],
    )
    def test_slash__victim_first__rest_burned(
        self, bourse: Bourse, amount: int, part: int, to_victim: int, burned: int
    ) -> None:
        tx = self.slash(bourse, amount, part)
        taken = to_victim + burned
        assert tx.return_value == taken
        assert bond_of(bourse) == (50 * USD - taken, 0)
        assert bourse.balance("buyer") == 1000 * USD + to_victim
        assert self.burned(bourse) == burned
        event = dict(tx.events["Slashed"])
        assert bytes(event.pop("evidence")) == EVIDENCE
        assert event == {
            "account": bourse.address("provider"),
            "victim": bourse.address("buyer"),
            "amount": taken,
            "toVictim": to_victim,
        }
        assert bourse.market.totalHeld() == accounted(bourse) == 2100 * USD

    def test_slash__unbonding_part__taken_after_the_bonded(self, bourse: Bourse) -> None:
        bourse.registry.requestUnbonding(30 * USD, bourse.sends("provider"))
        self.slash(bourse, 25 * USD, 25 * USD)
        assert bond_of(bourse) == (0, 25 * USD)
        chain.mine(timestamp=chain.time() + UNBONDING)
        bourse.market.releaseBond(bourse.address("provider"), bourse.sends("stranger"))
        assert bourse.balance("provider") == 75 * USD

    def test_slash__all_that_unbonds__nothing_to_release(self, bourse: Bourse) -> None:
        bourse.registry.requestUnbonding(50 * USD, bourse.sends("provider"))
        self.slash(bourse, 50 * USD, 0)
        chain.mine(timestamp=chain.time() + UNBONDING)
        with reverts("NothingUnbonding", bourse.address("provider")):
            bourse.market.releaseBond(bourse.address("provider"), bourse.sends("stranger"))

    def test_slash__without_evidence__refused(self, bourse: Bourse) -> None:
        before, by = bourse.state(), acting(bourse.arbitration)
        people = (bourse.address("provider"), 5, bourse.address("buyer"), 5)
        with reverts("NoEvidence"):
            bourse.registry.slash(*people, bytes(32), by)
        assert bourse.state() == before

    @pytest.mark.parametrize("who", ["stranger", "market", "resale", "parameters"])
    def test_slash__not_the_arbitration__refused(self, bourse: Bourse, who: str) -> None:
        person = who == "stranger"
        by = bourse.sends(who) if person else acting(getattr(bourse, who))
        caller, before = str(by["from"].address), bourse.state()
        people = (bourse.address("provider"), 5, bourse.address("buyer"), 5)
        with reverts("OnlyArbitration", str(bourse.arbitration.address), caller):
            bourse.registry.slash(*people, EVIDENCE, by)
        assert bourse.state() == before

    def test_slash__below_the_minimum__no_fill_until_bonded_again(self, bourse: Bourse) -> None:
        self.slash(bourse, 50 * USD - REQUIRED + 1, 0)
        assert bourse.fill(bourse.ask(), Fill(bourse.bid())).reasons == ((reason("BondTooLow"),),)
        bourse.market.bond(1, bourse.sends("provider"))
        assert bourse.fill(bourse.ask(), Fill(bourse.bid())).reasons == ((OK,),)

    def test_slash__of_anybody__its_own_victim_too(self, bourse: Bourse) -> None:
        bourse.market.bond(9, bourse.sends("other"))
        other, by = bourse.address("other"), acting(bourse.arbitration)
        bourse.registry.slash(other, 20, other, 4, EVIDENCE, by)
        assert (bond_of(bourse, "other"), bourse.balance("other")) == ((0, 0), 1000 * USD - 5)
        assert self.burned(bourse) == 5

    def test_burned__constant__nobodys_key(self, bourse: Bourse) -> None:
        assert bourse.registry.BURNED() == BURNED


class TestUnbondingEnd:
    def test_end__sold_nothing__from_now(self, bourse: Bourse) -> None:
        bourse.market.bond(7, bourse.sends("other"))
        tx = bourse.registry.requestUnbonding(7, bourse.sends("other"))
        assert dict(tx.events["UnbondingRequested"]) == {
            "account": bourse.address("other"),
            "amount": 7,
            "unbonding": 7,
            "ends": tx.timestamp + UNBONDING,
        }
        chain.mine(timestamp=tx.timestamp + UNBONDING - 5)
        with pytest.raises(Exception, match="UnbondingNotOver"):
            bourse.market.releaseBond(bourse.address("other"), bourse.sends("stranger"))
        chain.mine(timestamp=tx.timestamp + UNBONDING)
        bourse.market.releaseBond(bourse.address("other"), bourse.sends("stranger"))
        assert bourse.balance("other") == 1000 * USD

    def test_end__sold_hours_past__from_now(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        bourse.lease(start=start)
        chain.mine(timestamp=start + 2 * HOUR)
        tx = bourse.registry.requestUnbonding(1, bourse.sends("provider"))
        assert tx.events["UnbondingRequested"]["ends"] == tx.timestamp + UNBONDING

    def test_end__sold_ahead__from_the_last_hour(self, bourse: Bourse) -> None:
        start = bourse.next_hour(30)
        bourse.lease(start=start)
        bourse.lease(start=bourse.next_hour())
        tx = bourse.registry.requestUnbonding(1, bourse.sends("provider"))
        assert tx.events["UnbondingRequested"]["ends"] == start + HOUR + UNBONDING

    def test_end__sold_after_the_request__needs_a_bond_that_stays(self, bourse: Bourse) -> None:
        """What unbonds may leave before later hours: it does not count for them."""
        bourse.registry.requestUnbonding(50 * USD - REQUIRED + 1, bourse.sends("provider"))
        late = Fill(bourse.bid(), start=bourse.next_hour(1000))
        assert bourse.fill(bourse.ask(), late).reasons == ((reason("BondTooLow"),),)


def test_hooks__not_the_market__refused(bourse: Bourse) -> None:
    provider, now = bourse.address("provider"), chain.time()
    calls = {
        "reserve": (1, 1000, now, now + HOUR),
        "release": (1, 1000, now, now + HOUR),
        "addBond": (provider, 1),
        "takeUnbonded": (provider,),
        "takeBond": (provider, 1000, 1),
    }
    before = bourse.state()
    for by in (bourse.sends("stranger"), acting(bourse.arbitration), acting(bourse.resale)):
        for name, arguments in calls.items():
            with reverts("OnlyMarket", str(bourse.market.address), str(by["from"].address)):
                getattr(bourse.registry, name)(*arguments, by)
    assert bourse.state() == before
