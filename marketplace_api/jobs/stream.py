"""A job's log as server-sent events: what is stored, then what comes, until the job is over."""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from fastapi.concurrency import run_in_threadpool
from sse_starlette import ServerSentEvent
from sse_starlette.sse import AppStatus

from contracts.protocol.lifecycle import ExitReason, JobStatus
from marketplace_api.context import Context
from marketplace_api.db import session_scope
from marketplace_api.jobs import repository

PIECE = 64 * 1024
PING_S = 15
_LOOK_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to tell at one moment."""

    status: JobStatus
    exit_code: int | None
    reason: ExitReason | None
    data: bytes
    log_size: int


async def follow(context: Context, job_id: UUID, offset: int) -> AsyncIterator[ServerSentEvent]:
    """Events from byte ``offset`` on. The id of a log event is the offset to resume from."""
    text, told = _Utf8(offset), None
    keys = (("job", str(job_id)), ("job_log", str(job_id)))
    with context.notifications.subscribe(*keys) as subscription:
        while not AppStatus.should_exit:
            look = await run_in_threadpool(_look, job_id, text.read_until)
            is_last = look.status.is_over and text.read_until + len(look.data) >= look.log_size
            if event := text.event(look.data, is_last):
                yield event
            # The end is told after the last line, everything else at once.
            if look.status is not told and (is_last or not look.status.is_over):
                told = look.status
                yield _status_event(look)
            if is_last:
                return
            if not look.data:
                await subscription.wait_async(_LOOK_AGAIN_S)


def _look(job_id: UUID, offset: int) -> Look:
    with session_scope() as session:
        job = repository.find(session, job_id)
        assert job is not None
        data = repository.read_log(session, job_id, offset, PIECE)
        return Look(job.status, job.exit_code, job.reason, data, job.log_size)


def _status_event(look: Look) -> ServerSentEvent:
    data = {
        "status": look.status.value,
        "exit_code": look.exit_code,
        "reason": look.reason.value if look.reason else None,
    }
    return ServerSentEvent(event="status", data=json.dumps(data))


class _Utf8:
    """Cuts bytes into texts at the borders of characters."""

    def __init__(self, offset: int) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._told_until = offset
        self.read_until = offset

    def event(self, data: bytes, is_last: bool) -> ServerSentEvent | None:
        """The next piece; None while nothing but a part of a character is there."""
        self.read_until += len(data)
        text = self._decoder.decode(data, final=is_last)
        held = len(self._decoder.getstate()[0])
        begin, end = self._told_until, self.read_until - held
        if not text:
            return None
        self._told_until = end
        body = {"offset": begin, "text": text, "next_offset": end}
        return ServerSentEvent(event="log", id=str(end), data=json.dumps(body))
