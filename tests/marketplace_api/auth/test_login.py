"""Sessions from login to logout."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import text

from contracts.protocol.keys import Signer
from marketplace_api.auth.service import hash_token
from marketplace_api.db import session_scope
from tests.marketplace_api.market import Market


class TestLogin:
    """What a login gives."""

    def test_login__good__session_of_the_wallet(self, market: Market) -> None:
        """The token works, only its hash is stored."""
        actor = market.buyer()
        account = actor.get("/v1/accounts/me").json()
        assert account["wallet"] == actor.address
        with session_scope() as session:
            stored = session.scalars(text("SELECT token_hash FROM wallet_session")).all()
        assert stored == [hash_token(actor.token)]
        assert actor.token not in stored

    def test_login__same_message_again__refused(self, market: Market) -> None:
        """A nonce is good once."""
        signer = Signer.generate()
        message = market.login_message(signer.address)
        assert market.log_in(message, signer).status_code == 200
        again = market.log_in(message, signer)
        assert (again.status_code, again.json()["field"]) == (401, "message.nonce")

    def test_login__nonce_of_another_address__refused(self, market: Market) -> None:
        """A nonce belongs to the address that asked for it."""
        first, second = Signer.generate(), Signer.generate()
        message = market.login_message(first.address, address=second.address)
        answer = market.log_in(message, second)
        assert (answer.status_code, answer.json()["field"]) == (401, "message.nonce")

    def test_logout__token__worthless(self, market: Market) -> None:
        """The session ends on the server; others go on."""
        actor = market.buyer()
        other = replace(market.join(actor.signer))
        assert actor.post("/v1/auth/logout").status_code == 200
        assert actor.get("/v1/orders").json()["code"] == "unknown-session"
        assert other.get("/v1/orders").status_code == 200

    def test_login__agent_key__acts_for_its_provider(self, market: Market) -> None:
        """The API maps the agent key to the provider of the chain's record."""
        supplier = market.supplier()
        beat = supplier.agent.post("/v1/agent/heartbeat", {"devices": [], "leases": []})
        assert beat.json() == {"now": market.now}
        assert supplier.owner.post("/v1/agent/heartbeat", {}).json()["code"] == "not-an-agent"
