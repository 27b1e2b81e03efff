"""`redeemGroup`: usage of many leases of one holder, under one signature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from bourse import FEE_BPS, HOUR, OK, PRICE, REDEEM_GRACE, USD, ZERO, Bourse
from brownie import chain
from counting import accounted
from leases import Lease, lease_on, register_terms
from words import malleable, reason, reverts

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain
from contracts.protocol.typed_data import UsageGroup
from contracts.protocol.units import TICK, payment_down, share_down

LOW = (1 << 104) - 1


def item(series: int, used: int) -> int:
    """Window and price of a series, and the cumulative usage above."""
    return (series & LOW) | used << 104


@dataclass
class Leases:
    """Three leases of the buyer on the same terms, half over."""

    bourse: Bourse
    leases: list[Lease]

    def group(self, *used: int, **changes: Any) -> UsageGroup:
        pairs = zip(self.leases, used, strict=False)
        plain = UsageGroup(
            holder=self.bourse.address("buyer"),
            terms=self.bourse.terms,
            step=1000,
            items=tuple(item(lease.series, total) for lease, total in pairs),
        )
        return replace(plain, **changes)

    def send(self, group: UsageGroup, by: str = "buyer", sender: str = "stranger") -> Any:
        """(reasons, transaction) of a group signed by somebody."""
        signature = self.bourse.keys[by].sign(group, self.bourse.market_domain)
        chain.mine()  # a static call sees the time of the last block
        call, calldata = self.bourse.market.redeemGroup, as_tuple(group)
        # An empty list says that nothing was skipped.
        said = call.call(calldata, signature, self.bourse.sends(sender))
        assert len(said) in (0, len(group.items))
        assert not said or any(str(one) != OK for one in said)
        reasons = said or [OK] * len(group.items)
        tx = call(calldata, signature, self.bourse.sends(sender))
        return tuple(map(str, reasons)), tx

    def used(self) -> list[int]:
        return [lease.position()[2] for lease in self.leases]

    def state(self) -> Any:
        return self.bourse.state(*(lease.key for lease in self.leases))


@pytest.fixture
def three(bourse: Bourse) -> Leases:
    start = chain.time() + 20
    leases = [lease_on(bourse, start=start, duration=HOUR + 36 * i) for i in range(3)]
    chain.mine(timestamp=start + HOUR // 2)
    return Leases(bourse, leases)


class TestPaid:
    def test_group__all_good__pays_the_sums_in_one_event(self, three: Leases) -> None:
        bourse, totals = three.bourse, (1_000_001, 77_777)
        group = three.group(*totals)
        reasons, tx = three.send(group)
        payments = [payment_down(total, PRICE // TICK) for total in totals]
        fees = sum(share_down(payment, FEE_BPS) for payment in payments)
        assert reasons == (OK, OK)
        assert len(tx.events) == 1
        assert dict(tx.events["RedeemedGroup"]) == {
            "holder": bourse.address("buyer"),
            "provider": bourse.address("provider"),
            "terms": bourse.terms,
            "step": 1000,
            "items": group.items,
            "payment": sum(payments),
            "fee": fees,
        }
        assert bourse.balance("provider") == 50 * USD + sum(payments) - fees
        assert bourse.balance("treasury") == fees
        held = [lease.key for lease in three.leases]
        assert bourse.market.totalHeld() == accounted(bourse, *held)

    def test_group__again__nothing_newer(self, three: Leases) -> None:
        group = three.group(1000, 2000)
        three.send(group)
        before = three.state()
        reasons, tx = three.send(group)
        assert reasons == (reason("VoucherNotNewer"),) * 2
        assert "RedeemedGroup" not in tx.events
        assert three.state() == before

    def test_group__then_voucher_then_group__each_pays_the_difference(self, three: Leases) -> None:
        lease = three.leases[0]
        three.send(three.group(1000))
        lease.redeem(3_601)
        _, tx = three.send(three.group(10_000))
        worth = [payment_down(total, PRICE // TICK) for total in (3_601, 10_000)]
        assert tx.events["RedeemedGroup"]["payment"] == worth[1] - worth[0]

    @pytest.mark.parametrize("sender", ["buyer", "provider", "stranger"])
    def test_group__anybody__may_submit(self, three: Leases, sender: str) -> None:
        assert three.send(three.group(1000), sender=sender)[0] == (OK,)

    def test_group__same_lease_twice__second_pays_the_difference(self, three: Leases) -> None:
        series = three.leases[0].series
        items = (item(series, 5_000), item(series, 7_200), item(series, 7_200), item(series, 1))
        reasons, tx = three.send(three.group(items=items))
        stale = reason("VoucherNotNewer")
        assert reasons == (OK, OK, stale, stale)
        assert tx.events["RedeemedGroup"]["payment"] == payment_down(7_200, PRICE // TICK)
        assert tx.events["RedeemedGroup"]["items"] == (*items[:2], 0, 0)

    def test_group__no_items__does_nothing(self, three: Leases) -> None:
        before = three.state()
        reasons, tx = three.send(three.group())
        assert (reasons, len(tx.events)) == ((), 0)
        assert three.state() == before

    def test_group__many__within_reach(self, three: Leases) -> None:
        """Forty items that fail cost little more than reading them."""
        missing = tuple(item(three.leases[0].series + i + 1, 5) for i in range(40))
        good = item(three.leases[0].series, 5_000)
        reasons, tx = three.send(three.group(items=(*missing, good)))
        assert reasons == (reason("NoPosition"),) * 40 + (OK,)
        assert tx.gas_used < 600_000


@dataclass(frozen=True)
class Skip:
    """One item between two good ones."""

    error: str
    item: Callable[[Leases], int]


SKIPS = {
    "never_filled": Skip("NoPosition", lambda of: item(of.leases[0].series + 1, 5)),
    "other_price": Skip("NoPosition", lambda of: item(of.leases[0].series + (1 << 64), 5)),
    "zero": Skip("NoPosition", lambda of: 0),
    "over_elapsed": Skip("MoreThanElapsed", lambda of: item(of.leases[2].series, 2 * HOUR * 1000)),
    "huge": Skip("MoreThanElapsed", lambda of: item(of.leases[2].series, 2**152 - 1)),
    "over_64_bits": Skip("MoreThanElapsed", lambda of: item(of.leases[2].series, 2**64 + 5)),
    "nothing": Skip("VoucherNotNewer", lambda of: item(of.leases[2].series, 0)),
}


class TestSkipped:
    def check(self, three: Leases, bad: int, error: str) -> None:
        group = three.group(1000, 2000)
        group = replace(group, items=(group.items[0], bad, group.items[1]))
        reasons, tx = three.send(group)
        assert reasons == (OK, reason(error), OK)
        assert str(tx.events["RedeemSkipped"]["reason"]) == reason(error)
        assert tx.events["RedeemSkipped"]["series"] & LOW == bad & LOW
        assert tx.events["RedeemedGroup"]["items"] == (group.items[0], 0, group.items[2])
        assert three.used()[:2] == [1000, 2000]

    @pytest.mark.parametrize("skip", SKIPS.values(), ids=SKIPS)
    def test_group__bad_between_good__zeroed_in_the_event(self, three: Leases, skip: Skip) -> None:
        before = three.leases[2].position()
        self.check(three, skip.item(three), skip.error)
        assert three.leases[2].position() == before

    def test_group__final_or_closed__skipped(self, three: Leases) -> None:
        third = three.leases[2]
        third.redeem(5, is_final=True)
        self.check(three, item(third.series, 6), "PositionFinal")
        third.close()
        group = three.group(items=(item(third.series, 6),))
        assert three.send(group)[0] == (reason("NoPosition"),)

    def test_group__not_started__skipped(self, three: Leases) -> None:
        later = lease_on(three.bourse, start=three.bourse.next_hour(), milli=1000)
        self.check(three, item(later.series, 5), "NotStarted")

    def test_group__missed_time__cannot_be_used(self, three: Leases) -> None:
        third = three.leases[2]
        third.redeem(0, missed_intervals=29)
        self.check(three, item(third.series, 120_000), "MoreThanElapsed")
        assert three.send(three.group(items=(item(third.series, 50_000),)))[0] == (OK,)
        assert third.position()[4:] == (0, 29)

    @pytest.mark.parametrize("changes", [{"terms": 0}, {"terms": 99}, {"step": 1}, {"step": 0}])
    def test_group__other_terms_or_step__no_position(
        self, three: Leases, changes: dict[str, int]
    ) -> None:
        before = three.state()
        reasons, tx = three.send(three.group(1000, 2000, **changes))
        assert reasons == (reason("NoPosition"),) * 2
        assert "RedeemedGroup" not in tx.events
        assert three.state() == before

    def test_group__terms_of_another_number__nobody_is_paid(self, three: Leases) -> None:
        """The payee is found by the terms in the group: they cannot be another's."""
        number = register_terms(three.bourse)
        before = three.state()
        reasons, _ = three.send(three.group(1000, terms=number))
        assert reasons == (reason("NoPosition"),)
        assert three.state() == before

    def test_group__of_another_holder__no_position(self, three: Leases) -> None:
        before = three.state()
        group = three.group(1000, holder=three.bourse.address("other"))
        assert three.send(group, by="other")[0] == (reason("NoPosition"),)
        assert three.state() == before


