"""An agent's daemon with its folder and the market that it talks to, for tests."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.protocol.keys import Signer
from provider_agent.chain import ChainReader
from provider_agent.client import MarketplaceClient
from provider_agent.daemon import Daemon
from provider_agent.gpu.backend import Device, Sample
from provider_agent.gpu.simulated import SimulatedBackend
from provider_agent.home import AgentHome, Enrolment
from provider_agent.inventory import DevicePool
from provider_agent.journal import Journal, JournalError, read_records
from provider_agent.lease_book import replay
from provider_agent.metering import SystemClock
from provider_agent.runner.bubblewrap import BubblewrapDriver
from provider_agent.settings import AgentSettings
from provider_agent.transport import Transport
from provider_agent.workshop import Workshop
from tests.provider_agent.conftest import MOST
from tests.provider_agent.fake_market import API, NODE, PLACE, FakeMarket

SETTINGS = AgentSettings(heartbeat_s=0.3, idle_before_final_s=0.2, stop_grace_s=1)


class LosableBackend(SimulatedBackend):
    """A simulated device that can be lost."""

    lost = False

    def sample(self, device: Device) -> Sample:
        if self.lost:
            return Sample(uuid=device.uuid, healthy=False, fault="gpu-lost")
        return super().sample(device)


class BugError(Exception):
    """Something that nobody expected; raised by tests only."""


class Rig:
    """An agent's folder, which outlives its daemons, and the market that they talk to."""

    def __init__(self, folder: Path) -> None:
        self.home = AgentHome.at(folder)
        self.agent = Signer.generate()
        self.provider = Signer.generate()
        self.backend = LosableBackend(self.agent.address)
        self.market = FakeMarket(
            agent=self.agent.address,
            provider=self.provider.address,
            holder=Signer.generate(),
            start=int(time.time()),
        )
        self.error: BaseException | None = None

    @contextmanager
    def running(self, settings: AgentSettings = SETTINGS) -> Iterator[Daemon]:
        with Journal(self.home.journal) as journal, self.market.client() as http:
            daemon = Daemon(self._shop(journal, http, settings))
            thread = threading.Thread(target=self._run, args=(daemon,))
            thread.start()
            try:
                yield daemon
            finally:
                daemon.stop()
                thread.join(30)
                assert not thread.is_alive()

    def _run(self, daemon: Daemon) -> None:
        try:
            daemon.run()
        except (JournalError, BugError) as error:
            self.error = error

    def _shop(self, journal: Journal, http, settings: AgentSettings) -> Workshop:  # type: ignore[no-untyped-def]
        transport = Transport(API, http, self.agent, lambda _s: time.sleep(0.01))
        driver = BubblewrapDriver(self.home.jobs, MOST, f"0x{os.getpid():08x}")
        driver.sweep()
        return Workshop(
            settings=settings,
            home=self.home,
            enrolment=Enrolment(self.provider.address, PLACE, (7,)),
            agent=self.agent,
            client=MarketplaceClient(transport),
            chain=ChainReader(NODE, http),
            backend=self.backend,
            pool=DevicePool(self.backend),
            driver=driver,
            journal=journal,
            clock=SystemClock(),
        )

    @property
    def is_settled(self) -> bool:
        receipts = self.market.receipts
        return bool(receipts) and receipts[-1].is_final and self.history_is_done

    @property
    def history_is_done(self) -> bool:
        return replay(read_records(self.home.journal.read_bytes())[0]) == {}


def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
