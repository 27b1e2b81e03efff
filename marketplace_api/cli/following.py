"""Follow a job to its end, and counter-sign its usage beside it in a thread of its own."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import JobStatus
from marketplace_api.cli.story import Story
from marketplace_api.cli.wallet import Desk
from marketplace_api.client import BourseError, Delegate, JobWatch, Journal
from marketplace_api.client.answers import Market
from marketplace_api.client.events import LogText

_FINAL_RECEIPT_S = 30.0
"""How long after the job the agent may take for its final receipt."""
_RETRY_S = 1.0


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

    def delegate(self) -> Delegate:
        """The watcher, on the journal of this lease."""
        journal = Journal(self.desk.profile.receipt_journal(self.lease_id))
        return Delegate(
            self.desk.bourse, self.market, self.lease_id, self.signer, journal, watch=self.watch
        )


def follow_job(follower: Follower, job_id: str) -> JobStatus:
    """Show the log until the job is over and its final receipt is signed."""
    signing = threading.Thread(target=sign_until_done, args=(follower,), daemon=True)
    signing.start()
    status = _follow_log(follower, job_id)
    signing.join(_FINAL_RECEIPT_S)
    if signing.is_alive():
        follower.stop.set()
        follower.story.not_signed(f"no final receipt within {_FINAL_RECEIPT_S:g} s")
    return status


def sign_until_done(follower: Follower) -> None:
    """Keep watching: a lost connection passes, a receipt that does not stand is never signed."""
    delegate = follower.delegate()
    while not follower.stop.is_set() and not delegate.is_done:
        try:
            delegate.run(follower.stop, follower.story.countersigned)
            return
        except ProtocolError as error:
            follower.story.not_signed(str(error))
        except BourseError as error:
            follower.story.not_signed(str(error))
        follower.stop.wait(_RETRY_S)


def _follow_log(follower: Follower, job_id: str) -> JobStatus:
    status = JobStatus.QUEUED
    for event in follower.desk.bourse.follow_log(job_id):
        if isinstance(event, LogText):
            follower.watch.saw_output(event.next_offset - event.offset)
            follower.story.output(event)
        else:
            status = JobStatus(event.status)
            follower.watch.saw_status(event.status)
            follower.story.status(event)
    return status
