"""Bad input: each case has its status, its code, a message that names field, limit and value, and
changes nothing: no row of any table is added, removed or altered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from contracts.protocol.keys import Signer
from contracts.protocol.typed_data import AskConstraints, BidConstraints
from contracts.protocol.wire import to_wire
from marketplace_api import db
from marketplace_api.models import CancelledNonce
from tests.marketplace_api import misuse as do
from tests.marketplace_api.market import Clock, Market, iso
from tests.marketplace_api.misuse import (
    UNKNOWN,
    Case,
    Scene,
    ask,
    bid,
    bid_json,
    login,
    receipt,
    set_scene,
    signature,
    signed_for,
)
from tests.marketplace_api.snapshot import snapshot


@pytest.fixture(scope="module")
def setting(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Set the scene once, in a transaction that never commits."""
    with engine.connect() as connection, connection.begin() as transaction:
        db.bind(connection)
        market = Market.on(connection, Clock(), tmp_path_factory.mktemp("market"))
        yield set_scene(market, connection)
        market.close()
        transaction.rollback()


@pytest.fixture
def scene(setting: Scene) -> Iterator[Scene]:
    """The scene as it was set, whatever a case does to it."""
    now = setting.market.clock.now
    db.bind(setting.connection)
    with setting.connection.begin_nested() as savepoint:
        yield setting
        savepoint.rollback()
    setting.market.clock.now = now


