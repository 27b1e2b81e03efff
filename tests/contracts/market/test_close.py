"""`close`: refund, burn and free the hours; the exit of every position."""

from __future__ import annotations

from typing import Any

import pytest
from bourse import H100, HOUR, OK, PRICE, REDEEM_GRACE, START_GRACE, USD, ZERO, Bourse, Fill
from brownie import chain
from words import reason


def refused(bourse: Bourse, closing: tuple[int, str], error: str) -> None:
    before = bourse.state(closing)
    outcome = bourse.close(closing)
    assert outcome.reasons == (reason(error),)
    assert str(outcome.events["CloseSkipped"]["reason"]) == reason(error)
    assert len(outcome.events) == 1
    assert bourse.state(closing) == before


def finish(bourse: Bourse, series: int, used: int) -> None:
    final = bourse.voucher(series, used, is_final=True)
    assert bourse.redeem(bourse.signed(final, agent="agent")).reasons == (OK,)


class TestAtEnd:
    def test_close__nobody_spoke__whole_refund_by_stranger(self, bourse: Bourse) -> None:
        series, before = bourse.lease(), bourse.balance("buyer")
        end = bourse.market.positionOf(series, bourse.address("buyer"))[3]
        chain.mine(timestamp=end + REDEEM_GRACE - 5)
        refused(bourse, (series, "buyer"), "CloseTooEarly")
        chain.mine(timestamp=end + REDEEM_GRACE + 1)
        outcome = bourse.close((series, "buyer"))
        assert outcome.reasons == (OK,)
        assert bourse.balance("buyer") == before + PRICE
        assert bourse.market.positionOf(series, bourse.address("buyer")) == (0, 0, 0, 0, 0, 0)
        closed, burned = outcome.events["Closed"], outcome.events["TransferSingle"]
        assert dict(closed) == {
            "series": series,
            "holder": bourse.address("buyer"),
            "usedGpuMs": 0,
            "refund": PRICE,
        }
        assert (burned["from"], burned["to"], burned["value"]) == (
            bourse.address("buyer"),
            ZERO,
            1000,
        )

    def test_close__partly_used__refunds_rest_exactly(self, bourse: Bourse) -> None:
        start = chain.time() + 5
        series = bourse.lease(start=start)
        chain.mine(timestamp=start + HOUR)
        bourse.redeem(bourse.signed(bourse.voucher(series, 1_234_567)))
        paid = bourse.balance("provider") - 50 * USD + bourse.balance("treasury")
        chain.mine(timestamp=start + HOUR + REDEEM_GRACE + 1)
        assert bourse.close((series, "buyer")).events["Closed"]["refund"] == PRICE - paid
        assert bourse.balance("buyer") == 1000 * USD - paid

    def test_close__wholly_used__refunds_nothing(self, bourse: Bourse) -> None:
        start = chain.time() + 5
        series = bourse.lease(start=start)
        chain.mine(timestamp=start + HOUR + 1)
        bourse.redeem(bourse.signed(bourse.voucher(series, 3_600_000)))
        chain.mine(timestamp=start + HOUR + REDEEM_GRACE + 1)
        assert bourse.close((series, "buyer")).events["Closed"]["refund"] == 0

    def test_close__twice_in_one_batch__second_skipped(self, bourse: Bourse) -> None:
        series = bourse.lease()
        chain.sleep(2 * REDEEM_GRACE)
        outcome = bourse.close((series, "buyer"), (series, "buyer"), (series, "other"))
        assert outcome.reasons == (OK, reason("NoPosition"), reason("NoPosition"))

    def test_close__never_filled__skipped(self, bourse: Bourse) -> None:
        refused(bourse, (bourse.series(), "buyer"), "NoPosition")
        refused(bourse, (0, "buyer"), "NoPosition")


class TestEarly:
    @pytest.fixture
    def long_lease(self, bourse: Bourse) -> tuple[Bourse, int, int]:
        """All four devices for five hours from the next full hour."""
        start = bourse.next_hour()
        series = bourse.lease(start=start, duration=5 * HOUR, milli=4000)
        return bourse, series, start

    def sold(self, bourse: Bourse, start: int) -> list[int]:
        provider = bourse.address("provider")
        return [bourse.registry.soldLanes(provider, H100, start // HOUR + i) for i in range(6)]

    def test_close__final__frees_running_and_later_hours(self, long_lease: Any) -> None:
        bourse, series, start = long_lease
        assert self.sold(bourse, start) == [4, 4, 4, 4, 4, 0]
        chain.mine(timestamp=start + 2 * HOUR + 600)
        finish(bourse, series, 1_000_000)
        assert bourse.close((series, "buyer")).reasons == (OK,)
        assert self.sold(bourse, start) == [4, 4, 0, 0, 0, 0]
        refill = Fill(bourse.bid("other"), milli=4000, start=chain.time() + 30, duration=2 * HOUR)
        assert bourse.fill(bourse.ask(), refill).reasons == ((OK,),)

    def test_close__not_final__too_early(self, long_lease: Any) -> None:
        bourse, series, start = long_lease
        chain.mine(timestamp=start + 2 * HOUR)
        refused(bourse, (series, "buyer"), "CloseTooEarly")

    def test_close__final_in_start_grace__too_early(self, long_lease: Any) -> None:
        bourse, series, start = long_lease
        chain.mine(timestamp=start + 2)
        finish(bourse, series, 0)
        chain.mine(timestamp=start + START_GRACE - 3)
        refused(bourse, (series, "buyer"), "CloseTooEarly")
        chain.mine(timestamp=start + START_GRACE + 1)
        assert bourse.close((series, "buyer")).reasons == (OK,)
        assert bourse.balance("buyer") == 1000 * USD
        late = Fill(bourse.bid(), start=start, duration=5 * HOUR)
        assert bourse.fill(bourse.ask(), late).reasons == ((reason("StartOutsideLimits"),),)

    def test_close__before_start__too_early(self, long_lease: Any) -> None:
        bourse, series, _ = long_lease
        refused(bourse, (series, "buyer"), "CloseTooEarly")

    def test_close__one_holder__other_keeps_hours(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, milli=1000)
        bourse.lease("other", start=start, milli=2000)
        chain.mine(timestamp=start + 600)
        finish(bourse, series, 0)
        bourse.close((series, "buyer"))
        assert bourse.registry.soldLanes(bourse.address("provider"), H100, start // HOUR) == 2
        assert bourse.market.balanceOf(bourse.address("other"), series) == 2000

    def test_close__over_midnight__frees_both_days(self, bourse: Bourse) -> None:
        midnight = (chain.time() // 86_400 + 2) * 86_400
        start = midnight - 2 * HOUR
        series = bourse.lease(start=start, duration=4 * HOUR, milli=3000)
        assert self.sold(bourse, start) == [3, 3, 3, 3, 0, 0]
        chain.mine(timestamp=start + HOUR + 5)
        finish(bourse, series, 0)
        bourse.close((series, "buyer"))
        assert self.sold(bourse, start) == [3, 0, 0, 0, 0, 0]
