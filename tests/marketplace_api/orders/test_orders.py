"""Orders from acceptance to cancel, and the public log."""

from __future__ import annotations

from contracts.protocol.eip712 import digest
from contracts.protocol.keys import recover
from contracts.protocol.typed_data import AcknowledgedAction, Acknowledgement, Bid
from contracts.protocol.wire import from_wire, parse_hex, to_hex, to_wire
from marketplace_api.db import session_scope
from marketplace_api.models import Account
from tests.marketplace_api.market import CLASS, CLASS_HASH, PRICE, Market


class TestAccept:
    """A good order."""

    def test_accept__bid__acknowledged_by_the_operator(self, market: Market) -> None:
        """The signed word names digest, action, sequence and time."""
        market.supplier()
        buyer = market.buyer()
        bid = market.bid(buyer)
        answer = buyer.post("/v1/orders/bids", market.signed(bid, buyer.signer))
        body = answer.json()
        assert (answer.status_code, body["status"], body["leases"]) == (201, "open", [])
        assert body["digest"] == market.digest(bid)
        self._check(market, body, AcknowledgedAction.ACCEPTED)

    def test_cancel__own_bid__acknowledged_and_repeatable(self, market: Market) -> None:
        """A second cancel gives the same word."""
        market.supplier()
        buyer = market.buyer()
        bid = market.post_bid(buyer)
        first = buyer.post(f"/v1/orders/{bid}/cancel").json()
        self._check(market, first, AcknowledgedAction.CANCELLED)
        assert buyer.post(f"/v1/orders/{bid}/cancel").json() == first
        view = buyer.get(f"/v1/orders/{bid}").json()
        assert (view["status"], view["cancellation"]) == ("cancelled", first["acknowledgement"])

    def test_accept__open_bids__reserve_until_cancelled(self, market: Market) -> None:
        """What open bids may cost is not free; a cancel frees it."""
        market.supplier()
        buyer = market.buyer(balance=60_000)
        bid = market.post_bid(buyer)
        account = buyer.get("/v1/accounts/me").json()
        assert (account["balance"], account["reserved"], account["free"]) == (
            "60000", "40000", "20000",
        )  # fmt: skip
        refused = buyer.post(
            "/v1/orders/bids", market.signed(market.bid(buyer), buyer.signer)
        ).json()
        assert refused["code"] == "insufficient-balance"
        buyer.post(f"/v1/orders/{bid}/cancel")
        market.post_bid(buyer)

    def test_accept__epoch_raised__nonces_begin_again(self, market: Market) -> None:
        """A nonce of an older epoch may be used anew."""
        market.supplier()
        buyer = market.join()
        account = Account(wallet=buyer.address, balance=10**9, epoch=0)
        market.add(account)
        market.post_bid(buyer, nonce=0)
        account.epoch = 1
        market.add(account)
        market.post_bid(buyer, nonce=0, epoch=1)
        assert buyer.get("/v1/accounts/me").json()["next_nonce"] == "1"

    @staticmethod
    def _check(market: Market, body: dict, action: AcknowledgedAction) -> None:  # type: ignore[type-arg]
        word = from_wire(Acknowledgement, body["acknowledgement"]["acknowledgement"])
        assert (to_hex(word.order), word.action, word.at) == (
            body["digest"], action.value, market.now,
        )  # fmt: skip
        signature = parse_hex(body["acknowledgement"]["signature"], "signature")
        signer = recover(digest(word, market.deployment.market_domain), signature)
        assert signer == market.operator.address == body["acknowledgement"]["signer"]


class TestIdempotency:
    """The same request twice."""

    def test_idempotency__same_key_same_body__stored_answer(self, market: Market) -> None:
        """Byte for byte, and marked as a replay; even after the order expired."""
        market.supplier()
        buyer = market.buyer()
        body = market.signed(market.bid(buyer), buyer.signer)
        first = buyer.post("/v1/orders/bids", body, key="a")
        market.clock.advance(400)
        again = buyer.post("/v1/orders/bids", body, key="a")
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert "Idempotent-Replay" not in first.headers
        assert again.headers["Idempotent-Replay"] == "true"
        assert len(buyer.get("/v1/orders").json()) == 1

    def test_idempotency__refused_first__key_may_try_again(self, market: Market) -> None:
        """A refusal stores nothing."""
        market.supplier()
        buyer = market.buyer(balance=0)
        body = market.signed(market.bid(buyer), buyer.signer)
        assert buyer.post("/v1/orders/bids", body, key="a").status_code == 409
        self._fund(market, buyer.address)
        assert buyer.post("/v1/orders/bids", body, key="a").status_code == 201

    def test_idempotency__other_wallet__own_keys(self, market: Market) -> None:
        """Keys of two wallets have nothing to do with each other."""
        market.supplier()
        for buyer in (market.buyer(), market.buyer()):
            body = market.signed(market.bid(buyer), buyer.signer)
            assert buyer.post("/v1/orders/bids", body, key="a").status_code == 201

    @staticmethod
    def _fund(market: Market, wallet: str) -> None:
        with session_scope() as session:
            session.get_one(Account, wallet).balance = 10**9


class TestLog:
    """What everybody may read."""

    def test_log__entries__verifiable_by_anybody(self, market: Market) -> None:
        """Order, signature and digest fit; cancels follow; pages go on where they ended."""
        supplier, buyer = market.supplier(), market.buyer()
        ask, bid = market.post_ask(supplier), market.post_bid(buyer)
        buyer.post(f"/v1/orders/{bid}/cancel")
        page = market.http.get("/v1/order-log", params={"limit": 2}).json()
        rest = market.http.get("/v1/order-log", params={"after": page["next_after"]}).json()
        entries = page["entries"] + rest["entries"]
        assert [(e["kind"], e["digest"]) for e in entries] == [
            ("ask", ask), ("bid", bid), ("cancel", bid),
        ]  # fmt: skip
        order = from_wire(Bid, entries[1]["order"])
        found = digest(order, market.deployment.market_domain)
        assert to_hex(found) == bid
        assert recover(found, parse_hex(entries[1]["signature"], "s")) == buyer.address
        assert to_wire(order) == entries[1]["order"]

    def test_book__asks__cheapest_first_with_what_is_free(self, market: Market) -> None:
        """Price, then time; free milli is what no lease takes."""
        cheap, dear = market.supplier(devices=2), market.supplier()
        second = market.post_ask(dear)
        first = market.post_ask(cheap, price_per_gpu_hour=PRICE - 1000)
        market.post_bid(market.buyer())
        market.matcher()
        book = market.http.get("/v1/book", params={"device_class": CLASS}).json()
        assert [(a["digest"], a["free_milli"]) for a in book["asks"]] == [
            (first, 1000), (second, 1000),
        ]  # fmt: skip
        assert book["asks"][0]["price_per_gpu_hour"] == str(PRICE - 1000)
        assert CLASS_HASH != book["device_class"] == CLASS
