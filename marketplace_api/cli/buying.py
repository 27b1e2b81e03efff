"""`gpubourse bid`: sign, place, wait for the lease, run the job, watch it and sign its usage."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contracts.protocol.amounts import format_tokens
from contracts.protocol.lifecycle import JobStatus, OrderStatus
from contracts.protocol.units import LOT_GPU_MS
from marketplace_api.cli.following import Follower, follow_job
from marketplace_api.cli.jobs import JobPlan, submit, upload_inputs
from marketplace_api.cli.output import confirm_spending
from marketplace_api.cli.problems import ExitCode, refuse
from marketplace_api.cli.story import Story
from marketplace_api.cli.wallet import Desk, next_slot, open_desk
from marketplace_api.client import Wish, new_bid, sign_order
from marketplace_api.client.answers import Accepted, Lease, Market, Order, gpu_hours_text
from marketplace_api.client.orders import most_cost

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class BidPlan:
    """What the options of `gpubourse bid` say."""

    wish: Wish
    job: JobPlan | None
    follow: bool
    sign_key: Path | None
    wait_s: int
    yes: bool
    as_json: bool


def buy(plan: BidPlan) -> None:
    """Everything that the command does, in order."""
    story = Story(as_json=plan.as_json)
    with open_desk() as desk:
        market = desk.bourse.market()
        confirm_spending(_question(plan.wish), yes=plan.yes)
        inputs = upload_inputs(desk.bourse, plan.job) if plan.job else ()
        accepted = _place(desk, market, plan.wish)
        story.accepted(accepted, most_cost(plan.wish))
        if plan.job is None and not plan.follow:
            return
        lease = _wait_for_lease(desk, accepted, plan.wait_s)
        story.matched(lease)
        if plan.job is None:
            return
        job = submit(desk.bourse, lease.id, plan.job, inputs)
        story.submitted(job)
        if plan.follow:
            signer = desk.profile.signer(plan.sign_key) if plan.sign_key else desk.signer
            follower = Follower(desk, market, lease.id, signer, story)
            end_with(follow_job(follower, job.id))


def end_with(status: JobStatus) -> None:
    """The command's exit code says how the job ended."""
    if status is not JobStatus.SUCCEEDED:
        refuse(
            "job-" + status.value,
            f"the job ended as {status.value}",
            exit_code=ExitCode.JOB_FAILED,
        )


def _place(desk: Desk, market: Market, wish: Wish) -> Accepted:
    bid = new_bid(desk.signer.address, wish, market, next_slot(desk, market), market.now)
    _, signature = sign_order(bid, desk.signer, market)
    return desk.bourse.place_bid(bid, signature)


def _question(wish: Wish) -> str:
    """Price x time, before anything is spent."""
    total = format_tokens(most_cost(wish))
    bought = wish.milli * wish.duration
    amount = gpu_hours_text(bought)
    price = format_tokens(wish.max_price_per_gpu_hour)
    return (
        f"Buy {amount} GPU-hours of {wish.device_class} "
        f"({wish.milli} milli x {wish.duration} s = {bought // LOT_GPU_MS} lots) "
        f"at most {price} tokens per GPU-hour = at most {total} tokens?"
    )


def _wait_for_lease(desk: Desk, accepted: Accepted, wait_s: int) -> Lease:
    """The lease that the bid got; says why where it got none."""
    if accepted.leases:
        return accepted.leases[0]
    deadline = time.monotonic() + wait_s
    while (lease_id := _lease_of(desk.bourse.order(accepted.digest))) is None:
        if time.monotonic() > deadline:
            refuse(
                "not-matched",
                f"no ask met the bid within {wait_s} s; it stays in the book until its deadline",
                field="bid",
                limit="an ask at or below its price",
                given=accepted.digest,
            )
        time.sleep(_POLL_S)
    return desk.bourse.lease(lease_id)


def _lease_of(order: Order) -> str | None:
    """Nothing yet; a bid that is over says why."""
    if order.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FAILED):
        refuse(
            "bid-" + order.status,
            f"the bid is {order.status}: {order.reason or 'no reason given'}",
            field="bid",
            limit="an open bid",
            given=order.digest,
        )
    return order.lease


def wait_for_status(
    read: Callable[[], Lease], wanted: Callable[[Lease], bool], timeout_s: float
) -> Lease:
    """Poll a lease until it is what is wanted; the last state where it never is."""
    deadline = time.monotonic() + timeout_s
    lease = read()
    while not wanted(lease) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        lease = read()
    return lease
