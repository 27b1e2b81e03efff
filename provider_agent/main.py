"""Puts the agent together from its settings and runs it: ``python -m provider_agent.main``."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import structlog

from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer
from provider_agent import process
from provider_agent.chain import ChainReader, ChainUnreachableError
from provider_agent.client import MarketplaceClient
from provider_agent.daemon import Daemon
from provider_agent.gpu.backend import GpuError
from provider_agent.gpu.select import open_backend
from provider_agent.home import AgentHome
from provider_agent.inventory import DevicePool
from provider_agent.journal import Journal, JournalError
from provider_agent.metering import SystemClock
from provider_agent.registration import registered
from provider_agent.runner.bubblewrap import BubblewrapDriver
from provider_agent.runner.driver import SandboxUnavailableError
from provider_agent.settings import AgentSettings
from provider_agent.transport import ApiRefusedError, ApiUnreachableError, Transport
from provider_agent.workshop import Workshop

log = structlog.get_logger()
EXPECTED = (
    ProtocolError,
    JournalError,
    GpuError,
    SandboxUnavailableError,
    ApiUnreachableError,
    ApiRefusedError,
    ChainUnreachableError,
    OSError,
)
"""Errors that say by themselves what is wrong; a trace would add nothing."""
_TIMEOUT_S = 10.0


def run_agent(home: AgentHome, settings: AgentSettings) -> None:
    """Run in the foreground until SIGTERM or SIGINT."""
    with ExitStack() as stack:
        # First: it also keeps a second agent out of this folder.
        journal = stack.enter_context(Journal(home.journal))
        journal.compact()
        shop = _workshop(home, settings, journal, stack)
        daemon = Daemon(shop)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: daemon.stop())
        process.write_pid_file(home)
        stack.callback(process.remove_pid_file, home)
        if settings.gpubourse_home is not None:
            stack.enter_context(registered(settings.gpubourse_home, home, shop.agent.address))
        log.info("agent.started", provider=shop.enrolment.provider, agent=shop.agent.address)
        daemon.run()
        log.info("agent.stopped")


def make_client(
    settings: AgentSettings, agent: Signer, stack: ExitStack
) -> tuple[MarketplaceClient, httpx.Client]:
    """The API, logged in as the agent key when it is first asked."""
    http = stack.enter_context(httpx.Client(timeout=_TIMEOUT_S, trust_env=False))
    return MarketplaceClient(Transport(settings.api_url, http, agent, time.sleep)), http


def _workshop(
    home: AgentHome, settings: AgentSettings, journal: Journal, stack: ExitStack
) -> Workshop:
    agent, enrolment = home.agent(), home.enrolment()
    client, http = make_client(settings, agent, stack)
    chain = ChainReader(settings.rpc_url or client.market().rpc_url, http)
    if chain.chain_id() != enrolment.place.chain_id:
        limit = f"a node of chain {enrolment.place.chain_id}"
        raise ProtocolError("rpc_url", limit, chain.chain_id())
    driver = BubblewrapDriver(home.jobs, settings.most, agent.address)
    driver.require()
    driver.sweep()
    backend = open_backend(
        settings.gpu_backend, agent.address, settings.simulated_devices, settings.simulated_name
    )
    stack.callback(backend.close)
    return Workshop(
        settings=settings,
        home=home,
        enrolment=enrolment,
        agent=agent,
        client=client,
        chain=chain,
        backend=backend,
        pool=DevicePool(backend),
        driver=driver,
        journal=journal,
        clock=SystemClock(),
    )


def configure_logging() -> None:
    """One JSON object for each line on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def main() -> int:
    """Entry point of the detached agent."""
    parser = argparse.ArgumentParser(description="the agent of one provider")
    parser.add_argument("--home", type=Path, required=True)
    home = AgentHome.at(parser.parse_args().home)
    configure_logging()
    try:
        run_agent(home, AgentSettings())
    except EXPECTED as error:
        log.critical("agent.refused", error=str(error))
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
