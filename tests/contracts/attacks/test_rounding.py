"""Amounts so small, or cuts so many, that the rounding itself would be worth taking."""

from __future__ import annotations

from arbiters import Court, Lease, at, paid
from attacks.loot import THIEF, books, money
from bourse import FEE_BPS, HOUR, OK, PRICE, REDEEM_GRACE, Fill
from counting import lanes, position, window
from secondary import offer, resell, taking

from contracts.bindings.tuples import as_tuple
from contracts.protocol.series import Series
from contracts.protocol.typed_data import UsageGroup

PLAIN = 1
TIMES = 20


def group_of(court: Court, lease: Lease, totals: list[int]) -> tuple[UsageGroup, bytes]:
    """One lease many times over, each time a little more, under one signature."""
    parts = Series.from_id(lease.series)
    low = lease.series & ((1 << 104) - 1)
    items = tuple(low | used << 104 for used in totals)
    group = UsageGroup(court.bourse.address(lease.holder), parts.terms, parts.step, items)
    return group, court.bourse.sign(group, lease.holder)


def redeem_all(court: Court, lease: Lease, totals: list[int]) -> None:
    group, signature = group_of(court, lease, totals)
    court.bourse.market.redeemGroup(as_tuple(group), signature, court.bourse.sends(THIEF))


