"""What time alone does."""

from __future__ import annotations

from sqlalchemy import text

from marketplace_api import housekeeping
from marketplace_api.db import session_scope
from tests.marketplace_api.market import Market


class TestSweep:
    """Nothing is left open for ever."""

    def test_sweep__lease_over__its_jobs_are_lost(self, market: Market) -> None:
        """After a grace in which the agent may still report."""
        supplier, buyer = market.supplier(), market.buyer()
        lease = market.lease(supplier, buyer)
        job = buyer.post(f"/v1/leases/{lease.id}/jobs", {"name": "x", "argv": ["x"]}).json()["id"]
        market.clock.advance(72 + housekeeping.LOST_AFTER_S - 1)
        self._sweep(market)
        assert buyer.get(f"/v1/jobs/{job}").json()["status"] == "queued"
        market.clock.advance(1)
        self._sweep(market)
        view = buyer.get(f"/v1/jobs/{job}").json()
        assert (view["status"], view["reason"]) == ("lost", "lease-end")

    def test_sweep__fill_failed__jobs_are_lost_at_once(self, market: Market) -> None:
        """No money moved, nothing will run."""
        supplier, buyer = market.supplier(), market.buyer()
        lease = market.lease(supplier, buyer, "pending")
        job = buyer.post(f"/v1/leases/{lease.id}/jobs", {"name": "x", "argv": ["x"]}).json()["id"]
        with session_scope() as session:
            session.execute(text("UPDATE lease SET status = 'failed'"))
        self._sweep(market)
        assert buyer.get(f"/v1/jobs/{job}").json()["status"] == "lost"

    def test_sweep__stale_records__forgotten(self, market: Market) -> None:
        """Sessions, nonces and stored answers do not pile up."""
        market.supplier()
        buyer = market.buyer()
        market.post_bid(buyer)
        market.clock.advance(49 * 3600)
        self._sweep(market)
        with session_scope() as session:
            for table in ("wallet_session", "login_nonce", "idempotency_key"):
                assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0

    @staticmethod
    def _sweep(market: Market) -> None:
        with session_scope() as session:
            housekeeping.sweep(session, market.now)
