"""The login message is EIP-4361 to the letter."""

from __future__ import annotations

from datetime import UTC, datetime

from marketplace_api.client.answers import Nonce
from marketplace_api.client.login import login_message
from tests.marketplace_api.client.fake_api import OTHER


def test_login_message__fields__stand_in_the_order_of_the_standard():
    """Wallets and the API parse it line by line."""
    nonce = Nonce("abcdef123456", "bourse.test", "https://bourse.test", 1337, 0)
    text = login_message(OTHER, nonce, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert text.splitlines() == [
        "bourse.test wants you to sign in with your Ethereum account:",
        OTHER,
        "",
        "Log in to GPU Bourse.",
        "",
        "URI: https://bourse.test",
        "Version: 1",
        "Chain ID: 1337",
        "Nonce: abcdef123456",
        "Issued At: 2026-01-02T03:04:05Z",
        "Expiration Time: 2026-01-02T03:09:05Z",
    ]


def test_login_message__the_apis_own_parser__takes_it():
    """Both sides of the login are ours: they must fit."""
    from marketplace_api.auth import siwe

    nonce = Nonce("abcdef123456", "127.0.0.1:8700", "http://127.0.0.1:8700", 1337, 0)
    parsed = siwe.parse(login_message(OTHER, nonce, datetime.now(UTC)))
    assert (parsed.address, parsed.nonce, parsed.chain_id) == (OTHER, "abcdef123456", 1337)
