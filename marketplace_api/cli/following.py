"""Follow a job to its end, and counter-sign its usage beside it in a thread of its own."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import JobStatus
from marketplace_api.cli.story import Story
from marketplace_api.cli.wallet import Desk
from marketplace_api.client import Bourse, BourseError, Delegate, JobWatch, Journal
from marketplace_api.client.answers import Market
from marketplace_api.client.delegate import Countersigned
from marketplace_api.client.events import LogText

_FINAL_RECEIPT_S = 30.0
"""How long after the job the agent may take for its final receipt."""
_RETRY_S = 1.0
_LEAVE_S = 2.0
"""The threads share our connection: they leave before it is closed."""
_SILENT_S = 15.0
"""The least silence that is worth a word; longer where the lease's receipts are further apart."""
_MISSED_RECEIPTS = 3


@dataclass(slots=True)
class Follower:
    """One lease that is watched and signed for."""

    desk: Desk
    market: Market
    lease_id: str
    signer: Signer
    story: Story
    watch: JobWatch = field(default_factory=JobWatch)
    stop: threading.Event = field(default_factory=threading.Event)
    silence: Silence = field(init=False)

    def __post_init__(self) -> None:
        self.silence = Silence(self.desk.bourse, self.lease_id)

    def delegate(self) -> Delegate:
        """The watcher, on the journal of this lease."""
        journal = Journal(self.desk.profile.receipt_journal(self.lease_id))
        return Delegate(
            self.desk.bourse, self.market, self.lease_id, self.signer, journal, watch=self.watch
        )


class Silence:
    """Notices that nothing comes from the provider any more, and says so once."""

    def __init__(
        self, bourse: Bourse, lease_id: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bourse = bourse
        self._lease_id = lease_id
        self._clock = clock
        self._heard_at = clock()
        self._over = threading.Event()
        self._receipts = 0
        self.is_said = False

    def heard(self, receipts: int = 0) -> None:
        """A log or status arrived, or this many receipts are known."""
        self._heard_at = self._clock()
        self._receipts = max(self._receipts, receipts)

    def end(self) -> None:
        """The job is over: nothing more is expected."""
        self._over.set()

    def watch(self) -> None:
        """Look now and then until the job is over or the silence is said."""
        while not (self.is_said or self._over.wait(_RETRY_S)):
            # An API that does not answer says nothing of the provider.
            with suppress(BourseError, ProtocolError):
                self.look()

    def look(self) -> None:
        """Say it where a provider is away, or owes receipts, for longer than it may be."""
        quiet_s = self._clock() - self._heard_at
        if quiet_s <= _SILENT_S:
            return
        receipts = [stored.receipt for stored in self._bourse.receipts(self._lease_id)]
        if len(receipts) > self._receipts:
            # They came, though we did not sign them.
            self.heard(len(receipts))
            return
        interval = max((one.interval_end - one.interval_start for one in receipts), default=0)
        provider = self._bourse.lease(self._lease_id).provider
        # Who is online and has issued nothing yet may have nothing to say: the window lies ahead.
        is_waiting = self._bourse.provider(provider).online and not receipts
        if is_waiting or quiet_s <= _MISSED_RECEIPTS * interval:
            return
        if not self._over.is_set():
            self.is_said = True
            _tell(f"[provider silent since {quiet_s:.0f} s]")


def follow_job(follower: Follower, job_id: str) -> JobStatus:
    """Show the log until the job is over and its final receipt is signed."""
    signing = threading.Thread(target=sign_until_done, args=(follower,), daemon=True)
    signing.start()
    follower.silence.heard()
    listening = threading.Thread(target=follower.silence.watch, daemon=True)
    listening.start()
    try:
        status = _follow_log(follower, job_id)
    finally:
        follower.silence.end()
        listening.join(_LEAVE_S)
    signing.join(_FINAL_RECEIPT_S)
    if signing.is_alive():
        follower.stop.set()
        signing.join(_LEAVE_S)
        follower.story.not_signed(f"no final receipt within {_FINAL_RECEIPT_S:g} s")
    if status is JobStatus.LOST or (follower.silence.is_said and status is not JobStatus.SUCCEEDED):
        _tell(
            f"[lease {follower.lease_id}: the time that was not used is refunded when the lease "
            f"closes; see: gpubourse lease close-info {follower.lease_id}]"
        )
    return status


def sign_until_done(follower: Follower) -> None:
    """Keep watching: a lost connection passes, a receipt that does not stand is never signed."""
    delegate = follower.delegate()

    def signed(receipt: Countersigned) -> None:
        follower.silence.heard(receipt.sequence)
        follower.story.countersigned(receipt)

    while not follower.stop.is_set() and not delegate.is_done:
        try:
            delegate.run(follower.stop, signed)
            return
        except ProtocolError as error:
            follower.story.not_signed(str(error))
        except BourseError as error:
            follower.story.not_signed(str(error))
        follower.stop.wait(_RETRY_S)


def _follow_log(follower: Follower, job_id: str) -> JobStatus:
    status = JobStatus.QUEUED
    for event in follower.desk.bourse.follow_log(job_id):
        follower.silence.heard()
        if isinstance(event, LogText):
            follower.watch.saw_output(event.next_offset - event.offset)
            follower.story.output(event)
        else:
            status = JobStatus(event.status)
            follower.watch.saw_status(event.status)
            follower.story.status(event)
    return status


def _tell(line: str) -> None:
    """For people, also beside the events for programs."""
    print(line, file=sys.stderr, flush=True)
