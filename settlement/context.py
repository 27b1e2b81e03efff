"""What a settlement process works with, built once in its main."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from contracts.bindings.arbitration import Arbitration
from contracts.bindings.market import GpuMarket
from contracts.bindings.registry import ProviderRegistry
from contracts.bindings.token import PaymentToken
from contracts.protocol.deployment import Deployment
from contracts.protocol.keys import Signer
from marketplace_api import db
from settlement.chain.client import Chain, Web3Chain
from settlement.chain.sender import Sender, SendPolicy
from settlement.failure import on_refused
from settlement.settings import SettlementSettings


@dataclass(frozen=True, slots=True)
class Context:
    """Settings, keys and connections."""

    settings: SettlementSettings
    deployment: Deployment
    engine: Engine
    chain: Chain
    market: GpuMarket
    registry: ProviderRegistry
    arbitration: Arbitration
    token: PaymentToken
    operator: str
    auditors: tuple[Signer, ...]
    sender: Sender


def build(settings: SettlementSettings) -> Context:
    """Open the database and the node; read the keys."""
    deployment = settings.deployment()
    engine = db.connect(settings.database_url)
    chain = Web3Chain(settings.rpc_url)
    operator = settings.operator()
    policy = SendPolicy(
        deployment.chain_id,
        settings.tip_wei,
        settings.gas_margin_percent,
        settings.replace_after_s,
        settings.max_fee_wei,
    )
    return Context(
        settings=settings,
        deployment=deployment,
        engine=engine,
        chain=chain,
        market=GpuMarket(chain.web3, deployment.market),
        registry=ProviderRegistry(chain.web3, deployment.registry),
        arbitration=Arbitration(chain.web3, deployment.arbitration),
        token=PaymentToken(chain.web3, deployment.payment_token),
        operator=operator.address,
        auditors=settings.auditors(),
        sender=Sender(engine, chain, {operator.address: operator}, policy, on_refused),
    )
