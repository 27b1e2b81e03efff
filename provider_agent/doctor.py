"""Whether this machine can serve: each check says what it found and, where it fails, what to do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from contracts.protocol.errors import ProtocolError
from provider_agent.chain import ChainReader, ChainUnreachableError
from provider_agent.gpu.backend import GpuError
from provider_agent.gpu.select import open_backend
from provider_agent.home import AgentHome
from provider_agent.main import make_client
from provider_agent.runner.bubblewrap import BubblewrapDriver, find_bwrap
from provider_agent.runner.driver import SandboxError
from provider_agent.runner.hierarchy import detect
from provider_agent.runner.seccomp import filter_program
from provider_agent.runner.spec import JobSpec, Limits
from provider_agent.settings import AgentSettings
from provider_agent.transport import ApiRefusedError, ApiUnreachableError


@dataclass(frozen=True, slots=True)
class Finding:
    """One check."""

    name: str
    ok: bool
    detail: str


def examine(home: AgentHome, settings: AgentSettings) -> Iterator[Finding]:
    """All checks, the machine's first."""
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("gpu", lambda: _gpu(settings)),
        ("bubblewrap", lambda: str(find_bwrap())),
        ("control groups", lambda: type(detect()).__name__.removesuffix("Hierarchy").lower()),
        ("system-call filter", lambda: f"{len(filter_program())} bytes"),
        ("sandbox", lambda: _sandbox(settings)),
        ("keys", lambda: _keys(home)),
        ("enrolment", lambda: _enrolment(home)),
        ("api", lambda: _api(home, settings)),
        ("chain", lambda: _chain(home, settings)),
    )
    for name, check in checks:
        yield _finding(name, check)


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, ok=True, detail=check())
    except (
        GpuError,
        SandboxError,
        ProtocolError,
        ApiRefusedError,
        ApiUnreachableError,
        ChainUnreachableError,
        OSError,
    ) as error:
        return Finding(name, ok=False, detail=str(error))


def _gpu(settings: AgentSettings) -> str:
    backend = open_backend(settings.gpu_backend, "doctor", settings.simulated_devices)
    try:
        devices = backend.devices()
        sick = [f"{device.uuid}: {device.fault}" for device in devices if not device.healthy]
        if sick:
            raise GpuError("; ".join(sick))
        kind = "simulated" if backend.simulated else "real"
        denied = sorted({feature for device in devices for feature in device.denied})
        note = f"; the driver denies us {', '.join(denied)}" if denied else ""
        return f"{len(devices)} {kind}: {', '.join(d.device_class for d in devices)}{note}"
    finally:
        backend.close()


def _sandbox(settings: AgentSettings) -> str:
    """Run a job of one line, through everything that a real one goes through."""
    with tempfile.TemporaryDirectory(prefix="gpubourse-doctor-") as folder:
        # The job runs as another user: it must be able to reach its inputs.
        driver = BubblewrapDriver(Path(folder) / "jobs", settings.most, "0xd0c70000")
        spec = JobSpec("doctor", ("python3", "-c", "print('well')"), limits=Limits(wall_s=20))
        sandbox = driver.prepare(spec, Path, lambda: None)
        try:
            sandbox.start()
            report = sandbox.wait(30)
            if report is None or report.code != 0:
                raise SandboxError(sandbox.logs(0, 2000).decode(errors="replace").strip())
            return f"a job ran in {report.running_ms} ms"
        finally:
            sandbox.destroy()


def _keys(home: AgentHome) -> str:
    return f"agent {home.agent().address}, owner {home.owner().address}"


def _enrolment(home: AgentHome) -> str:
    found = home.enrolment()
    return f"provider {found.provider} on chain {found.place.chain_id}"


def _api(home: AgentHome, settings: AgentSettings) -> str:
    with ExitStack() as stack:
        client, _ = make_client(settings, home.agent(), stack)
        market = client.market()
        place = home.enrolment().place
        if (market.chain_id, market.market) != (place.chain_id, place.market):
            limit = f"the market that we enrolled at, {place.market} on {place.chain_id}"
            raise ProtocolError("api_url", limit, f"{market.market} on {market.chain_id}")
        return settings.api_url


def _chain(home: AgentHome, settings: AgentSettings) -> str:
    with ExitStack() as stack:
        client, http = make_client(settings, home.agent(), stack)
        chain = ChainReader(settings.rpc_url or client.market().rpc_url, http)
        found, head = home.enrolment(), chain.head()
        agent = chain.agent_of(found.place.registry, found.provider, head)
        if agent != home.agent().address:
            raise ProtocolError("agent", f"the key registered on chain, {agent}", home.agent())
        return f"block {head}, agent key is registered"
