"""Keys, terms and the bond's way out."""

from __future__ import annotations

from typing import Any

import pytest
from bourse import A100, DEVICE, FEE_BPS, H100, HOUR, MPS, REDEEM_GRACE, USD, ZERO, Bourse, terms
from brownie import chain
from leases import UNBONDING
from words import reverts

from contracts.protocol.series import device_hash


class TestRegister:
    def test_register__first_time__names_agent(self, bourse: Bourse) -> None:
        rival, agent = bourse.address("rival"), bourse.address("delegate")
        tx = bourse.registry.register(agent, bourse.sends("rival"))
        assert dict(tx.events["ProviderRegistered"]) == {"provider": rival, "agent": agent}
        assert bourse.registry.agentOf(rival) == agent
        assert bourse.registry.isAgent(rival, agent)
        assert not bourse.registry.isAgent(rival, ZERO)

    def test_register__zero_agent__refused(self, bourse: Bourse) -> None:
        with reverts("ZeroAddress"):
            bourse.registry.register(ZERO, bourse.sends("rival"))

    def test_register__twice__refused(self, bourse: Bourse) -> None:
        with reverts("AlreadyRegistered", bourse.address("provider")):
            bourse.registry.register(bourse.address("rival"), bourse.sends("provider"))
        assert bourse.registry.agentOf(bourse.address("provider")) == bourse.address("agent")


class TestSetAgent:
    def test_set_agent__new__old_counts_for_grace(self, bourse: Bourse) -> None:
        provider, old, new = (bourse.address(n) for n in ("provider", "agent", "rival"))
        tx = bourse.registry.setAgent(new, bourse.sends("provider"))
        assert dict(tx.events["AgentChanged"]) == {
            "provider": provider,
            "agent": new,
            "previous": old,
            "previousUntil": tx.timestamp + REDEEM_GRACE,
        }
        assert bourse.registry.isAgent(provider, old)
        assert bourse.registry.isAgent(provider, new)
        chain.mine(timestamp=chain.time() + REDEEM_GRACE + 5)
        assert not bourse.registry.isAgent(provider, old)

    def test_set_agent__same__no_event(self, bourse: Bourse) -> None:
        tx = bourse.registry.setAgent(bourse.address("agent"), bourse.sends("provider"))
        assert len(tx.events) == 0

    def test_set_agent__zero__refused(self, bourse: Bourse) -> None:
        with reverts("ZeroAddress"):
            bourse.registry.setAgent(ZERO, bourse.sends("provider"))

    def test_set_agent__not_registered__refused(self, bourse: Bourse) -> None:
        with reverts("NotRegistered", bourse.address("rival")):
            bourse.registry.setAgent(bourse.address("rival"), bourse.sends("rival"))


def paid_as(provider: str, *parts: int) -> int:
    """A word of `PayTerms`: fee, reservation fee, SLA credit, interval, step of 16 bits each."""
    return int(provider, 16) + sum(part << 160 + 16 * i for i, part in enumerate(parts))


