"""A wallet at a chain: where the contracts are, and a transaction sent and waited for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NoReturn

from eth_account import Account

from contracts.bindings.market import GpuMarket
from contracts.bindings.registry import ProviderRegistry
from contracts.bindings.token import PaymentToken
from contracts.protocol.deployment import LOCAL_CHAIN_IDS, Deployment
from contracts.protocol.eip712 import Domain
from contracts.protocol.keys import Signer
from marketplace_api.cli.problems import ExitCode, refuse
from marketplace_api.cli.profile import Profile
from marketplace_api.client import Bourse
from settlement.chain.client import Call, MinedReceipt, Reverted, SendRefused, Web3Chain
from settlement.chain.fees import fees_for, gas_limit
from settlement.outcome import Retryable

_MARGIN_PERCENT = 120
_TIP_WEI = 1_000_000_000
_WAIT_S = 60.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Place:
    """Where the contracts of this market are."""

    rpc_url: str
    chain_id: int
    payment_token: str
    market: str
    registry: str
    parameters: str
    resale: str
    arbitration: str
    treasury: str
    deployed_block: int

    @property
    def domain(self) -> Domain:
        """Domain of orders, receipts and vouchers."""
        return Domain(self.chain_id, self.market)

    @property
    def registry_domain(self) -> Domain:
        """Domain of attestations and revocations."""
        return Domain(self.chain_id, self.registry)

    @property
    def is_local(self) -> bool:
        """Whether it is a development chain."""
        return self.chain_id in LOCAL_CHAIN_IDS


@dataclass(frozen=True, slots=True)
class Sent:
    """A mined transaction."""

    transaction: str
    block: int
    gas_used: int


class ChainDesk:
    """The contracts, bound, and a node that answers."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.chain = Web3Chain(place.rpc_url)
        web3 = self.chain.web3
        self.market = GpuMarket(web3, place.market)
        self.registry = ProviderRegistry(web3, place.registry)
        self.token = PaymentToken(web3, place.payment_token)

    @property
    def head(self) -> int:
        """The newest block."""
        try:
            return self.chain.head().number
        except Retryable as error:
            _unreachable(self.place.rpc_url, error)

    def send(self, signer: Signer, to: str, data: bytes, gas_floor: int = 0) -> Sent:
        """Ask first, then sign, send and wait; a revert is named and costs nothing."""
        call = Call(signer.address, to, data)
        try:
            self.chain.static_call(call)
            raw, hash_ = self._sign(signer, call, gas_floor)
            self.chain.send(raw)
            return self._wait(hash_)
        except Reverted as error:
            refuse("reverted", f"the contract refuses: {error.reason}", given=error.reason)
        except SendRefused as error:
            refuse("not-sent", f"the node refuses: {error.message}", given=error.message)
        except Retryable as error:
            _unreachable(self.place.rpc_url, error)

    def _sign(self, signer: Signer, call: Call, gas_floor: int) -> tuple[bytes, str]:
        tip = self.chain.tip()
        fees = fees_for(self.chain.head().base_fee, _TIP_WEI if tip is None else tip)
        signed = Account.sign_transaction(
            {
                "type": 2,
                "chainId": self.place.chain_id,
                "nonce": self.chain.nonce(signer.address),
                "to": call.to,
                "data": call.data,
                "value": call.value,
                "gas": gas_limit(self.chain.estimate(call), _MARGIN_PERCENT, gas_floor),
                "maxFeePerGas": fees.max_fee,
                "maxPriorityFeePerGas": fees.max_priority_fee,
            },
            signer.secret_hex(),
        )
        return bytes(signed.raw_transaction), "0x" + bytes(signed.hash).hex()

    def _wait(self, transaction: str) -> Sent:
        deadline = time.monotonic() + _WAIT_S
        while (found := self.chain.receipt(transaction)) is None:
            if time.monotonic() > deadline:
                refuse(
                    "not-mined",
                    f"{transaction} is not in a block after {_WAIT_S:g} s; it may still be",
                    exit_code=ExitCode.UNREACHABLE,
                )
            time.sleep(_POLL_S)
        return _mined(found)


def open_chain(profile: Profile) -> ChainDesk:
    """The contracts of the deployment file, else those that the API names."""
    return ChainDesk(_place(profile))


def _place(profile: Profile) -> Place:
    settings = profile.settings
    if settings.deployment_file is not None and settings.rpc_url is not None:
        return place_of(Deployment.load(settings.deployment_file), settings.rpc_url)
    with Bourse(profile.api_url) as bourse:
        found = bourse.market()
    return Place(
        rpc_url=settings.rpc_url or found.rpc_url,
        chain_id=found.chain_id,
        payment_token=found.payment_token,
        market=found.market,
        registry=found.registry,
        parameters=found.parameters,
        resale=found.resale,
        arbitration=found.arbitration,
        treasury=found.treasury,
        deployed_block=found.deployed_block,
    )


def place_of(deployment: Deployment, rpc_url: str) -> Place:
    """What a deployment file says, on the chain behind a URL."""
    return Place(
        rpc_url=rpc_url,
        chain_id=deployment.chain_id,
        payment_token=deployment.payment_token,
        market=deployment.market,
        registry=deployment.registry,
        parameters=deployment.parameters,
        resale=deployment.resale,
        arbitration=deployment.arbitration,
        treasury=deployment.treasury,
        deployed_block=deployment.deployed_block,
    )


def _mined(found: MinedReceipt) -> Sent:
    if not found.succeeded:
        refuse("reverted", f"{found.transaction} was mined and reverted", given=found.transaction)
    return Sent(found.transaction, found.block_number, found.gas_used)


def _unreachable(rpc_url: str, error: Retryable) -> NoReturn:
    refuse(
        "unreachable",
        f"{rpc_url} does not answer: {error.detail}",
        field="RPC_URL",
        given=rpc_url,
        exit_code=ExitCode.UNREACHABLE,
    )
