"""Bindings against the exported ABI, and each view once against the real contracts."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from web3.providers.rpc.utils import REQUEST_RETRY_ALLOWLIST

from contracts.bindings.abi_file import entries
from contracts.bindings.client import SEND, connect
from contracts.bindings.errors import error_name, explain_revert
from contracts.bindings.events import (
    Filled,
    FilledBid,
    RawLog,
    decode_log,
    event_from_json,
    event_to_json,
)
from contracts.bindings.tuples import as_tuple
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer
from contracts.protocol.series import device_class_hash
from contracts.protocol.typed_data import Ask
from settlement.chain.client import Call, Reverted
from tests.settlement.world import CLASS, World

A, B = Signer(b"\x01" * 32).address, Signer(b"\x02" * 32).address
EVENT = Filled(
    ask_digest=b"\x01" * 32,
    provider=A,
    terms=7,
    fills=(FilledBid(b"\x02" * 32, B, 2**183 + 1, 1000, 20),),
)


def log_of(event: Filled) -> RawLog:
    """As a node gives it."""
    (entry,) = (e for e in entries("GpuMarket", "event") if e.name == "Filled")
    plain = [parameter.type for parameter in entry.inputs if not parameter.indexed]
    fills = [(f.bid, f.buyer, f.series, f.milli, f.units) for f in event.fills]
    topics = (entry.topic, event.ask_digest, encode(["address"], [event.provider]))
    return RawLog(A, topics, encode(plain, [event.terms, fills]), "0x", 0)


def test_decode_log__nested_event__gives_the_dataclass() -> None:
    """Checksummed addresses, wide integers, nested structs."""
    assert decode_log(log_of(EVENT)) == EVENT


def test_event_json__there_and_back__is_equal() -> None:
    """Wide integers survive."""
    assert event_from_json("Filled", event_to_json(EVENT)) == EVENT


def test_decode_log__unknown_topic__is_nothing() -> None:
    """Others' events."""
    assert decode_log(RawLog(A, (b"\x00" * 32,), b"", "0x", 0)) is None
    assert decode_log(RawLog(A, (), b"", "0x", 0)) is None


def test_errors__are_named_with_their_values() -> None:
    """By selector, with arguments; panics and strings too."""
    selector = keccak(b"InsufficientBalance(uint256,uint256)")[:4]
    assert error_name(selector) == "InsufficientBalance"
    assert explain_revert(selector + encode(["uint256"] * 2, [5, 6])) == "InsufficientBalance(5, 6)"
    assert explain_revert(bytes.fromhex("08c379a0") + encode(["string"], ["no"])) == "no"
    assert explain_revert(bytes.fromhex("4e487b71") + encode(["uint256"], [17])) == "Panic(0x11)"
    assert explain_revert(b"") == "reverted without a reason"
    assert error_name(b"\x00\x00\x00\x01") == "0x00000001"


def test_as_tuple__constraints__become_their_hash() -> None:
    """As the contracts take them."""
    ask = Ask(
        seller=A,
        terms=1,
        price_per_gpu_hour=1000,
        window_start=1,
        window_end=2,
        valid_from=1,
        deadline=2,
        nonce=3,
    )
    assert as_tuple(ask)[0] == A
    assert as_tuple(ask)[-1] == ask.constraints.hash_struct()


def test_connect__never_repeats_a_sent_transaction() -> None:
    """The library's own list would."""
    assert SEND in REQUEST_RETRY_ALLOWLIST
    retry = connect("http://127.0.0.1:9").provider.exception_retry_configuration  # type: ignore[attr-defined]
    assert SEND not in retry.method_allowlist


@pytest.mark.integration
def test_views__of_the_real_contracts__answer(market: World) -> None:
    """One call of each: an ABI that drifted fails here."""
    context = market.context
    block = market.node.web3.eth.block_number
    owner, device_class = market.owner.address, device_class_hash(CLASS)
    assert context.market.account(owner, block).balance == 950_000_000
    assert context.market.is_nonce_open(owner, 1, block)
    assert context.market.delegate_of(owner, block) == owner
    assert context.market.position(1, owner, block).units == 0
    assert context.market.total_held(block) == 2_000_000_000
    assert context.registry.agent_of(owner, block) == market.agent.address
    assert context.registry.bond_of(owner, block).bonded == 50_000_000
    assert context.registry.capacity_of(owner, device_class, block).lanes == 1
    assert context.registry.terms_count(block) == 1
    assert context.token.balance_of(context.market.address, block) == 2_000_000_000


@pytest.mark.integration
def test_static_call__refused__names_the_contracts_error(market: World) -> None:
    """With both values."""
    data = market.context.market.withdraw(A, 5)
    with pytest.raises(Reverted) as caught:
        market.context.chain.static_call(Call(B, market.context.market.address, data))
    assert caught.value.reason == "InsufficientBalance(0, 5)"
