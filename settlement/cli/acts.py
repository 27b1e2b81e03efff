"""What the commands for the whole protocol share: one call, and what the chain says of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from contracts.bindings.arbitration import Arbitration
from contracts.bindings.errors import error_name
from contracts.bindings.events import (
    Event,
    RedeemSkipped,
    ResaleSkipped,
    decode_log,
    event_to_json,
)
from contracts.protocol.eip712 import check_address
from contracts.protocol.errors import ProtocolError
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer
from contracts.protocol.series import Series
from marketplace_api.cli.output import emit_json
from marketplace_api.cli.problems import refuse
from marketplace_api.cli.profile import Profile
from settlement.cli.desk import ChainDesk, Sent, open_chain
from settlement.cli.verify.history import logs_of

_HASH = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """A wallet at the contracts."""

    profile: Profile
    signer: Signer
    desk: ChainDesk

    @property
    def arbitration(self) -> Arbitration:
        """The contract of cases."""
        return Arbitration(self.desk.chain.web3, self.desk.place.arbitration)

    def holder(self, given: str | None) -> str:
        """Whose lease it is; one's own where nobody is named."""
        if given is None:
            return self.signer.address
        check_address("holder", given)
        return given


def open_caller() -> Caller:
    """Needs only a key and the chain where DEPLOYMENT_FILE and RPC_URL are set."""
    profile = Profile.load()
    return Caller(profile, profile.signer(), open_chain(profile))


def act(caller: Caller, what: str, to: str, data: bytes, *, as_json: bool) -> None:
    """Send a call, and print which events it made."""
    sent = caller.desk.send(caller.signer, to, data)
    events = events_of(caller.desk, sent)
    for event in events:
        if isinstance(event, RedeemSkipped | ResaleSkipped):
            name = error_name(event.reason)
            refuse("skipped", f"the contract skipped it: {name}", given=name)
    shown = [{"event": type(event).__name__, **event_to_json(event)} for event in events]
    if as_json:
        emit_json({"did": what, **asdict(sent), "events": [_wide_as_text(one) for one in shown]})
        return
    print(f"{what} in {sent.transaction}, gas {sent.gas_used}")
    for one in shown:
        print("  " + ", ".join(f"{name} {value}" for name, value in one.items()))


def events_of(desk: ChainDesk, sent: Sent) -> list[Event]:
    """What a transaction told."""
    found = [
        decode_log(log)
        for log in logs_of(desk, sent.block, sent.block)
        if log.transaction == sent.transaction
    ]
    return [event for event in found if event is not None]


def parse_evidence(text: str) -> bytes:
    """A hash, or a file whose keccak256 it is."""
    try:
        if text.startswith("0x") and len(raw := bytes.fromhex(text[2:])) == _HASH:
            return raw
        return keccak(Path(text).read_bytes())
    except (OSError, ValueError) as error:
        raise ProtocolError("evidence", "0x and 64 hex digits, or a readable file", text) from error


def parse_series(number: str, field: str = "series") -> int:
    """A token id."""
    try:
        return int(Series.from_id(int(number)).id)
    except ValueError as error:
        raise ProtocolError(field, "a token id as a whole number", number) from error


def _wide_as_text(fields: dict[str, object]) -> dict[str, object]:
    """Ids and digests of 256 bits would be rounded by readers that know no wide integers."""
    return {
        name: str(value) if isinstance(value, int) and value >= 1 << 53 else value
        for name, value in fields.items()
    }
