"""Statements add up what the books say."""

from __future__ import annotations

import csv
import io

from sqlalchemy import text

from marketplace_api.db import session_scope
from marketplace_api.models import LedgerAccount, LedgerEntry, LedgerPosting
from tests.marketplace_api.market import Actor, Market

TOKEN = "payment_token"


class Books:
    """A hand that posts as settlement does."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.at = 1000
        self._accounts: dict[tuple[str, str, str], int] = {}

    def post(self, kind: str, *legs: tuple[str, str, str, int], reverses: int | None = None) -> int:
        """One posting; legs are owner, kind of account, asset, amount."""
        self.at += 10
        with session_scope() as session:
            posting = LedgerPosting(
                key=f"{kind}:{self.at}", kind=kind, at=self.at, transaction="0x" + "11" * 32,
                reverses=reverses,
            )  # fmt: skip
            session.add(posting)
            session.flush()
            for owner, account, asset, amount in legs:
                account_id = self._account(owner, account, asset)
                session.add(
                    LedgerEntry(posting_id=posting.id, account_id=account_id, amount=amount)
                )
            session.flush()
            session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            return posting.id

    def _account(self, owner: str, kind: str, asset: str) -> int:
        key = (owner, kind, asset)
        if key not in self._accounts:
            with session_scope() as session:
                row = LedgerAccount(owner=owner, kind=kind, asset=asset)
                session.add(row)
                session.flush()
                self._accounts[key] = row.id
        return self._accounts[key]


def life(market: Market, buyer: Actor, seller: Actor) -> int:
    """Deposit, fill, payment with fee, closing; the id of the payment."""
    books, treasury = Books(market), market.deployment.treasury
    me, him = buyer.address, seller.address
    books.post("deposited", (me, "outside", TOKEN, -1000), (me, "balance", TOKEN, 1000))
    books.post(
        "filled",
        (me, "balance", TOKEN, -400), (me, "escrow", TOKEN, 400),
        (him, "issued", "gpu_ms", -72_000), (me, "units", "gpu_ms", 72_000),
    )  # fmt: skip
    paid = books.post(
        "redeemed",
        (me, "escrow", TOKEN, -300), (him, "balance", TOKEN, 297), (treasury, "balance", TOKEN, 3),
    )  # fmt: skip
    books.post(
        "closed",
        (me, "escrow", TOKEN, -100), (me, "balance", TOKEN, 100),
        (me, "units", "gpu_ms", -72_000), (him, "used", "gpu_ms", 54_000),
        (him, "unused", "gpu_ms", 18_000),
    )  # fmt: skip
    return paid


class TestStatement:
    """What each party reads."""

    def test_statement__buyer__paid_and_refunded(self, market: Market) -> None:
        """Deposit less what was used."""
        buyer, seller = market.join(), market.join()
        life(market, buyer, seller)
        found = buyer.get("/v1/statements/me").json()
        assert found["balances"]["payment_token"] == {"opening": "0", "closing": "700"}
        assert found["balances"]["escrow"] == {"opening": "0", "closing": "0"}
        assert found["totals"] == {"paid": "300", "refunded": "100", "fee": "0", "earned": "0"}
        assert len(found["lines"]) == 8

    def test_statement__provider__earned_and_fee(self, market: Market) -> None:
        """What it was paid, and what was taken from it."""
        buyer, seller = market.join(), market.join()
        life(market, buyer, seller)
        found = seller.get("/v1/statements/me").json()
        assert found["balances"]["payment_token"] == {"opening": "0", "closing": "297"}
        assert found["totals"] == {"paid": "0", "refunded": "0", "fee": "3", "earned": "297"}

    def test_statement__period__opening_is_what_was_before(self, market: Market) -> None:
        """[from, to) of the block's time."""
        buyer = market.join()
        life(market, buyer, market.join())
        found = buyer.get("/v1/statements/me", **{"from": 1030, "to": 1040}).json()
        assert found["balances"]["payment_token"] == {"opening": "600", "closing": "600"}
        assert found["balances"]["escrow"] == {"opening": "400", "closing": "100"}
        assert [(line["kind"], line["amount"]) for line in found["lines"]] == [("redeemed", "-300")]

    def test_statement__reversed_by_a_reorg__nets_out(self, market: Market) -> None:
        """A payment that left the chain is not counted, its lines stay."""
        buyer, seller = market.join(), market.join()
        paid = life(market, buyer, seller)
        books, treasury = Books(market), market.deployment.treasury
        books.at = 5000
        with session_scope() as session:
            rows = session.execute(text("SELECT owner, kind, asset, id FROM ledger_account")).all()
            books._accounts = {(r.owner, r.kind, r.asset): r.id for r in rows}
        books.post(
            "reversed",
            (buyer.address, "escrow", TOKEN, 300), (seller.address, "balance", TOKEN, -297),
            (treasury, "balance", TOKEN, -3), reverses=paid,
        )  # fmt: skip
        found = seller.get("/v1/statements/me").json()
        assert found["totals"] == {"paid": "0", "refunded": "0", "fee": "0", "earned": "0"}
        assert [line["kind"] for line in found["lines"] if line["asset"] == TOKEN] == [
            "redeemed", "reversed",
        ]  # fmt: skip

    def test_statement__csv__same_lines(self, market: Market) -> None:
        """For a spreadsheet."""
        buyer = market.join()
        life(market, buyer, market.join())
        answer = buyer.get("/v1/statements/me.csv")
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        lines = buyer.get("/v1/statements/me").json()["lines"]
        assert [row["amount"] for row in rows] == [line["amount"] for line in lines]