class TestRedemption:
    def test_one_gpu_ms_at_a_time__pays_the_same_in_all(self, court: Court) -> None:
        """Each step alone would round to nothing; the total is what is rounded."""
        lease = court.running(price=3_000, terms=PLAIN)
        steps = range(1, 3_600, 60)
        gains = money(court, lambda: redeem_all(court, lease, [*steps, 3_600]), lease)
        assert paid(60, 3_000) == 0
        assert gains == {"provider": paid(3_600, 3_000), "escrow": -paid(3_600, 3_000)}
        assert paid(3_600, 3_000) == 3

    def test_fee_floor__many_small_payments__save_a_unit_of_fee_each_and_no_more(
        self, court: Court
    ) -> None:
        """The provider who splits its redemption saves what a floor can lose: below one unit, that
        is a millionth of a dollar, each time, for more gas than that."""
        lease = court.running(terms=PLAIN)
        # 178 GPU-ms cost 98 or 99 units, of which one per cent is none.
        totals = [178 * (i + 1) for i in range(TIMES)]
        gains = money(court, lambda: redeem_all(court, lease, totals), lease)
        cost = paid(totals[-1])
        assert gains == {"provider": cost, "escrow": -cost}
        saved = cost * FEE_BPS // 10_000
        assert 0 < saved <= TIMES

    def test_remainder__of_every_lease__goes_back_to_its_holder(self, court: Court) -> None:
        """What rounding leaves of a payment belongs to nobody else: cost = paid + refund."""
        leases = [court.lease(THIEF, price=7_000, duration=36 * k, terms=PLAIN) for k in (1, 3, 7)]
        at(max(lease.end for lease in leases))

        def live() -> None:
            for lease, used in zip(leases, (1, 12_345, 99_999), strict=True):
                court.redeem(lease, used, is_final=True)
                court.close(lease)

        costs = [7 * 10 * k for k in (1, 3, 7)]
        spent = [paid(used, 7_000) for used in (1, 12_345, 99_999)]
        gains = money(court, live, *leases)
        fee = sum(x // 100 for x in spent)
        assert gains == {
            THIEF: sum(costs) - sum(spent),
            "provider": sum(spent) - fee,
            "treasury": fee,
            "escrow": -sum(costs),
        }


class TestCuts:
    def test_split_and_merge__ten_times__units_escrow_and_hours_as_before(
        self, court: Court
    ) -> None:
        of = court.bourse
        start = of.next_hour(4)
        lease = court.lease(THIEF, start=start, duration=3 * HOUR, price=7_000, terms=PLAIN)
        before, sold = books(court, lease), lanes(of, start, 3)

        def cycle() -> None:
            for cut in (1, 2) * 5:
                of.market.split(lease.series, start + cut * HOUR, 1000, of.sends(THIEF))
                head = window(lease.series, start, cut * HOUR)
                tail = window(lease.series, start + cut * HOUR, (3 - cut) * HOUR)
                of.market.merge(head, tail, 1000, of.sends(THIEF))

        assert money(court, cycle, lease) == {}
        assert books(court, lease) == before
        assert lanes(of, start, 3) == sold == [1, 1, 1]

    def test_split__into_hours_each_spent_to_an_odd_total__loses_below_a_unit_each(
        self, court: Court
    ) -> None:
        """The holder may cut a lease so that each part rounds down by itself. Of three hours the
        provider loses less than three units."""
        of, sender = court.bourse, court.bourse.sends(THIEF)
        start = of.next_hour()
        lease = court.lease(THIEF, start=start, duration=3 * HOUR, price=7_000, terms=PLAIN)
        of.market.split(lease.series, start + HOUR, 1000, sender)
        tail = window(lease.series, start + HOUR, 2 * HOUR)
        of.market.split(tail, start + 2 * HOUR, 1000, sender)
        parts = [
            Lease(window(lease.series, start + i * HOUR, HOUR), THIEF, start + i * HOUR, 0)
            for i in range(3)
        ]
        at(start + 3 * HOUR)
        used = 1_000_001

        def live() -> None:
            for part in parts:
                court.redeem(part, used)

        each = paid(used, 7_000)
        gains = money(court, live, *parts)
        fee = 3 * (each // 100)
        assert gains == {"provider": 3 * each - fee, "treasury": fee, "escrow": -3 * each}
        assert paid(3 * used, 7_000) - 3 * each < 3


class TestSales:
    def test_resale__in_a_ring_of_two__each_sale_pays_its_floor(self, court: Court) -> None:
        of = court.bourse
        lease = court.lease("buyer", start=of.next_hour(4), price=7_000, terms=PLAIN)
        theirs = Lease(lease.series, "other", lease.start, lease.end)
        price = 6_000

        def ring() -> None:
            for seller, buyer in (("buyer", "other"), ("other", "buyer")) * 2:
                ask = offer(of, lease.series, seller, price_per_gpu_hour=price)
                outcome = resell(of, ask, taking(of, lease.series, buyer, price=price))
                assert outcome.reasons == ((OK,),)

        assert money(court, ring, lease, theirs) == {
            "buyer": -2 * (price // 100),
            "other": -2 * (price // 100),
            "treasury": 4 * (price // 100),
        }
        assert position(of, lease.series)[0] == 1000

    def test_resale__of_a_lot__pays_no_fee_worth_a_unit(self, court: Court) -> None:
        """A lot of 36 seconds at a tenth of a cent: 99 units, of which one per cent is none."""
        of = court.bourse
        start = of.next_hour(4)
        lease = court.lease("buyer", start=start, duration=36, price=9_000, terms=PLAIN)
        theirs = Lease(lease.series, "other", lease.start, lease.end)
        ask = offer(of, lease.series, "buyer")

        def sale() -> None:
            assert resell(of, ask, taking(of, lease.series)).reasons == ((OK,),)

        assert money(court, sale, lease, theirs) == {"buyer": 90, "other": -90}


class TestDust:
    def test_dust__smallest_lease_at_the_smallest_price__costs_and_returns_ten_units(
        self, court: Court
    ) -> None:
        of = court.bourse
        dust = court.lease(THIEF, duration=36, price=1_000, terms=PLAIN)
        assert position(of, dust.series, THIEF)[:2] == (10, 1000)
        at(dust.end + REDEEM_GRACE + 1)
        assert money(court, lambda: court.close(dust), dust) == {THIEF: 10, "escrow": -10}

    def test_dust__half_a_minute_over_the_hour__blocks_two_hours_unless_the_ask_forbids(
        self, court: Court
    ) -> None:
        """36 seconds over the full hour charge both hours: a provider who allows it sells two for
        the fiftieth of one. `minDuration` of the ask is what stops it."""
        of, border = court.bourse, court.bourse.next_hour() + HOUR
        wanted = Fill(of.bid(THIEF), start=border - 18, duration=36)
        careful = of.ask(terms=PLAIN, min_duration=HOUR)
        assert "Filled" not in of.fill(careful, wanted).events
        assert lanes(of, border - HOUR, 2) == [0, 0]
        careless = of.ask(terms=PLAIN)
        assert of.fill(careless, wanted).reasons == ((OK,),)
        assert lanes(of, border - HOUR, 2) == [1, 1]
        assert of.balance(THIEF) == 500 * 10**6 - PRICE // 100
