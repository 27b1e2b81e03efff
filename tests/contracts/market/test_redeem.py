"""`redeem`: pay for counter-signed usage."""

from __future__ import annotations

from typing import Any

import pytest
from bourse import FEE_BPS, HOUR, OK, PRICE, REDEEM_GRACE, Bourse
from brownie import chain
from words import halves, reason

from contracts.protocol.eip712 import Domain
from contracts.protocol.units import TICK, payment_down, share_down


@pytest.fixture
def running(bourse: Bourse) -> tuple[Bourse, int, int]:
    """A lease of one device for an hour, half over: bourse, series, start."""
    start = chain.time() + 10
    series = bourse.lease(start=start)
    chain.mine(timestamp=start + HOUR // 2)
    return bourse, series, start


def refused(bourse: Bourse, series: int, signed: Any, error: str) -> None:
    before = bourse.state((series, "buyer"))
    outcome = bourse.redeem(signed)
    assert outcome.reasons == (reason(error),)
    assert str(outcome.events["RedeemSkipped"]["reason"]) == reason(error)
    assert outcome.events["RedeemSkipped"]["series"] == series
    assert len(outcome.events) == 1
    assert bourse.state((series, "buyer")) == before


class TestPaid:
    def test_redeem__first_voucher__pays_provider_and_fee(self, running: Any) -> None:
        bourse, series, _ = running
        used = 1_000_001
        outcome = bourse.redeem(bourse.signed(bourse.voucher(series, used)))
        payment = payment_down(used, PRICE // TICK)
        fee = share_down(payment, FEE_BPS)
        assert outcome.reasons == (OK,)
        assert bourse.balance("provider") == 50_000_000 + payment - fee
        assert bourse.balance("treasury") == fee
        assert bourse.market.positionOf(series, bourse.address("buyer"))[2] == used
        assert dict(outcome.events["Redeemed"]) == {
            "series": series,
            "holder": bourse.address("buyer"),
            "usedGpuMs": used,
            "payment": payment,
            "fee": fee,
            "isFinal": False,
        }

    def test_redeem__many_vouchers__sum_is_floor_of_total(self, running: Any) -> None:
        bourse, series, _ = running
        totals = [1, 2, 1801, 1802, 99_999, 100_001, 1_777_777]
        outcome = bourse.redeem(*(bourse.signed(bourse.voucher(series, t)) for t in totals))
        assert outcome.reasons == (OK,) * len(totals)
        assert sum(e["payment"] for e in outcome.events["Redeemed"]) == payment_down(
            1_777_777, 2000
        )
        paid = bourse.balance("provider") - 50_000_000 + bourse.balance("treasury")
        assert paid == payment_down(1_777_777, 2000)

    def test_redeem__exactly_elapsed_after_end__whole_cost(self, running: Any) -> None:
        bourse, series, start = running
        chain.mine(timestamp=start + 2 * HOUR)
        bourse.redeem(bourse.signed(bourse.voucher(series, HOUR * 1000)))
        assert bourse.balance("provider") + bourse.balance("treasury") == 50_000_000 + PRICE

    def test_redeem__long_after_end__still_pays_until_closed(self, running: Any) -> None:
        bourse, series, start = running
        chain.mine(timestamp=start + HOUR + 30 * REDEEM_GRACE)
        assert bourse.redeem(bourse.signed(bourse.voucher(series, 5))).reasons == (OK,)
        bourse.close((series, "buyer"))
        refused(bourse, series, bourse.signed(bourse.voucher(series, 6)), "NoPosition")

    def test_redeem__anybody__may_submit(self, running: Any) -> None:
        bourse, series, _ = running
        for used, name in enumerate(("buyer", "provider", "stranger"), start=1):
            signed = bourse.signed(bourse.voucher(series, used))
            assert bourse.redeem(signed, by=name).reasons == (OK,)

    def test_redeem__bad_between_good__others_paid(self, running: Any) -> None:
        bourse, series, _ = running
        batch = [
            bourse.signed(bourse.voucher(series, 1000)),
            bourse.signed(bourse.voucher(series, 1000)),
            bourse.signed(bourse.voucher(series + 1, 1000)),
            bourse.signed(bourse.voucher(series, 2000)),
        ]
        outcome = bourse.redeem(*batch)
        assert outcome.reasons == (OK, reason("VoucherNotNewer"), reason("NoPosition"), OK)


class TestRefused:
    def test_redeem__other_holder__no_position(self, running: Any) -> None:
        bourse, series, _ = running
        voucher = bourse.voucher(series, 1, holder="other")
        refused(bourse, series, bourse.signed(voucher), "NoPosition")

    def test_redeem__not_started__refused(self, bourse: Bourse) -> None:
        series = bourse.lease()
        refused(bourse, series, bourse.signed(bourse.voucher(series, 0)), "NotStarted")

    @pytest.mark.parametrize("used", [0, 4999, 5000])
    def test_redeem__shrinks_or_repeats__refused(self, running: Any, used: int) -> None:
        bourse, series, _ = running
        bourse.redeem(bourse.signed(bourse.voucher(series, 5000)))
        refused(bourse, series, bourse.signed(bourse.voucher(series, used)), "VoucherNotNewer")

    def test_redeem__zero_as_first__refused(self, running: Any) -> None:
        bourse, series, _ = running
        refused(bourse, series, bourse.signed(bourse.voucher(series, 0)), "VoucherNotNewer")

    def test_redeem__more_than_elapsed__refused(self, running: Any) -> None:
        bourse, series, start = running
        ahead = (chain.time() + 60 - start) * 1000
        refused(bourse, series, bourse.signed(bourse.voucher(series, ahead)), "MoreThanElapsed")

    @pytest.mark.parametrize("used", [HOUR * 1000 + 1, 2**64 - 1])
    def test_redeem__more_than_window__refused(self, running: Any, used: int) -> None:
        bourse, series, start = running
        chain.mine(timestamp=start + 3 * HOUR)
        refused(bourse, series, bourse.signed(bourse.voucher(series, used)), "MoreThanElapsed")

    def test_redeem__after_final__refused(self, running: Any) -> None:
        bourse, series, _ = running
        bourse.redeem(bourse.signed(bourse.voucher(series, 5, is_final=True), agent="agent"))
        again = bourse.voucher(series, 6, is_final=True)
        refused(bourse, series, bourse.signed(again, agent="agent"), "PositionFinal")


class TestHolderSignature:
    @pytest.mark.parametrize("name", ["stranger", "provider", "agent", "delegate"])
    def test_redeem__foreign_key__refused(self, running: Any, name: str) -> None:
        bourse, series, _ = running
        refused(bourse, series, bourse.signed(bourse.voucher(series, 5), by=name), "BadSignature")

    def test_redeem__malleable_or_absent__refused(self, running: Any) -> None:
        bourse, series, _ = running
        voucher, (r, vs), none = bourse.signed(bourse.voucher(series, 5))
        order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
        # The other s of the same signature has no place in 255 bits, but for the parity's bit.
        high = (order - (int.from_bytes(vs, "big") & (1 << 255) - 1)) & (1 << 255) - 1
        other = (high | (vs[0] >> 7 ^ 1) << 255).to_bytes(32, "big")
        for forged in ((r, other), none, (r, bytes(32)), (bytes(32), vs)):
            refused(bourse, series, (voucher, forged, none), "BadSignature")

    def test_redeem__other_chain_or_contract__refused(self, running: Any) -> None:
        bourse, series, _ = running
        voucher = bourse.voucher(series, 5)
        calldata, _, none = bourse.signed(voucher)
        for domain in (
            Domain(chain.id + 1, bourse.market.address),
            Domain(chain.id, bourse.registry.address),
        ):
            signature = bourse.keys["buyer"].sign(voucher, domain)
            refused(bourse, series, (calldata, halves(signature), none), "BadSignature")

    def test_redeem__delegate_set__counts_beside_the_holder(self, running: Any) -> None:
        bourse, series, _ = running
        bourse.market.setDelegate(bourse.address("delegate"), bourse.sends("buyer"))
        chain.mine(timestamp=chain.time() + REDEEM_GRACE + 5)
        by_delegate = bourse.signed(bourse.voucher(series, 1), by="delegate")
        by_holder = bourse.signed(bourse.voucher(series, 2))
        assert bourse.redeem(by_delegate, by_holder).reasons == (OK, OK)

    def test_redeem__delegate_replaced__counts_for_grace_only(self, running: Any) -> None:
        bourse, series, _ = running
        bourse.market.setDelegate(bourse.address("delegate"), bourse.sends("buyer"))
        bourse.market.setDelegate(bourse.address("rival"), bourse.sends("buyer"))
        within = bourse.signed(bourse.voucher(series, 1), by="delegate")
        assert bourse.redeem(within).reasons == (OK,)
        chain.mine(timestamp=chain.time() + REDEEM_GRACE + 5)
        late = bourse.signed(bourse.voucher(series, 2), by="delegate")
        refused(bourse, series, late, "BadSignature")


class TestFinal:
    def test_redeem__final_by_both__marks_position(self, running: Any) -> None:
        bourse, series, _ = running
        voucher = bourse.voucher(series, 7000, is_final=True)
        outcome = bourse.redeem(bourse.signed(voucher, agent="agent"))
        assert outcome.events["Redeemed"]["isFinal"]
        assert bourse.market.positionOf(series, bourse.address("buyer"))[4] == 1

    @pytest.mark.parametrize("total", [0, 7000])
    def test_redeem__final_repeats_total__pays_nothing_and_marks(
        self, running: Any, total: int
    ) -> None:
        bourse, series, _ = running
        if total:
            bourse.redeem(bourse.signed(bourse.voucher(series, total)))
        voucher = bourse.voucher(series, total, is_final=True)
        outcome = bourse.redeem(bourse.signed(voucher, agent="agent"))
        assert outcome.events["Redeemed"]["payment"] == 0
        assert bourse.market.positionOf(series, bourse.address("buyer"))[2:] == (
            total,
            bourse.market.positionOf(series, bourse.address("buyer"))[3],
            1,
            0,
        )

    @pytest.mark.parametrize("agent", [None, "stranger", "provider", "buyer"])
    def test_redeem__final_without_agent__refused(self, running: Any, agent: str | None) -> None:
        bourse, series, _ = running
        voucher = bourse.voucher(series, 7000, is_final=True)
        refused(bourse, series, bourse.signed(voucher, agent=agent), "BadSignature")

    def test_redeem__final_by_replaced_agent__within_grace_only(self, running: Any) -> None:
        bourse, series, _ = running
        bourse.registry.setAgent(bourse.address("rival"), bourse.sends("provider"))
        voucher = bourse.voucher(series, 7000, is_final=True)
        assert bourse.redeem(bourse.signed(voucher, agent="agent")).reasons == (OK,)

    def test_redeem__final_by_agent_replaced_long_ago__refused(self, running: Any) -> None:
        bourse, series, _ = running
        bourse.registry.setAgent(bourse.address("rival"), bourse.sends("provider"))
        chain.mine(timestamp=chain.time() + REDEEM_GRACE + 5)
        voucher = bourse.voucher(series, 7000, is_final=True)
        refused(bourse, series, bourse.signed(voucher, agent="agent"), "BadSignature")
        assert bourse.redeem(bourse.signed(voucher, agent="rival")).reasons == (OK,)
