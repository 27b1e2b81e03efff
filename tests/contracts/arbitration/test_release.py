"""`release` and `interrupt`: the provider ends a lease early."""

from __future__ import annotations

import pytest
from arbiters import (
    AGENT_CLAIMED,
    CASE,
    CUT,
    EVIDENCE,
    FAULTY,
    INTERVAL,
    NO_EVIDENCE,
    UNSIGNED,
    Court,
    Lease,
    at,
    paid,
)
from bourse import H100, HOUR, PRICE, REDEEM_GRACE, terms
from brownie import chain

NOTICE = 600


def sold(court: Court, lease: Lease, hours: int) -> list[int]:
    """Lanes sold in the first hours of a lease."""
    registry, provider = court.bourse.registry, court.bourse.address("provider")
    first = lease.start // HOUR
    return [int(registry.soldLanes(provider, H100, first + i)) for i in range(hours)]


class TestRelease:
    def test_release__running__ends_now_and_frees_later_hours(self, court: Court) -> None:
        lease = court.lease(start=court.bourse.next_hour(), duration=4 * HOUR)
        at(lease.start + HOUR + 600)
        assert sold(court, lease, 5) == [1, 1, 1, 1, 0]
        tx = court.release(lease, by="agent")
        assert tuple(court.position(lease))[3:] == (tx.timestamp, CUT, 0)
        assert sold(court, lease, 5) == [1, 1, 0, 0, 0]
        assert dict(tx.events["Released"]) == {
            "series": lease.series,
            "holder": court.bourse.address("buyer"),
            "end": tx.timestamp,
            "evidence": "0x" + EVIDENCE.hex(),
        }

    def test_release__closed_later__reservation_fee_up_to_the_release(self, court: Court) -> None:
        lease = court.running(duration=4 * HOUR)
        court.redeem(lease, 500_000)
        tx = court.release(lease)
        chain.sleep(REDEEM_GRACE)
        at(tx.timestamp + REDEEM_GRACE + 1)
        stood = (tx.timestamp - lease.start) * 1000 - 500_000
        fee = paid(stood) // 10
        moved = court.moved(lambda: court.close(lease))
        assert moved == {"buyer": 4 * PRICE - paid(500_000) - fee, "provider": fee}

    def test_release__found_to_be_a_fault__owes_the_whole_window(self, court: Court) -> None:
        """Or a release would be cheaper than an outage."""
        of = court.bourse
        quick = {"sla_credit_bps": 5_000, "reservation_fee_bps": 1_000, "arbiter_set": 1}
        of.registry.registerTerms(terms(**quick), of.sends("provider"))
        lease = court.running(duration=4 * HOUR, terms=int(of.registry.termsCount()))
        court.release(lease)
        court.no_show(lease)
        court.answer(lease)
        court.decide(lease, FAULTY)
        assert court.position(lease)[5] == 4 * HOUR // 60
        moved = court.moved(lambda: court.close(lease))
        assert moved["buyer"] > 4 * PRICE
        assert moved["bond of provider"] == 4 * PRICE - moved["buyer"]

    def test_release__signed_before__still_paid(self, court: Court) -> None:
        lease = court.running()
        court.release(lease)
        court.redeem(lease, 1_000_000)
        court.no_show(lease)

    def test_release__claim_spent_and_cut__allowed_and_only_earlier(self, court: Court) -> None:
        lease = court.running(duration=30 * HOUR)
        court.claim(lease, 5)
        chain.sleep(24 * HOUR)
        court.resolve(lease)
        court.interrupt(lease)
        court.release(lease)
        assert court.flags(lease) == AGENT_CLAIMED | CUT

    def test_release__first_moment__allowed(self, court: Court) -> None:
        lease = court.lease()
        at(lease.start + INTERVAL * UNSIGNED)
        court.release(lease)


