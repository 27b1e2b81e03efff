"""Our EIP-712 encoding against eth-account's, on arbitrary values of every signed struct."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.protocol.eip712 import Domain, Struct, camel, checksum, digest, members
from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer, recover
from contracts.protocol.typed_data import SIGNED_STRUCTS, Ask, Receipt, voucher_of
from contracts.protocol.wire import from_wire, to_wire, typed_data_json
from tests.protocol.strategies import structs

DOMAIN = Domain(1337, checksum("0x" + "ab" * 20))
any_struct = st.sampled_from(SIGNED_STRUCTS).flatmap(structs)


@given(any_struct)
@settings(max_examples=300, deadline=None)
def test_digest__of_any_struct__equals_eth_account(struct: Struct) -> None:
    message = encode_typed_data(full_message=typed_data_json(struct, DOMAIN))
    assert digest(struct, DOMAIN) == _hash_eip191_message(message)


@given(any_struct)
@settings(max_examples=100, deadline=None)
def test_sign__any_struct__recovers_the_signer_here_and_in_eth_account(struct: Struct) -> None:
    signer = Signer.generate()
    signature = signer.sign(struct, DOMAIN)
    assert recover(digest(struct, DOMAIN), signature) == signer.address
    message = encode_typed_data(full_message=typed_data_json(struct, DOMAIN))
    assert Account.recover_message(message, signature=signature) == signer.address


@given(any_struct)
@settings(max_examples=200, deadline=None)
def test_wire__round_trip__gives_the_same_struct(struct: Struct) -> None:
    assert from_wire(type(struct), to_wire(struct)) == struct


@pytest.mark.parametrize("cls", SIGNED_STRUCTS)
def test_camel__every_field__has_a_solidity_name(cls: type[Struct]) -> None:
    for member in members(cls):
        assert member.name == camel(member.python_name)
        assert "_" not in member.name


@given(structs(Receipt))
@settings(max_examples=50, deadline=None)
def test_voucher_of__a_receipt__carries_its_totals_and_hash(receipt: Receipt) -> None:
    voucher = voucher_of(receipt)
    assert voucher.used_gpu_ms == receipt.used_gpu_ms
    assert (voucher.series, voucher.holder) == (receipt.series, receipt.holder)
    assert voucher.receipt == receipt.hash_struct()


@given(any_struct, st.integers(1, 1 << 30))
@settings(max_examples=50, deadline=None)
def test_digest__on_another_chain__differs(struct: Struct, chain_id: int) -> None:
    other = Domain(DOMAIN.chain_id + chain_id, DOMAIN.verifying_contract)
    assert digest(struct, other) != digest(struct, DOMAIN)


def _ask(**changes: object) -> dict[str, object]:
    base: dict[str, object] = {
        "seller": checksum("0x" + "11" * 20),
        "terms": 1,
        "price_per_gpu_hour": "2000000",
        "window_start": 0,
        "window_end": 100,
        "valid_from": 0,
        "deadline": 10,
        "nonce": "1",
    }
    return base | changes


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seller": "0x12"}, "ask.seller"),
        ({"seller": "0x" + "AB" * 20}, "ask.seller"),
        ({"terms": -1}, "ask.terms"),
        ({"terms": 1 << 64}, "ask.terms"),
        ({"terms": 1.0}, "ask.terms"),
        ({"terms": True}, "ask.terms"),
        ({"price_per_gpu_hour": "1e6"}, "ask.price_per_gpu_hour"),
        ({"price_per_gpu_hour": "007"}, "ask.price_per_gpu_hour"),
        ({"price_per_gpu_hour": None}, "ask.price_per_gpu_hour"),
        ({"window_end": 1 << 40}, "ask.window_end"),
        ({"colour": "red"}, "ask.colour"),
        ({"constraints": []}, "ask.constraints"),
        ({"constraints": {"post_only": 1}}, "ask.constraints.post_only"),
        ({"constraints": {"allow": ["0x1"]}}, "ask.constraints.allow[0]"),
    ],
)
def test_from_wire__a_bad_field__is_named(changes: dict[str, object], field: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        from_wire(Ask, _ask(**changes))
    assert caught.value.field == field


def test_from_wire__a_missing_field__is_named() -> None:
    data = _ask()
    del data["nonce"]
    with pytest.raises(ProtocolError) as caught:
        from_wire(Ask, data)
    assert (caught.value.field, caught.value.limit) == ("ask.nonce", "required")
