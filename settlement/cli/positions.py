"""`delegate set`, and the calls on positions that anyone may make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from contracts.bindings.errors import error_name
from contracts.bindings.events import CloseSkipped, RedeemSkipped, decode_log
from contracts.bindings.market import Closing, SignedVoucher
from contracts.protocol.eip712 import check_address
from contracts.protocol.errors import ProtocolError
from contracts.protocol.typed_data import voucher_of
from marketplace_api.cli.output import emit_json
from marketplace_api.cli.problems import refuse
from marketplace_api.cli.profile import Profile
from marketplace_api.cli.wallet import open_desk
from marketplace_api.client.answers import Lease, StoredReceipt
from settlement.cli.desk import ChainDesk, Sent, open_chain
from settlement.cli.verify.history import logs_of

_ELEMENT_GAS = 300_000
"""A batch element that is still too early is estimated cheap, but may be taken when it is mined."""


def set_delegate(address: str, *, as_json: bool) -> None:
    """Name the key that counter-signs."""
    check_address("address", address)
    profile = Profile.load()
    signer = profile.signer()
    desk = open_chain(profile)
    sent = desk.send(signer, desk.market.address, desk.market.set_delegate(address))
    _print("delegate", address, sent, as_json=as_json)


def cancel(nonces: Sequence[int], *, every: bool, as_json: bool) -> None:
    """Spend nonces, or raise the epoch."""
    if every == bool(nonces):
        raise ProtocolError("nonces", "some nonces, or --all", list(nonces))
    profile = Profile.load()
    signer = profile.signer()
    desk = open_chain(profile)
    data = desk.market.cancel_all() if every else desk.market.cancel(tuple(nonces))
    sent = desk.send(signer, desk.market.address, data)
    _print("cancelled", "all" if every else list(nonces), sent, as_json=as_json)


def redeem(lease_id: str, *, as_json: bool) -> None:
    """Redeem the last voucher that both sides signed."""
    with open_desk() as user:
        stored = _last_signed(user.bourse.receipts(lease_id), lease_id)
        desk = open_chain(user.profile)
        voucher = SignedVoucher(
            voucher_of(stored.receipt), stored.holder_signature or b"", stored.voucher_signature
        )
        sent = desk.send(
            user.signer, desk.market.address, desk.market.redeem((voucher,)), _ELEMENT_GAS
        )
    _refuse_skipped(desk, sent)
    _print("redeemed", stored.receipt.used_gpu_ms, sent, as_json=as_json)


def close(lease_id: str, *, as_json: bool) -> None:
    """Refund what was not used."""
    with open_desk() as user:
        lease = user.bourse.lease(lease_id)
        desk = open_chain(user.profile)
        closing = Closing(_series(lease), lease.holder)
        sent = desk.send(
            user.signer, desk.market.address, desk.market.close((closing,)), _ELEMENT_GAS
        )
    _refuse_skipped(desk, sent)
    _print("closed", lease_id, sent, as_json=as_json)


def _series(lease: Lease) -> int:
    if lease.series is None:
        raise ProtocolError("lease", "one whose fill is confirmed", lease.status)
    return lease.series


def _last_signed(receipts: Sequence[StoredReceipt], lease_id: str) -> StoredReceipt:
    signed = [stored for stored in receipts if stored.holder_signature is not None]
    if not signed:
        raise ProtocolError("lease", "one with a counter-signed receipt", lease_id)
    return signed[-1]


def _refuse_skipped(desk: ChainDesk, sent: Sent) -> None:
    """A batch skips what it cannot do; alone in a batch that is a refusal."""
    for log in logs_of(desk, sent.block, sent.block):
        event = decode_log(log)
        if log.transaction == sent.transaction and isinstance(event, RedeemSkipped | CloseSkipped):
            name = error_name(event.reason)
            refuse("skipped", f"the contract skipped it: {name}", given=name)


def _print(what: str, value: object, sent: Sent, *, as_json: bool) -> None:
    if as_json:
        emit_json({what: value, **asdict(sent)})
    else:
        print(f"{what} {value} in {sent.transaction}, gas {sent.gas_used}")