class TestSignature:
    def refused(self, three: Leases, group: UsageGroup, signature: bytes) -> None:
        before, call = three.state(), three.bourse.market.redeemGroup
        with pytest.raises(Exception, match="BadSignature: "):
            call(as_tuple(group), signature, three.bourse.sends("stranger"))
        assert three.state() == before

    @pytest.mark.parametrize("by", ["stranger", "provider", "agent", "delegate"])
    def test_group__foreign_key__reverts(self, three: Leases, by: str) -> None:
        bourse, group = three.bourse, three.group(1000)
        before, signature = three.state(), bourse.keys[by].sign(group, bourse.market_domain)
        with reverts("BadSignature", bourse.address("buyer"), bourse.address(by)):
            bourse.market.redeemGroup(as_tuple(group), signature, bourse.sends("stranger"))
        assert three.state() == before

    def test_group__malleable_or_short__reverts(self, three: Leases) -> None:
        bourse, group = three.bourse, three.group(1000)
        signature = bourse.keys["buyer"].sign(group, bourse.market_domain)
        for forged in (malleable(signature), b"", signature[:63], bytes(65)):
            with reverts("BadSignature", bourse.address("buyer"), ZERO):
                bourse.market.redeemGroup(as_tuple(group), forged, bourse.sends("stranger"))

    def test_group__of_nobody__reverts(self, three: Leases) -> None:
        self.refused(three, three.group(1000, holder=ZERO), bytes(65))

    def test_group__other_chain_or_contract__reverts(self, three: Leases) -> None:
        group, market = three.group(1000), three.bourse.market.address
        for domain in (
            Domain(chain.id + 1, market),
            Domain(chain.id, three.bourse.registry.address),
        ):
            self.refused(three, group, three.bourse.keys["buyer"].sign(group, domain))

    def test_group__changed_after_signing__reverts(self, three: Leases) -> None:
        bourse = three.bourse
        signature = bourse.keys["buyer"].sign(three.group(1000), bourse.market_domain)
        for other in (three.group(1001), three.group(1000, 5), three.group(1000, step=1)):
            self.refused(three, other, signature)

    def test_group__delegate__signs_until_its_grace_is_over(self, three: Leases) -> None:
        bourse = three.bourse
        bourse.market.setDelegate(bourse.address("delegate"), bourse.sends("buyer"))
        assert three.send(three.group(1000), by="delegate")[0] == (OK,)
        bourse.market.setDelegate(bourse.address("rival"), bourse.sends("buyer"))
        assert three.send(three.group(2000), by="delegate")[0] == (OK,)
        chain.mine(timestamp=chain.time() + REDEEM_GRACE + 5)
        group = three.group(3000)
        old = bourse.keys["delegate"].sign(group, bourse.market_domain)
        self.refused(three, group, old)
        assert three.send(group, by="rival")[0] == (OK,)
