"""The application as a stranger meets it: description, headers, limits, pages."""

from __future__ import annotations

import pytest

from marketplace_api.problems import RateLimitError
from marketplace_api.ratelimit import RateLimiter
from tests.marketplace_api.market import Market

PUBLIC = {
    ("get", "/v1/market"), ("get", "/v1/book"), ("get", "/v1/order-log"), ("get", "/v1/providers"),
    ("get", "/v1/providers/{wallet}"), ("get", "/healthz"), ("get", "/readyz"),
    ("post", "/v1/auth/nonce"), ("post", "/v1/auth/login"),
}  # fmt: skip
SPENDING = {
    "/v1/orders/asks", "/v1/orders/bids", "/v1/orders/{digest}/cancel",
    "/v1/leases/{lease_id}/jobs", "/v1/jobs/{job_id}/cancel", "/v1/leases/{lease_id}/redeem",
    "/v1/leases/{lease_id}/receipts/{sequence}/countersign",
}  # fmt: skip


class TestOpenApi:
    """A description that a stranger can use."""

    def test_openapi__every_operation__described(self, market: Market) -> None:
        """Summary, description, tag, declared errors as problems, and who may call it."""
        spec = market.http.get("/openapi.json").json()
        for path, operations in spec["paths"].items():
            for method, operation in operations.items():
                where = (method, path)
                assert operation["summary"], where
                assert operation["description"], where
                assert operation["tags"], where
                assert ("security" in operation) is (where not in PUBLIC), where
                errors = [c for c in operation["responses"] if c >= "400"]
                if where not in PUBLIC:
                    assert "401" in errors, where
                for code in errors:
                    content = operation["responses"][code]["content"]
                    assert "application/problem+json" in content, (where, code)

    def test_openapi__spending__declares_the_key(self, market: Market) -> None:
        """Every POST that could spend takes an Idempotency-Key."""
        spec = market.http.get("/openapi.json").json()
        keyed = {
            path
            for path, operations in spec["paths"].items()
            for p in operations.get("post", {}).get("parameters", ())
            if p["name"].lower() == "idempotency-key" and p["required"]
        }
        assert keyed == SPENDING

    def test_openapi__bodies__have_examples(self, market: Market) -> None:
        """The signed structs are shown."""
        schemas = market.http.get("/openapi.json").json()["components"]["schemas"]
        for name, field in (
            ("BidRequest", "order"), ("AskRequest", "order"), ("ReceiptRequest", "receipt"),
        ):  # fmt: skip
            assert schemas[name]["properties"][field]["examples"][0]


class TestPages:
    """What a browser shows."""

    def test_pages__status_and_reference__without_a_script(self, market: Market) -> None:
        """Nothing is loaded from elsewhere."""
        supplier, buyer = market.supplier(), market.buyer()
        lease = market.lease(supplier, buyer)
        for path, expected in (("/", str(lease.id)), ("/docs", "/v1/orders/bids")):
            page = market.http.get(path)
            assert page.status_code == 200
            assert expected in page.text
            assert "<script" not in page.text
            assert "default-src 'none'" in page.headers["content-security-policy"]

    def test_pages__unknown_path_and_method__problems(self, market: Market) -> None:
        """404 and 405 look like every other error."""
        missing, wrong = market.http.get("/v1/nowhere"), market.http.delete("/v1/market")
        assert (missing.status_code, missing.json()["code"]) == (404, "not-found")
        assert (wrong.status_code, wrong.json()["code"]) == (405, "method-not-allowed")
        assert wrong.headers["content-type"] == "application/problem+json"

    def test_headers__request_id__given_back_or_made(self, market: Market) -> None:
        """A sane id is kept, another is replaced."""
        kept = market.http.get("/healthz", headers={"X-Request-ID": "abc-1"})
        made = market.http.get("/healthz", headers={"X-Request-ID": "a b\tc"})
        assert kept.headers["x-request-id"] == "abc-1"
        assert len(made.headers["x-request-id"]) == 32
        assert kept.headers["x-content-type-options"] == "nosniff"

    def test_market__constants__all_that_a_client_needs(self, market: Market) -> None:
        """Contracts, units, clock."""
        found = market.http.get("/v1/market").json()
        assert (found["chain_id"], found["tick"], found["lot_gpu_ms"]) == (1337, 1000, 3600)
        assert found["market"] == market.deployment.market
        assert found["now"] == market.now
        assert market.http.get("/readyz").json() == {"status": "ready"}


class TestRateLimit:
    """Fair shares."""

    def test_rate__burst_then_refill__retry_after(self) -> None:
        """A bucket fills with time."""
        now = [0.0]
        limiter = RateLimiter(2, 3, clock=lambda: now[0])
        for _ in range(3):
            limiter.take("a")
        with pytest.raises(RateLimitError) as refused:
            limiter.take("a")
        assert refused.value.headers == {"Retry-After": "1"}
        limiter.take("b")
        now[0] = 0.5
        limiter.take("a")

    def test_rate__many_keys__memory_is_bounded(self) -> None:
        """An attacker with many addresses does not fill the memory."""
        limiter = RateLimiter(1, 1)
        for number in range(12_000):
            limiter.take(str(number))
        assert len(limiter) == 10_000

    def test_rate__too_many_requests__429(self, market: Market) -> None:
        """By wallet, whatever its address."""
        actor = market.join()
        limiter = market.context.limiter
        limiter._burst, limiter._per_s = 2, 0.001
        limiter._buckets.clear()
        codes = [actor.get("/v1/orders").status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        last = actor.get("/v1/orders")
        assert last.json()["code"] == "rate-limited"
        assert int(last.headers["retry-after"]) >= 1
