"""One job of a lease, from the API's word to its end report."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import structlog

from contracts.protocol.errors import ProtocolError
from contracts.protocol.lifecycle import ExitReason, JobStatus
from provider_agent.answers import JobAnswer
from provider_agent.courier import Courier
from provider_agent.gpu.backend import Device, Sample
from provider_agent.gpu.nodes import device_nodes
from provider_agent.journal import JobEnded, JobStarted, JournalError
from provider_agent.log_shipping import LogShipper
from provider_agent.metering import SAMPLE_S, Meter
from provider_agent.runner.driver import ExitReport, Sandbox, SandboxError
from provider_agent.transport import ApiRefusedError, ApiUnreachableError
from provider_agent.workshop import Workshop

log = structlog.get_logger()
_LAST_LOG_S = 15.0
_STOP_S = 10.0
"""How long a killed job may take to be gone."""


@dataclass(frozen=True, slots=True)
class JobTools:
    """What a job takes from its lease."""

    shop: Workshop
    lease: str
    courier: Courier
    meter: Meter
    devices: tuple[Device, ...]
    every_second: Callable[[], ExitReason | None]
    """Issues receipts when they are due; says why the job has to end now, if it has to."""


class JobRun:
    """Runs in the thread of its lease; ``cancel`` may be called from any."""

    def __init__(self, job: JobAnswer, tools: JobTools) -> None:
        self.id = job.id
        self._job = job
        self._tools = tools
        self._log = log.bind(lease=tools.lease, job=job.id)
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """The holder wants it ended."""
        self._cancelled.set()

    def run(self) -> JobStatus:
        """How it ended; the end is in the journal and on its way to the API."""
        client, job = self._tools.shop.client, self._job
        self._tell(JobStatus.ASSIGNED)
        shipper = LogShipper(job.id, partial(client.post_log, job.id))
        try:
            sandbox = self._prepare(shipper)
        except (ProtocolError, ApiRefusedError) as error:
            return self._never_ran(JobStatus.FAILED, error)
        except (SandboxError, ApiUnreachableError) as error:
            return self._never_ran(JobStatus.LOST, error)
        except Exception as error:  # noqa: BLE001 - the holder must hear of the end
            return self._crashed(error)
        try:
            return self._contained(sandbox, shipper)
        except JournalError:
            sandbox.destroy()
            raise
        except Exception as error:  # noqa: BLE001 - the holder must hear of the end
            return self._recover(error, sandbox, shipper)
        except BaseException:
            sandbox.destroy()
            raise

    def _prepare(self, shipper: LogShipper) -> Sandbox:
        shop = self._tools.shop
        spec = replace(self._job.spec(), device_nodes=device_nodes(self._tools.devices))
        blobs = partial(shop.client.fetch_blob, folder=shop.home.blobs)
        return shop.driver.prepare(spec, blobs, shipper.notify)

    def _contained(self, sandbox: Sandbox, shipper: LogShipper) -> JobStatus:
        tools = self._tools
        # On disk before the first instruction: after a crash it is never run a second time.
        tools.shop.journal.append(JobStarted(tools.lease, self.id))
        try:
            sandbox.start()
        except SandboxError as error:
            sandbox.destroy()
            return self._never_ran(JobStatus.LOST, error)
        except Exception as error:  # noqa: BLE001 - the holder must hear of the end
            sandbox.destroy()
            return self._crashed(error)
        self._log.info("job.started")
        shipper.start(sandbox.logs)
        client = tools.shop.client

        def running() -> None:
            client.post_status(self.id, JobStatus.RUNNING)
            shipper.ready()

        tools.courier.put("running", running, lambda _error: shipper.ready())
        tools.meter.begin()
        report = self._watch(sandbox)
        tools.meter.end(self.id, report.usage)
        return self._ended(report, sandbox, shipper)

    def _watch(self, sandbox: Sandbox) -> ExitReport:
        clock, meter = self._tools.shop.clock, self._tools.meter
        due = clock.monotonic() + SAMPLE_S
        while True:
            report = sandbox.wait(max(0.0, due - clock.monotonic()))
            if report is not None:
                return report
            # From now, not from the last due time: after a pause nothing is made up for.
            due = max(due + SAMPLE_S, clock.monotonic())
            reason = self._why_stop(meter.sample(self.id, sandbox.stats()))
            if reason is not None:
                sandbox.stop(reason)

    def _why_stop(self, readings: Sequence[Sample]) -> ExitReason | None:
        lost = [reading for reading in readings if not reading.healthy]
        if lost:
            self._log.warning("job.device_lost", device=lost[0].uuid, fault=lost[0].fault)
            return ExitReason.GPU_LOST
        reason = self._tools.every_second()
        if reason is None and self._cancelled.is_set():
            return ExitReason.KILLED
        return reason

    def _ended(self, report: ExitReport, sandbox: Sandbox, shipper: LogShipper) -> JobStatus:
        tools = self._tools
        status = status_of(report, was_cancelled=self._cancelled.is_set())
        self._log.info("job.ended", status=status, reason=report.reason, code=report.code)
        tools.shop.journal.append(JobEnded(tools.lease, self.id, status, report.reason))
        client = tools.shop.client

        def deliver() -> None:
            if not shipper.finish(_LAST_LOG_S):
                raise ApiUnreachableError("the log is not shipped yet")
            for file in report.outputs:
                client.upload(file)
            client.post_status(self.id, status, report)
            sandbox.destroy()

        def refused(_error: ApiRefusedError) -> None:
            # What it left cannot be stored; how it ended can still be told.
            sandbox.destroy()
            with suppress(ApiRefusedError, ApiUnreachableError):
                client.post_status(self.id, status, replace(report, outputs=()))

        tools.courier.put(status.value, deliver, refused)
        return status

    def _recover(self, error: Exception, sandbox: Sandbox, shipper: LogShipper) -> JobStatus:
        """A bug of ours while the job ran: end it and tell its end as of any other job."""
        self._log.exception("job.crashed", kind=type(error).__name__)
        meter = self._tools.meter
        try:
            sandbox.stop(ExitReason.KILLED)
            report = sandbox.wait(_STOP_S)
            with suppress(Exception):
                meter.end(self.id, sandbox.stats())
            if report is not None:
                return self._ended(report, sandbox, shipper)
        except JournalError:
            sandbox.destroy()
            raise
        except Exception as second:  # noqa: BLE001 - the holder must hear of the end
            self._log.exception("job.not_recovered", kind=type(second).__name__)
        meter.pause()
        with suppress(OSError):
            sandbox.destroy()
        return self._lost()

    def _crashed(self, error: Exception) -> JobStatus:
        """A bug of ours before it ran; what went wrong is in our log, not in the holder's."""
        self._log.exception("job.crashed", kind=type(error).__name__)
        return self._never_ran(JobStatus.LOST, SandboxError("an error inside the agent"))

    def _lost(self) -> JobStatus:
        tools = self._tools
        tools.shop.journal.append(JobEnded(tools.lease, self.id, JobStatus.LOST, None))
        self._tell(JobStatus.LOST)
        return JobStatus.LOST

    def _never_ran(self, status: JobStatus, error: Exception) -> JobStatus:
        tools = self._tools
        self._log.warning("job.not_started", status=status, error=str(error))
        tools.shop.journal.append(JobEnded(tools.lease, self.id, status, None))
        text = f"the agent did not start this job: {error}\n".encode()
        client = tools.shop.client
        tools.courier.put("reason", lambda: client.post_log(self.id, 0, text))
        self._tell(status)
        return status

    def _tell(self, status: JobStatus) -> None:
        client = self._tools.shop.client
        self._tools.courier.put(status.value, lambda: client.post_status(self.id, status))


def status_of(report: ExitReport, *, was_cancelled: bool) -> JobStatus:
    """What an end means: for the job's own doing it failed, for ours it is lost."""
    if report.reason is ExitReason.EXIT:
        return JobStatus.SUCCEEDED if report.code == 0 else JobStatus.FAILED
    if report.reason is ExitReason.KILLED:
        return JobStatus.CANCELLED if was_cancelled else JobStatus.LOST
    if report.reason is ExitReason.GPU_LOST:
        return JobStatus.LOST
    return JobStatus.FAILED
