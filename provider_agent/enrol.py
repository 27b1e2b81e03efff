"""The owner's side: register on chain, pay in a bond, register terms. Safe to run again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from eth_account import Account
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3Exception
from web3.types import TxParams, Wei

from contracts.bindings.client import connect
from contracts.bindings.errors import explain_revert
from contracts.bindings.events import TermsStruct
from contracts.bindings.market import GpuMarket
from contracts.bindings.registry import ProviderRegistry
from contracts.bindings.token import PaymentToken
from contracts.protocol.eip712 import ZERO_ADDRESS
from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer
from contracts.protocol.series import Isolation, device_class_hash
from provider_agent.chain import ChainReader, ChainUnreachableError
from provider_agent.home import Place

_WAIT_S = 60.0
_POLL_S = 0.1
_GAS_MARGIN_PERCENT = 120
_TIP_WEI = 10**9

Say = Callable[[str], None]


class EnrolmentError(ChainUnreachableError):
    """A transaction of the enrolment did not go through; says which and why."""


@dataclass(frozen=True, slots=True)
class TermsWish:
    """The conditions to register for one device class."""

    device_class: str
    isolation: Isolation = Isolation.DEVICE
    step: int = 1000
    reservation_fee_bps: int = 0
    receipt_interval: int = 10
    unsigned_intervals: int = 3
    sla_credit_bps: int = 0
    notice: int = 0
    """Seconds of notice before an interruption; 0: the provider never interrupts."""
    arbiter_set: int = 0
    """Who decides cases; 0 for nobody: then half of what is disputed is paid."""

    def struct(self) -> TermsStruct:
        """As the registry takes them."""
        return TermsStruct(
            device_class=device_class_hash(self.device_class),
            isolation=self.isolation.value,
            step=self.step,
            reservation_fee_bps=self.reservation_fee_bps,
            sla_credit_bps=self.sla_credit_bps,
            interruptible=self.notice > 0,
            notice=self.notice,
            receipt_interval=self.receipt_interval,
            unsigned_intervals=self.unsigned_intervals,
            arbiter_set=self.arbiter_set,
        )


class Registrar:
    """The owner's wallet at the contracts."""

    def __init__(
        self, rpc_url: str, place: Place, owner: Signer, reader: ChainReader, say: Say
    ) -> None:
        self._web3 = connect(rpc_url)
        self._place = place
        self._owner = owner
        self._reader = reader
        self._say = say
        self._registry = ProviderRegistry(self._web3, place.registry)
        self._market = GpuMarket(self._web3, place.market)
        self._token = PaymentToken(self._web3, place.payment_token)

    def register(self, agent: str) -> None:
        """Become a provider with this agent key, or replace the key."""
        current = self._registry.agent_of(self._owner.address, self._head)
        if current == agent:
            self._say(f"registered already, with agent {agent}")
        elif current == ZERO_ADDRESS:
            self._send("register", self._place.registry, self._registry.register(agent))
        else:
            self._send("set the agent", self._place.registry, self._registry.set_agent(agent))

    def ensure_bond(self, wanted: int) -> None:
        """Raise the bond to an amount; money that the market account lacks is paid in first."""
        missing = wanted - self._registry.bond_of(self._owner.address, self._head).bonded
        if missing <= 0:
            self._say(f"bond is {wanted} or more already")
            return
        balance = self._market.account(self._owner.address, self._head).balance
        self._deposit(missing - balance)
        self._send("bond", self._place.market, self._market.bond(missing))

    def ensure_terms(self, wish: TermsWish, known: tuple[int, ...]) -> int:
        """The number of these terms: one registered from here before, else a new one."""
        wanted = wish.struct()
        for number in known:
            terms = self._reader.terms(self._place.registry, number, self._head)
            if terms.provider == self._owner.address and _alike(wanted, terms.words):
                self._say(f"terms are registered already, number {number}")
                return number
        self._send("register terms", self._place.registry, self._registry.register_terms(wanted))
        return self._newest_own_terms()

    def _newest_own_terms(self) -> int:
        """Ours are the last ones, or close to it where others register at the same time."""
        head = self._head
        for number in range(self._registry.terms_count(head), 0, -1):
            if self._reader.terms(self._place.registry, number, head).provider == (
                self._owner.address
            ):
                return number
        raise EnrolmentError("the registry does not show the terms that were just registered")

    def _deposit(self, amount: int) -> None:
        if amount <= 0:
            return
        have = self._token.balance_of(self._owner.address, self._head)
        if have < amount:
            raise ProtocolError("bond", f"at most {have} more than is paid in", amount)
        market = self._place.market
        self._send("approve", self._place.payment_token, self._token.approve(market, amount))
        self._send("deposit", market, self._market.deposit(amount))

    @property
    def _head(self) -> int:
        return int(self._web3.eth.block_number)

    def _send(self, what: str, to: str, data: bytes) -> None:
        """Try without sending, sign, send, wait until it is in a block."""
        try:
            transaction = self._fill_in(to, data)
            signed = Account.sign_transaction(dict(transaction), self._owner.secret_hex())
            hash_ = self._web3.eth.send_raw_transaction(signed.raw_transaction)
        except ContractLogicError as error:
            raise EnrolmentError(f"{what}: the contract refuses: {_reason(error)}") from error
        except Web3Exception as error:
            raise EnrolmentError(f"{what}: {error}") from error
        self._await(what, bytes(hash_))
        self._say(f"{what}: 0x{bytes(hash_).hex()}")

    def _fill_in(self, to: str, data: bytes) -> TxParams:
        sender = Web3.to_checksum_address(self._owner.address)
        call: TxParams = {"from": sender, "to": Web3.to_checksum_address(to), "data": data}
        self._web3.eth.call(call)
        gas = self._web3.eth.estimate_gas(call) * _GAS_MARGIN_PERCENT // 100
        base = self._web3.eth.get_block("latest").get("baseFeePerGas", Wei(0))
        return {
            "type": 2,
            "chainId": self._place.chain_id,
            "nonce": self._web3.eth.get_transaction_count(sender, "pending"),
            "to": Web3.to_checksum_address(to),
            "data": data,
            "value": Wei(0),
            "gas": gas,
            "maxFeePerGas": Wei(2 * base + _TIP_WEI),
            "maxPriorityFeePerGas": Wei(_TIP_WEI),
        }

    def _await(self, what: str, hash_: bytes) -> None:
        deadline = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline:
            try:
                receipt = self._web3.eth.get_transaction_receipt(hash_)  # type: ignore[arg-type]
            except TransactionNotFound:
                time.sleep(_POLL_S)
                continue
            if receipt["status"] != 1:
                raise EnrolmentError(f"{what}: 0x{hash_.hex()} reverted")
            return
        raise EnrolmentError(f"{what}: 0x{hash_.hex()} is in no block after {_WAIT_S:.0f} s")


def _alike(wanted: TermsStruct, words: tuple[int, ...]) -> bool:
    return words == (
        int.from_bytes(wanted.device_class, "big"),
        wanted.isolation,
        wanted.step,
        wanted.reservation_fee_bps,
        wanted.sla_credit_bps,
        int(wanted.interruptible),
        wanted.notice,
        wanted.receipt_interval,
        wanted.unsigned_intervals,
        wanted.arbiter_set,
    )


def _reason(error: ContractLogicError) -> str:
    data = error.data
    if isinstance(data, str) and data.startswith("0x"):
        return explain_revert(bytes.fromhex(data[2:]))
    return str(error)