class TestReleaseRefused:
    def test_release__no_evidence__refused(self, court: Court) -> None:
        lease = court.running()
        court.refused(lease, lambda: court.release(lease, evidence=NO_EVIDENCE), "NoEvidence")

    def test_release__no_position__refused(self, court: Court) -> None:
        lease = court.running()
        foreign = Lease(lease.series, "other", lease.start, lease.end)
        court.refused(foreign, lambda: court.release(foreign), "NoPosition")

    @pytest.mark.parametrize("by", ["stranger", "buyer"])
    def test_release__foreign_caller__refused(self, court: Court, by: str) -> None:
        lease = court.running()
        values = (court.bourse.address("provider"), court.bourse.address(by))
        court.refused(lease, lambda: court.release(lease, by=by), "OnlyProvider", *values)

    def test_release__replaced_agent__refused(self, court: Court) -> None:
        lease = court.running()
        court.bourse.registry.setAgent(
            court.bourse.address("rival"), court.bourse.sends("provider")
        )
        court.refused(lease, lambda: court.release(lease, by="agent"), "OnlyProvider")

    def test_release__final__refused(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, 5, is_final=True)
        court.refused(lease, lambda: court.release(lease), "PositionFinal", *court.key(lease))

    def test_release__case_open__refused(self, court: Court) -> None:
        lease = court.running()
        court.no_show(lease)
        court.refused(lease, lambda: court.release(lease), "CaseOpen", *court.key(lease))

    def test_release__too_early__refused(self, court: Court) -> None:
        lease = court.lease()
        at(lease.start + INTERVAL * UNSIGNED - 5)
        court.refused(lease, lambda: court.release(lease), "ReleaseTooEarly")

    def test_release__over_or_released__refused(self, court: Court) -> None:
        lease, other = court.lease(), court.running("other")
        court.release(other)
        court.refused(other, lambda: court.release(other), "LeaseOver")
        at(lease.end)
        court.refused(lease, lambda: court.release(lease), "LeaseOver")


class TestInterrupt:
    def test_interrupt__running__ends_after_the_notice(self, court: Court) -> None:
        lease = court.lease(start=court.bourse.next_hour(), duration=4 * HOUR)
        at(lease.start + HOUR - NOTICE + 60)
        tx = court.interrupt(lease, by="agent")
        end = tx.timestamp + NOTICE
        assert tuple(court.position(lease))[3:] == (end, CUT, 0)
        assert sold(court, lease, 5) == [1, 1, 0, 0, 0]
        assert dict(tx.events["Interrupted"]) == {
            "series": lease.series,
            "holder": court.bourse.address("buyer"),
            "end": end,
        }
        at(end + 60)
        court.redeem(lease, (end - lease.start) * 1000)
        at(end + REDEEM_GRACE + 1)
        moved = court.moved(lambda: court.close(lease))
        assert moved == {"buyer": 4 * PRICE - paid((end - lease.start) * 1000)}

    def test_interrupt__not_used__reservation_fee_up_to_the_new_end(self, court: Court) -> None:
        lease = court.running(duration=4 * HOUR)
        end = court.interrupt(lease).timestamp + NOTICE
        at(end + REDEEM_GRACE + 1)
        fee = paid((end - lease.start) * 1000) // 10
        moved = court.moved(lambda: court.close(lease))
        assert moved == {"buyer": 4 * PRICE - fee, "provider": fee}

    def test_interrupt__before_start__ends_at_start_and_refunds_all(self, court: Court) -> None:
        lease = court.lease(start=court.bourse.next_hour(3), duration=4 * HOUR)
        court.interrupt(lease)
        assert tuple(court.position(lease))[3:5] == (lease.start, CUT)
        assert sold(court, lease, 5) == [0, 0, 0, 0, 0]
        at(lease.start + REDEEM_GRACE + 1)
        assert court.moved(lambda: court.close(lease)) == {"buyer": 4 * PRICE}

    def test_interrupt__case_open__stays_open(self, court: Court) -> None:
        lease = court.running(duration=4 * HOUR)
        court.no_show(lease)
        before = tuple(court.case(lease))
        court.interrupt(lease)
        assert tuple(court.case(lease)) == before
        assert court.flags(lease) == CASE | CUT
        chain.sleep(24 * HOUR)
        court.resolve(lease)
        court.close(lease)


class TestInterruptRefused:
    def test_interrupt__no_position__refused(self, court: Court) -> None:
        lease = court.running()
        foreign = Lease(lease.series, "other", lease.start, lease.end)
        court.refused(foreign, lambda: court.interrupt(foreign), "NoPosition")

    @pytest.mark.parametrize("by", ["stranger", "buyer"])
    def test_interrupt__foreign_caller__refused(self, court: Court, by: str) -> None:
        lease = court.running()
        court.refused(lease, lambda: court.interrupt(lease, by=by), "OnlyProvider")

    def test_interrupt__final__refused(self, court: Court) -> None:
        lease = court.running()
        court.redeem(lease, 5, is_final=True)
        court.refused(lease, lambda: court.interrupt(lease), "PositionFinal", *court.key(lease))

    def test_interrupt__terms_without__refused(self, court: Court) -> None:
        lease = court.running(terms=1)
        court.refused(lease, lambda: court.interrupt(lease), "NotInterruptible", 1)

    def test_interrupt__ends_before_the_notice__refused(self, court: Court) -> None:
        lease = court.lease()
        at(lease.end - NOTICE)
        court.refused(lease, lambda: court.interrupt(lease), "LeaseOver")

    def test_interrupt__twice__refused(self, court: Court) -> None:
        lease = court.running(duration=4 * HOUR)
        court.interrupt(lease)
        court.refused(lease, lambda: court.interrupt(lease), "LeaseOver")
