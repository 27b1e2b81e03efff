"""EIP-4361 messages: what is read, and that nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer
from marketplace_api.auth.siwe import LoginError, check, parse

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESS = Signer.generate().address
LINES = [
    "bourse.example wants you to sign in with your Ethereum account:",
    ADDRESS,
    "",
    "Log in.",
    "",
    "URI: https://bourse.example",
    "Version: 1",
    "Chain ID: 1337",
    "Nonce: 0123456789abcdef",
    "Issued At: 2026-01-01T00:00:00Z",
]
MESSAGE = "\n".join(LINES)
SITE = {"domain": "bourse.example", "uri": "https://bourse.example", "chain_id": 1337}


class TestParse:
    """Reading a message."""

    def test_parse__plain__all_parts(self) -> None:
        """The fields of EIP-4361."""
        message = parse(MESSAGE)
        assert (message.domain, message.address, message.uri, message.chain_id) == (
            "bourse.example", ADDRESS, "https://bourse.example", 1337,
        )  # fmt: skip
        assert (message.nonce, message.issued_at) == ("0123456789abcdef", NOW)
        assert (message.expires_at, message.not_before) == (None, None)

    def test_parse__no_statement__two_blank_lines(self) -> None:
        """As wallets write it: the line of the statement is missing, both blank lines stay."""
        text = "\n".join([*LINES[:2], "", "", *LINES[5:]])
        assert parse(text).address == ADDRESS

    def test_parse__all_options__read(self) -> None:
        """Times with fractions and zones, a request id, resources."""
        text = MESSAGE + (
            "\nExpiration Time: 2026-01-01T02:10:00.123456789+02:00"
            "\nNot Before: 2026-01-01T00:00:00.5Z\nRequest ID: 7\nResources:\n- https://a\n- https://b"
        )
        message = parse(text)
        assert message.expires_at == NOW + timedelta(seconds=600, microseconds=123456)
        assert message.not_before == NOW + timedelta(microseconds=500000)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            MESSAGE + "\n",
            " " + MESSAGE,
            MESSAGE.replace("\n", "\r\n"),
            MESSAGE.replace("Log in.", "Log in.\nTwice."),
            MESSAGE.replace("Log in.", "Løg in."),
            MESSAGE.replace("URI: ", "URI:  "),
            MESSAGE.replace("Nonce: 0123456789abcdef", "Nonce: short"),
            MESSAGE.replace("Nonce: 0123456789abcdef", "Nonce: 0123456789abcdeｆ"),
            MESSAGE.replace("Version: 1\n", ""),
            MESSAGE.replace("Version: 1", "Version: 1\nVersion: 1"),
            MESSAGE.replace(ADDRESS, ADDRESS.lower()),
            MESSAGE.replace(ADDRESS, ADDRESS[:-1]),
            MESSAGE.replace("2026-01-01T00:00:00Z", "2026-13-01T00:00:00Z"),
            MESSAGE.replace("2026-01-01T00:00:00Z", "yesterday"),
            MESSAGE + "\nNot Before: 2026-01-01T00:00:00Z\nExpiration Time: 2026-01-01T00:00:00Z",
            MESSAGE + "\nColour: red",
            MESSAGE + "\nRequest ID: " + "x" * 3000,
        ],
    )
    def test_parse__anything_else__refused(self, text: str) -> None:
        """One grammar, to the letter."""
        with pytest.raises(ProtocolError, match="message"):
            parse(text)


class TestCheck:
    """Whether a message is for us and now."""

    def test_check__good__passes(self) -> None:
        """Nothing to object."""
        check(parse(MESSAGE), **SITE, max_age_s=300, now=NOW)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("field", "text", "seconds"),
        [
            ("message.issued_at", MESSAGE, 301),
            ("message.issued_at", MESSAGE, -61),
            ("message.expiration_time", MESSAGE + "\nExpiration Time: 2026-01-01T00:01:00Z", 60),
            ("message.not_before", MESSAGE + "\nNot Before: 2026-01-01T00:02:00Z", 59),
            ("message.uri", MESSAGE.replace("https://bourse", "https://evil.bourse"), 0),
        ],
    )  # fmt: skip
    def test_check__out_of_time_or_place__names_the_field(
        self, field: str, text: str, seconds: int
    ) -> None:
        """Old, early, expired, elsewhere."""
        now = NOW + timedelta(seconds=seconds)
        with pytest.raises(LoginError) as refused:
            check(parse(text), **SITE, max_age_s=300, now=now)  # type: ignore[arg-type]
        assert refused.value.field == field
