"""EIP-4361 messages, read strictly: one grammar, no optional white space, nothing ignored."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.protocol.eip712 import check_address
from contracts.protocol.errors import ProtocolError

MAX_LENGTH = 2048
_CLOCK_SKEW = timedelta(seconds=60)
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)"
_MESSAGE = re.compile(
    r"(?P<domain>[A-Za-z0-9.:\[\]-]{1,255}) wants you to sign in with your Ethereum account:\n"
    r"(?P<address>0x[0-9a-fA-F]{40})\n"
    r"\n"
    r"(?:(?P<statement>[\x20-\x7e]{1,512})\n)?"
    r"\n"
    r"URI: (?P<uri>[\x21-\x7e]{1,512})\n"
    r"Version: (?P<version>[0-9]{1,3})\n"
    r"Chain ID: (?P<chain_id>[0-9]{1,20})\n"
    r"Nonce: (?P<nonce>[A-Za-z0-9]{8,64})\n"
    rf"Issued At: (?P<issued_at>{_TIME})"
    rf"(?:\nExpiration Time: (?P<expires_at>{_TIME}))?"
    rf"(?:\nNot Before: (?P<not_before>{_TIME}))?"
    r"(?:\nRequest ID: (?P<request_id>[\x21-\x7e]{0,128}))?"
    r"(?P<resources>\nResources:(?:\n- [\x21-\x7e]{1,512}){0,16})?"
)


@dataclass(frozen=True, slots=True)
class LoginMessage:
    """The parts of a message that mean something to us."""

    domain: str
    address: str
    uri: str
    chain_id: int
    nonce: str
    issued_at: datetime
    expires_at: datetime | None
    not_before: datetime | None


class LoginError(ProtocolError):
    """A well-formed message that does not log in here and now."""

    code = "login-refused"


def parse(text: str) -> LoginMessage:
    """Read a message; refuses whatever does not follow EIP-4361 to the letter."""
    if len(text) > MAX_LENGTH:
        raise ProtocolError("message", f"at most {MAX_LENGTH} characters", f"{len(text)}")
    found = _MESSAGE.fullmatch(text)
    if found is None:
        raise ProtocolError("message", "an EIP-4361 message", text)
    if found["version"] != "1":
        raise ProtocolError("message.version", "1", found["version"])
    check_address("message.address", found["address"])
    return LoginMessage(
        domain=found["domain"],
        address=found["address"],
        uri=found["uri"],
        chain_id=int(found["chain_id"]),
        nonce=found["nonce"],
        issued_at=_instant("issued_at", found["issued_at"]),
        expires_at=_optional_instant("expires_at", found["expires_at"]),
        not_before=_optional_instant("not_before", found["not_before"]),
    )


def check(
    message: LoginMessage, *, domain: str, uri: str, chain_id: int, max_age_s: int, now: datetime
) -> None:
    """Refuse a message for another site or chain, or one out of its time."""
    _expect("message.domain", domain, message.domain)
    _expect("message.uri", uri, message.uri)
    _expect("message.chain_id", chain_id, message.chain_id)
    oldest = now - timedelta(seconds=max_age_s)
    if not oldest <= message.issued_at <= now + _CLOCK_SKEW:
        limit = f"from {oldest.isoformat()} to now, {now.isoformat()}"
        raise LoginError("message.issued_at", limit, message.issued_at.isoformat())
    if message.expires_at is not None and message.expires_at <= now:
        raise LoginError(
            "message.expiration_time",
            f"after now, {now.isoformat()}",
            message.expires_at.isoformat(),
        )
    if message.not_before is not None and message.not_before > now + _CLOCK_SKEW:
        raise LoginError(
            "message.not_before",
            f"at most now, {now.isoformat()}",
            message.not_before.isoformat(),
        )


def _expect(field: str, wanted: object, given: object) -> None:
    if wanted != given:
        raise LoginError(field, str(wanted), given)


def _optional_instant(field: str, text: str | None) -> datetime | None:
    return None if text is None else _instant(field, text)


def _instant(field: str, text: str) -> datetime:
    # Python takes at most microseconds.
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text)
    try:
        return datetime.fromisoformat(trimmed).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ProtocolError(f"message.{field}", "an RFC 3339 time", text) from error