class TestTerms:
    def test_terms__valid__stored_under_next_number(self, bourse: Bourse) -> None:
        promises = {"reservation_fee_bps": 5000, "sla_credit_bps": 10_000, "arbiter_set": 1}
        promises |= {"interruptible": True, "notice": 168 * HOUR}
        shared = terms(
            isolation=MPS, step=125, receipt_interval=30, unsigned_intervals=20, **promises
        )
        tx = bourse.registry.registerTerms(shared, bourse.sends("provider"))
        number = bourse.terms + 1
        assert bourse.registry.termsCount() == number
        event = tx.events["TermsRegistered"]
        assert (event["number"], event["provider"], event["feeBps"]) == (
            number,
            bourse.address("provider"),
            FEE_BPS,
        )
        stored, provider, fee = bourse.registry.termsOf(number)
        assert tuple(stored)[1:] == shared[1:]
        assert bytes(stored[0]) == H100
        assert (provider, fee) == (bourse.address("provider"), FEE_BPS)
        word = paid_as(bourse.address("provider"), FEE_BPS, 5000, 10_000, 30, 125)
        assert bourse.registry.payTerms(number) == word
        sale = tuple(bourse.registry.saleTerms(number))
        assert (sale[0], bytes(sale[1])) == (word, H100)
        assert sale[2:] == (MPS, True, 168 * HOUR, 1)

    def test_terms__unknown__refused_or_zeros(self, bourse: Bourse) -> None:
        with reverts("UnknownTerms", 99):
            bourse.registry.termsOf(99)
        assert bourse.registry.payTerms(99) == 0
        assert bourse.registry.saleTerms(99)[0] == 0

    def test_terms__not_registered__refused(self, bourse: Bourse) -> None:
        with reverts("NotRegistered", bourse.address("rival")):
            bourse.registry.registerTerms(terms(), bourse.sends("rival"))

    @pytest.mark.parametrize(
        ("name", "bps", "limit"),
        [
            ("reservation_fee_bps", 5001, 5000),
            ("reservation_fee_bps", 65_535, 5000),
            ("sla_credit_bps", 10_001, 10_000),
        ],
    )
    def test_terms__promise_over_its_cap__refused(
        self, bourse: Bourse, name: str, bps: int, limit: int
    ) -> None:
        self.refused(bourse, {name: bps}, "BpsTooHigh", bps, limit)

    @pytest.mark.parametrize(
        ("interruptible", "notice"), [(True, 0), (False, 1), (True, 168 * HOUR + 1)]
    )
    def test_terms__notice__exactly_where_interruptible(
        self, bourse: Bourse, interruptible: bool, notice: int
    ) -> None:
        changes = {"interruptible": interruptible, "notice": notice}
        self.refused(bourse, changes, "BadNotice", notice, 168 * HOUR)

    def test_terms__arbiters_that_are_not__refused(self, bourse: Bourse) -> None:
        self.refused(bourse, {"arbiter_set": 2}, "UnknownArbiterSet", 2, 1)

    def test_terms__no_class__refused(self, bourse: Bourse) -> None:
        self.refused(bourse, {"device_class": bytes(32)}, "BadClass", bytes(32))

    @pytest.mark.parametrize("isolation", [0, 6])
    def test_terms__isolation__refused(self, bourse: Bourse, isolation: int) -> None:
        self.refused(bourse, {"isolation": isolation}, "BadIsolation", isolation, 5)

    @pytest.mark.parametrize(
        ("step", "isolation"), [(0, MPS), (300, MPS), (2000, MPS), (500, 3), (500, DEVICE), (1, 5)]
    )
    def test_terms__step__refused(self, bourse: Bourse, step: int, isolation: int) -> None:
        self.refused(bourse, {"step": step, "isolation": isolation}, "BadStep", step, isolation)

    @pytest.mark.parametrize(
        ("interval", "count"), [(0, 5), (60, 0), (60, 11), (2**32 - 1, 2**16 - 1)]
    )
    def test_terms__receipt_interval__refused(
        self, bourse: Bourse, interval: int, count: int
    ) -> None:
        changes = {"receipt_interval": interval, "unsigned_intervals": count}
        self.refused(bourse, changes, "BadReceiptInterval", interval * count, 600)

    def refused(self, bourse: Bourse, changes: dict[str, Any], error: str, *values: Any) -> None:
        with reverts(error, *values):
            bourse.registry.registerTerms(terms(**changes), bourse.sends("provider"))
        assert bourse.registry.termsCount() == bourse.terms


