"""Everything that the workers of all leases share, put together once in main."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.protocol.keys import Signer
from provider_agent.chain import ChainReader
from provider_agent.client import MarketplaceClient
from provider_agent.gpu.backend import GpuBackend
from provider_agent.home import AgentHome, Enrolment
from provider_agent.inventory import DevicePool
from provider_agent.journal import Journal
from provider_agent.metering import Clock
from provider_agent.runner.driver import SandboxDriver
from provider_agent.settings import AgentSettings


@dataclass(frozen=True, slots=True)
class Workshop:
    """Shared by all threads; each part is safe to use from any of them."""

    settings: AgentSettings
    home: AgentHome
    enrolment: Enrolment
    agent: Signer
    client: MarketplaceClient
    chain: ChainReader
    backend: GpuBackend
    pool: DevicePool
    driver: SandboxDriver
    journal: Journal
    clock: Clock
