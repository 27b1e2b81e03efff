"""The message that the agent key signs to log in (EIP-4361)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from provider_agent.answers import Nonce

_LIFE = timedelta(minutes=5)


def login_message(address: str, nonce: Nonce, now: datetime) -> str:
    """The text for this address and nonce, valid for five minutes from ``now``."""
    return "\n".join(
        [
            f"{nonce.domain} wants you to sign in with your Ethereum account:",
            address,
            "",
            "Log in to GPU Bourse as a provider's agent.",
            "",
            f"URI: {nonce.uri}",
            "Version: 1",
            f"Chain ID: {nonce.chain_id}",
            f"Nonce: {nonce.nonce}",
            f"Issued At: {_instant(now)}",
            f"Expiration Time: {_instant(now + _LIFE)}",
        ]
    )


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