class TestUnbonding:
    def test_unbonding__part__stops_counting(self, bourse: Bourse) -> None:
        provider = bourse.address("provider")
        tx = bourse.registry.requestUnbonding(20 * USD, bourse.sends("provider"))
        bonded, unbonding, ends, required, attested = bourse.registry.bondOf(provider)
        assert (bonded, unbonding, ends) == (30 * USD, 20 * USD, tx.timestamp + UNBONDING)
        assert (required, attested) == (4 * 1000 * 1000, 4000)

    def test_unbonding__again__adds_up_and_moves_end(self, bourse: Bourse) -> None:
        first = bourse.registry.requestUnbonding(20 * USD, bourse.sends("provider"))
        chain.sleep(HOUR)
        second = bourse.registry.requestUnbonding(5 * USD, bourse.sends("provider"))
        assert second.events["UnbondingRequested"]["unbonding"] == 25 * USD
        assert (
            second.events["UnbondingRequested"]["ends"] > first.events["UnbondingRequested"]["ends"]
        )

    def test_unbonding__sold_in_any_class__ends_after_the_last(self, bourse: Bourse) -> None:
        start = bourse.next_hour(50)
        bourse.lease(start=start)
        tx = bourse.registry.requestUnbonding(1, bourse.sends("provider"))
        assert tx.events["UnbondingRequested"]["ends"] == start + HOUR + UNBONDING

    def test_unbonding__zero_or_too_much__refused(self, bourse: Bourse) -> None:
        with reverts("ZeroAmount"):
            bourse.registry.requestUnbonding(0, bourse.sends("provider"))
        with reverts("InsufficientBond", 50 * USD, 50 * USD + 1):
            bourse.registry.requestUnbonding(50 * USD + 1, bourse.sends("provider"))
        with reverts("InsufficientBond", 0, 1):
            bourse.registry.requestUnbonding(1, bourse.sends("rival"))


class TestViews:
    def test_was_agent__replaced__counted_until_its_grace_was_over(self, bourse: Bourse) -> None:
        """A receipt is judged by the keys of its own time, however long ago that is."""
        provider, old, new = (bourse.address(n) for n in ("provider", "agent", "rival"))
        tx = bourse.registry.setAgent(new, bourse.sends("provider"))
        chain.mine(timestamp=chain.time() + 365 * 24 * HOUR)
        until = tx.timestamp + REDEEM_GRACE
        was = [bourse.registry.wasAgent(provider, old, at) for at in (0, until, until + 1)]
        assert was == [True, True, False]
        assert bourse.registry.wasAgent(provider, new, until + 1)
        assert [bourse.registry.isAgent(provider, key) for key in (old, new)] == [False, True]

    def test_was_agent__nobody_or_anothers__no(self, bourse: Bourse) -> None:
        agent = bourse.address("agent")
        assert not bourse.registry.wasAgent(bourse.address("provider"), ZERO, 0)
        assert not bourse.registry.wasAgent(bourse.address("provider"), bourse.address("rival"), 0)
        assert not bourse.registry.wasAgent(bourse.address("rival"), agent, 0)
        assert not bourse.registry.wasAgent(bourse.address("rival"), ZERO, 0)

    def test_is_lapsed__from_the_expiry_on(self, bourse: Bourse) -> None:
        expiry = int(bourse.registry.capacityOf(bourse.address("provider"), H100)[2])
        chain.mine(timestamp=expiry - 1)
        assert not bourse.registry.isLapsed(bourse.terms)
        chain.mine(timestamp=expiry)
        assert bourse.registry.isLapsed(bourse.terms)
        later = [bourse.attestation(f"GPU-{i}", expiry=expiry + HOUR) for i in range(4)]
        bourse.attest(*later[:3])
        assert bourse.registry.isLapsed(bourse.terms)
        bourse.attest(later[3])
        assert not bourse.registry.isLapsed(bourse.terms)

    def test_is_lapsed__no_lane_left_or_never_any__yes(self, bourse: Bourse) -> None:
        for i in range(4):
            bourse.registry.removeDevice(device_hash(f"GPU-{i}"), bourse.sends("provider"))
        assert bourse.registry.isLapsed(bourse.terms)
        bourse.registry.registerTerms(terms(device_class=A100), bourse.sends("provider"))
        assert bourse.registry.isLapsed(bourse.terms + 1)
        assert bourse.registry.isLapsed(99)
