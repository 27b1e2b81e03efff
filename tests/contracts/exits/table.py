"""The table of rule 6, as docs/INVARIANTS.md has it: state, who is silent, what is called, when.

Times come from docs/PROTOCOL.md: sections 1 (constants), 6 (bonds), 7 (`close`) and 9 (cases).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arbiters import CHALLENGE, DISPUTE_FEE, FAULTY, HONEST, RESPONSE, VERDICT, Lease
from bourse import OK, REDEEM_GRACE, START_GRACE
from brownie.exceptions import VirtualMachineError
from exits.cases import (
    CLAIMED,
    FEES,
    PAID_ARBITERS,
    RATES,
    all_missed,
    answered,
    answered_at_last,
    challenged,
    challenged_at_last,
    challenged_without_arbiters,
    claimed,
    claimed_at_last,
    fault_decided,
    fraud_proven,
    interrupted,
    interrupted_before_start,
    interruption_announced,
    no_show,
    no_show_at_last,
    released,
    unbonded,
    unbonding_arbiter,
    unbonding_auditor,
    unbonding_operator,
    unbonding_provider,
)
from exits.states import (
    HOUR_MS,
    filled_in_part,
    filled_later,
    final,
    final_not_redeemed,
    given,
    group_not_redeemed,
    held,
    held_lapsed,
    held_paused,
    merged,
    missed_not_redeemed,
    resold,
    running,
    running_cut,
    running_lapsed,
    running_used,
    signed_not_redeemed,
    split,
)
from exits.world import PARTIES, Row, Step, World, bill, together
from words import reason

# ---------------------------------------------------------------- calls of a stranger


def submit(world: World) -> bool:
    """Send what was signed before."""
    for call in world.signed:
        call(world.bourse)
    return True


def close(world: World) -> bool:
    """Close whatever there is; whether nothing is left."""
    world.bourse.close(*world.left(), by="stranger")
    return not world.left()


def close_by_holder(world: World) -> bool:
    return bool(world.bourse.close(*world.positions, by="buyer").reasons == (OK,))


def resolve(world: World) -> bool:
    return _went(world.bourse.arbitration.resolve, *_key(world), world.bourse.sends("stranger"))


def decide(outcome: int) -> Callable[[World], bool]:
    """A verdict that two arbiters signed."""

    def call(world: World) -> bool:
        (series, holder), end = world.positions[0], world.ends[0]
        tx = world.court.decide(Lease(series, holder, world.start, end), outcome)
        return bool(tx.events["CaseEnded"]["outcome"] == outcome)

    return call


def release_bond(world: World) -> bool:
    owner = world.bourse.address(world.bonded)
    return _went(world.bourse.market.releaseBond, owner, world.bourse.sends("stranger"))


def nothing_more(world: World) -> bool:
    """The orders are over: no fill can lock anything again."""
    outcomes = [call(world.bourse) for call in world.signed]
    return all(outcome.reasons == ((reason("OrderExpired"),),) for outcome in outcomes)


def _key(world: World) -> tuple[int, str]:
    series, holder = world.positions[0]
    return series, world.bourse.address(holder)


def _went(call: Any, *arguments: Any) -> bool:
    try:
        call(*arguments)
    except VirtualMachineError:
        return False
    return True


# ---------------------------------------------------------------- times


def at_once(world: World) -> int:
    return world.now


def after_orders(world: World) -> int:
    """Open orders live no longer."""
    return world.now + 300 + 1


def after_start(world: World) -> int:
    return world.start + START_GRACE + 1


def after_end(world: World) -> int:
    """Of the last part."""
    return max(world.ends) + REDEEM_GRACE + 1


def after_challenge(world: World) -> int:
    return world.since + CHALLENGE


def after_response(world: World) -> int:
    return world.since + RESPONSE


def after_verdict(world: World) -> int:
    return world.since + VERDICT


# ---------------------------------------------------------------- rows

AT_END = (Step(close, after_end, promised=True),)
AFTERWARDS = (Step(close, after_end),)
"""As soon as the case is over, or later where the lease still has time."""
AT_ONCE = (Step(close, after_start),)
SUBMIT = Step(submit, at_once)
UNCHALLENGED = Step(resolve, after_challenge, promised=True)
UNANSWERED = Step(resolve, after_response, promised=True)
SILENT = Step(resolve, after_verdict, promised=True)
UNBOND = Step(release_bond, unbonded, promised=True)

NO_COURT = ("arbiters", "everybody")
COURT = tuple(party for party in PARTIES if party not in NO_COURT)
NO_HOLDER = ("holder", "everybody")
A_HOLDER = tuple(party for party in PARTIES if party not in NO_HOLDER)

honest = together(
    bill(HOUR_MS, CLAIMED, **RATES),
    FEES,
    {"buyer": -DISPUTE_FEE, "provider": DISPUTE_FEE - PAID_ARBITERS},
)
at_fault = together(all_missed(), FEES, {"bond of provider": -PAID_ARBITERS})

ROWS = (
    Row(held, PARTIES, AT_END),
    Row(held_paused, PARTIES, AT_END),
    Row(held_lapsed, A_HOLDER, (Step(close_by_holder, at_once),)),
    Row(held_lapsed, NO_HOLDER, AT_END),
    Row(given, PARTIES, AT_END),
    Row(resold, PARTIES, AT_END),
    Row(split, PARTIES, AT_END),
    Row(merged, PARTIES, AT_END),
    Row(filled_in_part, PARTIES, (Step(nothing_more, after_orders), *AT_END)),
    Row(filled_later, PARTIES, (SUBMIT, *AT_END)),
    Row(running, PARTIES, AT_END),
    Row(running_used, PARTIES, AT_END),
    Row(running_cut, PARTIES, AT_END),
    Row(running_lapsed, PARTIES, AT_END),
    Row(signed_not_redeemed, PARTIES, (SUBMIT, *AT_END)),
    Row(group_not_redeemed, PARTIES, (SUBMIT, *AT_END)),
    Row(missed_not_redeemed, PARTIES, (SUBMIT, *AT_END)),
    Row(final, PARTIES, AT_ONCE),
    Row(final_not_redeemed, PARTIES, (SUBMIT, *AT_ONCE)),
    Row(claimed, PARTIES, (UNCHALLENGED, *AT_END)),
    Row(claimed_at_last, PARTIES, (UNCHALLENGED, *AFTERWARDS)),
    Row(challenged, COURT, (Step(decide(HONEST), at_once), *AT_END), honest),
    Row(challenged, NO_COURT, (SILENT, *AFTERWARDS)),
    Row(challenged_at_last, COURT, (Step(decide(HONEST), at_once), *AFTERWARDS), honest),
    Row(challenged_at_last, NO_COURT, (SILENT, *AFTERWARDS)),
    Row(challenged_without_arbiters, PARTIES, (Step(resolve, at_once), *AT_END)),
    Row(no_show, PARTIES, (UNANSWERED, *AT_ONCE)),
    Row(no_show_at_last, PARTIES, (UNANSWERED, *AT_ONCE)),
    Row(answered, COURT, (Step(decide(FAULTY), at_once), *AT_ONCE), at_fault),
    Row(answered, NO_COURT, (SILENT, *AFTERWARDS)),
    Row(answered_at_last, COURT, (Step(decide(FAULTY), at_once), *AT_ONCE), at_fault),
    Row(answered_at_last, NO_COURT, (SILENT, *AFTERWARDS)),
    Row(fault_decided, PARTIES, AT_ONCE),
    Row(fraud_proven, PARTIES, AT_ONCE),
    Row(released, PARTIES, AT_END),
    Row(interrupted_before_start, PARTIES, AT_END),
    Row(interruption_announced, PARTIES, AT_END),
    Row(interrupted, PARTIES, AT_END),
)
BONDS = (
    Row(unbonding_provider, PARTIES, (*AT_END, UNBOND)),
    Row(unbonding_arbiter, PARTIES, (UNBOND,)),
    Row(unbonding_auditor, PARTIES, (UNBOND,)),
    Row(unbonding_operator, PARTIES, (UNBOND,)),
)