CASES = [
    # signatures
    Case("signature-garbage", signature(lambda raw: raw[:32] + bytes(32) + raw[64:]),
         422, "bad-signature", "signature.s", "0 < s <= n/2", "0x0"),
    Case("signature-high-s", signature(do.high_s), 422, "bad-signature", "signature.s", "low s"),
    Case("signature-zero-r", signature(lambda raw: bytes(32) + raw[32:]),
         422, "bad-signature", "signature.r", "r > 0", "0x0"),
    Case("signature-v-29", signature(lambda raw: raw[:64] + bytes([29])),
         422, "bad-signature", "signature.v", "27 or 28", "29"),
    Case("signature-v-0", signature(lambda raw: raw[:64] + bytes([0])),
         422, "bad-signature", "signature.v", "27 or 28", "0"),
    Case("signature-63-bytes", signature(lambda raw: raw[:63]),
         422, "bad-signature", "signature", "64 or 65 bytes", "63 bytes"),
    Case("signature-empty", signature(lambda raw: b""),
         422, "bad-signature", "signature", "64 or 65 bytes", "0 bytes"),
    Case("signature-by-somebody-else",
         signature(lambda raw: Signer.generate().sign_digest(raw[:32])),
         422, "bad-signature", "signature", "a signature by 0x"),
    Case("signature-for-other-chain", signed_for(lambda d: replace(d, chain_id=1)),
         422, "bad-signature", "signature", "a signature by 0x"),
    Case("signature-for-other-contract",
         signed_for(lambda d: replace(d, verifying_contract=Signer.generate().address)),
         422, "bad-signature", "signature", "a signature by 0x"),
    Case("maker-is-not-the-session", do.foreign_maker, 403, "not-yours", "order.buyer", "0x"),
    # validity
    Case("expired", bid(valid_from=lambda now: now - 300, deadline=lambda now: now),
         422, "expired", "deadline", "after now"),
    Case("not-yet-valid", bid(valid_from=lambda now: now + 5), 422, "invalid", "valid_from",
         "at most now"),
    Case("life-too-long", bid(deadline=lambda now: now + 301),
         422, "invalid", "deadline", "at most 300 s after valid_from", "301"),
    Case("replayed", do.replayed, 409, "replayed", "order", "not accepted before"),
    Case("nonce-used", do.used_nonce, 409, "nonce-used", "order.nonce", "no order of 0x"),
    Case("nonce-cancelled-on-chain", do.cancelled_nonce,
         409, "nonce-cancelled", "order.nonce", "not cancelled on chain", "900"),
    Case("wrong-epoch", bid(epoch=7), 409, "wrong-epoch", "order.epoch", "epoch, 0", "7"),
    Case("foreign-filler", bid(filler=Signer.generate().address),
         422, "foreign-filler", "filler", "zero or the operator"),
    # amounts
    Case("milli-zero", bid(milli=0, min_milli=0), 422, "invalid", "milli", "1 to 64000", "0"),
    Case("milli-too-many", bid(milli=65_000), 422, "invalid", "milli", "1 to 64000", "65000"),
    Case("milli-above-attested", bid(milli=3000, min_milli=1000),
         409, "exceeds-attested", "order.milli", "attested, 2000", "3000"),
    Case("min-milli-above-attested", bid(milli=4000, min_milli=3000),
         409, "exceeds-attested", "order.min_milli", "attested, 2000", "3000"),
    Case("min-milli-above-milli", bid(min_milli=1001), 422, "invalid", "min_milli", "milli, 1000",
         "1001"),
    Case("milli-off-step", bid(milli=300, min_milli=300, min_duration=72, max_duration=72),
         409, "off-step", "order.milli", "250, 1000", "300"),
    Case("milli-off-step-of-isolation", bid(milli=250, min_milli=250, min_isolation=4),
         409, "off-step", "order.milli", "1000", "250"),
    Case("off-lot", bid(max_duration=73, min_duration=73), 422, "not-a-lot", "milli x seconds",
         "nearest valid: 1000 milli x 72 s", "73000"),
    Case("price-zero", bid(max_price_per_gpu_hour=0),
         422, "below-tick", "max_price_per_gpu_hour", "at least the tick, 1000", "0"),
    Case("price-below-tick", bid(max_price_per_gpu_hour=999),
         422, "below-tick", "max_price_per_gpu_hour", "at least the tick, 1000", "999"),
    Case("price-off-tick", bid(max_price_per_gpu_hour=1500),
         422, "off-tick", "max_price_per_gpu_hour", "multiple of 1000 (nearest valid: 2000)",
         "1500"),
    Case("ask-price-zero", ask(price_per_gpu_hour=0), 422, "off-tick", "price_per_gpu_hour",
         "nearest valid: 1000", "0"),
    Case("price-overflow", bid_json(max_price_per_gpu_hour=str(1 << 64)),
         422, "invalid", "order.max_price_per_gpu_hour", f"to {(1 << 64) - 1}", str(1 << 64)),
    Case("budget-overflow", bid_json(budget=str(1 << 128)),
         422, "invalid", "order.budget", f"to {(1 << 128) - 1}", str(1 << 128)),
    Case("number-of-80-digits", bid_json(budget="9" * 80), 422, "invalid", "order.budget",
         "a decimal integer", "9" * 80),
    Case("negative", bid_json(milli=-1), 422, "invalid", "order.milli", "from 0", "-1"),
    Case("negative-text", bid_json(budget="-5"), 422, "invalid", "order.budget", "decimal", "-5"),
    Case("float", bid_json(milli=1000.5), 422, "invalid", "order.milli", "an integer", "1000.5"),
    Case("float-that-is-whole", bid_json(milli=1000.0), 422, "invalid", "order.milli", "an integer",
         "1000.0"),
    Case("bool-for-number", bid_json(milli=True), 422, "invalid", "order.milli", "an integer",
         "True"),
    Case("garbage", bid_json(milli="lots"), 422, "invalid", "order.milli", "decimal", "lots"),
    Case("hex-number", bid_json(budget="0x10"), 422, "invalid", "order.budget", "decimal", "0x10"),
    Case("unknown-field", bid_json(colour="red"), 422, "invalid", "order.colour", "no such field",
         "red"),
    Case("missing-field", bid_json(nonce=None), 422, "invalid", "order.nonce", "required", "null"),
    Case("address-not-checksummed", bid_json(buyer="0x" + "ab" * 20), 422, "invalid", "order.buyer",
         "EIP-55", "0x" + "ab" * 20),
    Case("list-too-long", bid_json(constraints={"allow": ["0x" + "00" * 20] * 65}),
         422, "invalid", "order.constraints.allow", "at most 64"),
    Case("unfunded", bid(milli=2000, min_milli=2000, max_duration=3600,
                         max_price_per_gpu_hour=10**10),
         409, "insufficient-balance", "order.max_price_per_gpu_hour", "free balance"),
    # windows
    Case("window-in-the-past", bid(window_start=lambda now: now - 61),
         422, "window-in-the-past", "window_start", "60 s before now"),
    Case("window-over", bid(window_start=lambda now: now - 100, window_end=lambda now: now),
         422, "window-in-the-past", "window_end", "after now"),
    Case("window-reversed", bid(window_end=lambda now: now), 422, "invalid", "window_end",
         "after window_start"),
    Case("window-too-far-ahead", bid(window_start=lambda now: now + 90 * 86400 + 1,
                                     window_end=lambda now: now + 91 * 86400),
         422, "invalid", "window_start", "at most 7776000 s ahead"),
    Case("bid-longer-than-its-window", bid(min_duration=3636, max_duration=3636),
         422, "invalid", "min_duration", "at most the window, 3600 s", "3636"),
    Case("ask-longer-than-its-window", ask(min_duration=86401),
         422, "invalid", "min_duration", "at most the window, 86400 s", "86401"),
    Case("duration-too-long", bid(max_duration=169 * 3600, window_end=lambda now: now + 170 * 3600),
         422, "invalid", "max_duration", "at most 604800 s", str(169 * 3600)),
    Case("duration-zero", bid(min_duration=0), 422, "invalid", "min_duration", "1 to max_duration",
         "0"),
    # classes and terms
    Case("unknown-class", bid(device_classes=bytes(31) + b"\x07"),
         409, "unknown-class", "order.device_classes", "reported", "0x" + "00" * 31 + "07"),
    Case("malformed-class-hash", bid_json(device_classes="0x1234"), 422, "invalid",
         "order.device_classes", "64 hex digits", "0x1234"),
    Case("malformed-class-name", do.get("/v1/book", device_class="NVIDIA H100"),
         422, "unknown-class", "device_class", "lower-case vendor/model", "NVIDIA H100"),
    Case("unknown-class-name", do.get("/v1/book", device_class="nvidia/b200/192gb/sxm"),
         404, "not-found", "device_class", "existing", "nvidia/b200/192gb/sxm"),
    Case("terms-zero", ask(terms=0), 422, "invalid", "terms", "registered terms", "0"),
    Case("terms-unknown", ask(terms=999), 409, "unknown-terms", "order.terms", "registered", "999"),
    Case("terms-of-somebody-else", do.foreign_terms, 403, "foreign-terms", "order.terms",
         "terms of"),
    Case("ask-above-attested", ask(max_milli=3000),
         409, "exceeds-attested", "order.max_milli", "attested, 2000", "3000"),
    Case("ask-off-step", do.step_terms(max_milli=300), 409, "off-step", "order.max_milli",
         "step, 250", "300"),
    # carried by the protocol, not served yet
    Case("unserved-series", ask(series=1), 422, "not-supported", "series", "not supported", "1"),
    Case("quantity-below-a-lot", ask(quantity=1), 422, "invalid", "quantity", "at least a lot",
         "1"),
    Case("unserved-ask-time-in-force", ask(constraints=AskConstraints(time_in_force=1)),
         422, "not-supported", "constraints.time_in_force", "empty", "1"),
    Case("unserved-max-fills", bid(max_fills=2), 422, "not-supported", "max_fills", "empty", "2"),
    Case("sla-above-all", bid(min_sla_credit_bps=10_001), 422, "invalid", "min_sla_credit_bps",
         "at most 10000", "10001"),
    *(
        Case(f"unserved-{name}", bid(constraints=BidConstraints(**{name: value})),
             422, "not-supported", f"constraints.{name}", "leave it empty")
        for name, value in {
            "post_only": True,
            "regions": ("eu",),
            "min_memory_mib": 1,
            "min_bond_per_milli": 1,
            "min_reliability_bps": 1,
            "min_tokens_per_kilojoule": 1,
            "min_tokens_per_second_per_dollar": 1,
            "evidence": ("spdm",),
            "gang_devices": 2,
            "gang_spread": True,
        }.items()
    ),
    # what is somebody else's, or nobody's
    Case("foreign-order-read", do.get("/v1/orders/{resting}"), 403, "not-yours", "order",
         "your own"),
    Case("foreign-order-cancel", do.post("/v1/orders/{resting}/cancel"),
         403, "not-yours", "order", "one of your own"),
    Case("unknown-order-cancel", do.post(f"/v1/orders/0x{'00' * 32}/cancel"),
         404, "not-found", "order", "existing", "0x" + "00" * 32),
    Case("foreign-lease", do.get("/v1/leases/{lease}"), 403, "not-yours", "lease", "hold or serve"),
    Case("unknown-lease", do.get(f"/v1/leases/{UNKNOWN}"), 404, "not-found", "lease", "existing",
         UNKNOWN),
    Case("malformed-lease-id", do.get("/v1/leases/7"), 422, "invalid", "lease_id", "UUID", "7"),
    Case("job-under-foreign-lease", do.post("/v1/leases/{lease}/jobs", {"name": "x",
         "argv": ["x"]}),
         403, "not-yours", "lease", "a lease that you hold"),
    Case("foreign-job", do.get("/v1/jobs/{job}"), 403, "not-yours", "job", "hold or serve"),
    Case("foreign-job-cancel", do.post("/v1/jobs/{job}/cancel"), 403, "not-yours", "job",
         "you hold"),
    Case("foreign-log", do.get("/v1/jobs/{job}/log"), 403, "not-yours", "job", "you hold"),
    Case("log-for-agents-too", do.get("/v1/jobs/{job}/log", who="rival"), 403, "not-yours", "job",
         "you hold"),
    Case("foreign-log-stream", do.get("/v1/jobs/{job}/log/stream"), 403, "not-yours", "job",
         "you hold"),
    Case("foreign-receipts", do.get("/v1/leases/{lease}/receipts"), 403, "not-yours", "lease",
         "hold or serve"),
    Case("job-status-by-other-agent", do.post("/v1/jobs/{job}/status", {"status": "running"},
         "rival"),
         403, "not-yours", "job", "you serve"),
    Case("job-status-by-nobodys-agent", do.post("/v1/jobs/{job}/status", {"status": "running"}),
         403, "not-an-agent", "session", "agent key"),
    Case("job-status-too-early", do.post("/v1/jobs/{job}/status", {"status": "succeeded"}, "agent"),
         409, "bad-transition", "status", "after queued may follow", "succeeded"),
    Case("job-status-unknown", do.post("/v1/jobs/{job}/status", {"status": "happy"}, "agent"),
         422, "invalid", "status", "queued", "happy"),
    Case("log-gap", do.post("/v1/jobs/{job}/log", {"offset": 5, "data_base64": "eA=="}, "agent"),
         409, "log-gap", "offset", "at most 0", "5"),
    Case("log-not-base64", do.post("/v1/jobs/{job}/log", {"offset": 0, "data_base64": "?"},
         "agent"),
         422, "invalid", "data_base64", "base64", "?"),
    Case("log-by-other-agent",
         do.post("/v1/jobs/{job}/log", {"offset": 0, "data_base64": "eA=="}, "rival"),
         403, "not-yours", "job", "you serve"),
    # jobs
    Case("job-without-arguments", do.job(argv=[]), 422, "invalid", "argv", "at least 1", "[]"),
    Case("job-unknown-field", do.job(image="x"), 422, "unknown-field", "image", "not permitted",
         "x"),
    Case("job-memory-zero", do.job(limits={"memory_mib": 0}), 422, "invalid", "limits.memory_mib",
         "greater than or equal to 16", "0"),
    Case("job-path-escapes", do.job(inputs=[{"path": "../x", "sha256": "00" * 32}]),
         422, "invalid", "inputs.0.path", "without '..'", "../x"),
    Case("job-nul", do.job(argv=["a\x00b"]), 422, "invalid", "argv.0", "without NUL"),
    Case("job-input-not-uploaded", do.foreign_blob, 404, "not-found", "inputs.sha256",
         "you uploaded", hashlib.sha256(b"").hexdigest()),
    Case("blob-wrong-digest", do.blob, 422, "invalid", "sha256", "the digest of the body",
         "ab" * 32),
    Case("blob-malformed-digest", do.get("/v1/blobs/xyz"), 422, "invalid", "sha256", "pattern",
         "xyz"),
    # usage
    Case("receipt-shrinks", receipt(used_gpu_ms=9_999), 409, "shrinks", "receipt.used_gpu_ms",
         "at least 10000", "9999"),
    Case("receipt-repeats-with-other-content", receipt(sequence=1, previous=bytes(32)),
         409, "receipt-differs", "receipt.sequence", "the stored receipt 0x"),
    Case("receipt-skips", receipt(sequence=3), 409, "sequence-gap", "receipt.sequence", "2", "3"),
    Case("receipt-zero", receipt(sequence=0), 422, "invalid", "receipt.sequence", "from 1 on", "0"),
    Case("receipt-exceeds-elapsed", receipt(used_gpu_ms=22_001),
         409, "exceeds-elapsed", "receipt.used_gpu_ms", "1000 x 22 s = 22000", "22001"),
    Case("receipt-overflow", receipt(used_gpu_ms=(1 << 64) - 1),
         409, "exceeds-elapsed", "receipt.used_gpu_ms", "22000", str((1 << 64) - 1)),
    Case("receipt-wrong-previous", receipt(previous=bytes(32)),
         409, "wrong-previous", "receipt.previous", "0x", "0x" + "00" * 32),
    Case("receipt-wrong-samples-root", do.samples,
         422, "wrong-samples-root", "receipt.samples_root", "the Merkle root of the samples, 0x",
         "0x" + "00" * 32),
    Case("receipt-of-another-lease", do.receipt_of_other_lease,
         409, "foreign-receipt", "receipt.series"),
    Case("receipt-by-another-agent", do.receipt_by_other_agent, 403, "not-yours", "lease",
         "you serve"),
    Case("receipt-signed-by-owner", do.receipt_signed_by_owner, 422, "bad-signature", "signature",
         "a signature by 0x"),
    Case("voucher-signature-of-receipt", do.voucher_signature,
         422, "bad-signature", "voucher_signature", "a signature by 0x"),
    Case("receipt-from-the-future", receipt(interval_end=lambda now: now + 3),
         409, "outside-window", "receipt.interval_end", "at most"),
    Case("receipt-overlaps", receipt(interval_start=lambda now: now - 15),
         409, "outside-window", "receipt.interval_start", "at least"),
    Case("receipt-hides-simulation", receipt(simulated=False),
         409, "simulated", "receipt.simulated", "true", "False"),
    Case("receipt-foreign-device", receipt(devices=(bytes(32),)),
         409, "foreign-device", "receipt.devices[0]", "a device of the provider"),
    Case("countersignature-by-a-stranger", do.countersigned_by_stranger,
         422, "bad-signature", "signature", "a signature by 0x"),
    Case("countersign-foreign-lease",
         do.post("/v1/leases/{lease}/receipts/1/countersign", {"signature": "0x"}),
         403, "not-yours", "session", "the holder or its delegate"),
    Case("countersign-unknown-receipt",
         do.post("/v1/leases/{lease}/receipts/9/countersign", {"signature": "0x"}, "buyer"),
         404, "not-found", "receipt", "existing", "9"),
    Case("redeem-by-the-buyer", do.post("/v1/leases/{lease}/redeem", None, "buyer"),
         403, "not-yours", "session", "the provider or its agent"),
    Case("redeem-nothing-countersigned", do.post("/v1/leases/{lease}/redeem", None, "agent"),
         409, "nothing-countersigned", "lease.receipts", "a countersigned receipt", "none"),
    # sessions
    Case("no-session", do.without_session, 401, "no-session", None),
    Case("expired-session", do.expired_session, 401, "expired-session", None),
    Case("unknown-session", lambda s: replace(s.buyer, token="nobody").get("/v1/orders"),
         401, "unknown-session", None),
    Case("login-wrong-domain", login(domain="evil.example"),
         401, "login-refused", "message.domain", "testserver", "evil.example"),
    Case("login-wrong-uri", login(uri="http://evil.example"),
         401, "login-refused", "message.uri", "http://testserver", "http://evil.example"),
    Case("login-wrong-chain", login(chain_id=1), 401, "login-refused", "message.chain_id", "1337",
         "1"),
    Case("login-wrong-nonce", login(nonce="0123456789abcdef"),
         401, "login-refused", "message.nonce", "an unused nonce of 0x", "0123456789abcdef"),
    Case("login-expired", login(expires_at=lambda s: iso(s.now)),
         401, "login-refused", "message.expiration_time", "after now"),
    Case("login-issued-long-ago", login(issued_at=lambda s: iso(s.now - 301)),
         401, "login-refused", "message.issued_at", "from"),
    Case("login-signed-by-somebody-else", login(Signer.generate()),
         401, "bad-signature", "signature", "a signature by 0x"),
    Case("login-version-2", login(version=2), 422, "invalid", "message.version", "1", "2"),
    Case("login-garbage", do.post("/v1/auth/login", {"message": "let me in", "signature": "0x"}),
         422, "invalid", "message", "an EIP-4361 message", "let me in"),
    Case("nonce-for-no-address", do.post("/v1/auth/nonce", {"address": "0x12"}),
         422, "invalid", "address", "40 hex digits", "0x12"),
    # envelope
    Case("no-idempotency-key", do.no_key, 400, "idempotency-key-required", "Idempotency-Key",
         "1 to 128", "null"),
    Case("idempotency-key-reused", do.same_key_other_body, 409, "idempotency-mismatch",
         "Idempotency-Key", "a new key"),
    Case("too-large", do.too_large, 413, "too-large", "body", "at most 1048576 bytes"),
    Case("too-large-chunked", do.too_large_chunked, 413, "too-large", "body",
         "at most 1048576 bytes"),
    Case("not-json", lambda s: s.market.http.post(
        "/v1/orders/bids", content=b"{", headers=s.buyer._headers()
        | {"Idempotency-Key": "k", "Content-Type": "application/json"}),
         422, "invalid", "body", "JSON"),
    Case("nested-too-deep", lambda s: s.market.http.post(
        "/v1/orders/bids", content=b'{"order":' + b"[" * 900 + b"]" * 900 + b',"signature":"0x"}',
        headers=s.buyer._headers() | {"Idempotency-Key": "k", "Content-Type": "application/json"}),
         422, "invalid", "order", "dictionary"),
    Case("digits-without-end", lambda s: s.market.http.post(
        "/v1/orders/bids", content=b'{"order":{"milli":' + b"9" * 5000 + b'},"signature":"0x"}',
        headers=s.buyer._headers() | {"Idempotency-Key": "k", "Content-Type": "application/json"}),
         400, "http-error", None),
    Case("field-that-is-no-text", lambda s: s.market.http.post(
        "/v1/orders/bids", content=b'{"order":{"\\ud800":1},"signature":"0x"}',
        headers=s.buyer._headers() | {"Idempotency-Key": "k", "Content-Type": "application/json"}),
         422, "invalid", "order.?", "no such field", "1"),
    Case("signature-with-blanks", lambda s: s.buyer.post("/v1/orders/bids", {
        "order": to_wire(s.market.bid(s.buyer)), "signature": "0x" + " 1b" * 32}),
         422, "invalid", "signature", "hex digits"),
    Case("order-is-a-list", lambda s: s.buyer.post(
        "/v1/orders/bids", {"order": [], "signature": "0x"}),
         422, "invalid", "order", "dictionary", "[]"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bad_input__refused__names_it_and_changes_nothing(scene: Scene, case: Case) -> None:
    """The answer says what was wrong; every table is as it was."""
    if case.name == "nonce-cancelled-on-chain":
        wallet = scene.buyer.address
        scene.market.add(CancelledNonce(wallet=wallet, epoch=0, nonce=900, block_number=1))
    before = snapshot(scene.connection)
    answer = case.send(scene)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (case.status, case.code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == case.status
    assert problem["type"] == f"urn:gpubourse:problem:{case.code}"
    assert problem.get("field") == case.field
    if case.field is not None:
        assert case.limit in problem["limit"]
        assert problem["given"]
        assert case.given in (None, problem["given"])
    assert problem["detail"]
    after = snapshot(scene.connection)
    if case.name.startswith("login-"):
        # Asking for a nonce is a good request that stores one; the login itself changes nothing.
        before.pop("login_nonce")
        after.pop("login_nonce")
    assert after == before


def test_bad_input__cases__enough() -> None:
    """At least forty, each under its own name."""
    names = {case.name for case in CASES}
    assert len(names) == len(CASES) >= 40
