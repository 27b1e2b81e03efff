"""Rules that the database enforces by itself, and the migrations that put them there."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace_api import outbox
from marketplace_api.db import session_scope
from marketplace_api.embedded.postgres import ensure_database
from marketplace_api.migrations import config_for
from marketplace_api.models import LedgerAccount, LedgerEntry, LedgerPosting, OutboxKind
from tests.marketplace_api.market import Market


class TestMigrations:
    """The schema is what the models say, up and down."""

    def test_migrations__check__no_drift(self, engine: Engine) -> None:
        """`alembic check` on a migrated database."""
        from alembic import command

        with engine.connect() as connection:
            command.check(config_for(connection))

    def test_migrations__down_and_up__works(self, database_url: str) -> None:
        """Every revision can be undone."""
        from alembic import command

        engine = create_engine(ensure_database(database_url, "migrations"))
        with engine.connect() as connection:
            config = config_for(connection)
            command.upgrade(config, "head")
            command.downgrade(config, "base")
            command.upgrade(config, "head")
            connection.commit()
        engine.dispose()


class TestAppendOnly:
    """What is written stays."""

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE order_log SET maker = 'x'",
            "DELETE FROM order_log",
            "TRUNCATE order_log CASCADE",
            "UPDATE ledger_entry SET amount = 1",
            "DELETE FROM ledger_posting",
            "DELETE FROM match_record",
        ],
    )
    def test_append_only__change__refused(self, connection: Connection, statement: str) -> None:
        """Even for the owner of the tables."""
        with pytest.raises(IntegrityError, match="is append-only"), connection.begin_nested():
            connection.execute(text(statement))


class TestBalance:
    """Postings sum to zero in each asset."""

    @pytest.mark.parametrize(
        ("legs", "balanced"),
        [
            ((("payment_token", 5), ("payment_token", -5)), True),
            ((("payment_token", 5), ("payment_token", -4)), False),
            ((("payment_token", 5), ("gpu_ms", -5)), False),
            ((("payment_token", 5),), False),
        ],
    )
    def test_balance__posting__zero_or_refused(
        self, connection: Connection, legs: tuple[tuple[str, int], ...], balanced: bool
    ) -> None:
        """Checked when the transaction ends."""
        with session_scope() as session:
            self._post(session, legs)
            if balanced:
                session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
                return
            with pytest.raises(IntegrityError, match="is off by"), session.begin_nested():
                session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            session.rollback()

    @staticmethod
    def _post(session: Session, legs: tuple[tuple[str, int], ...]) -> None:
        posting = LedgerPosting(key="k", kind="test", at=1)
        session.add(posting)
        for index, (asset, amount) in enumerate(legs):
            account = LedgerAccount(owner=str(index), kind="test", asset=asset)
            session.add(account)
            session.flush()
            session.add(LedgerEntry(posting_id=posting.id, account_id=account.id, amount=amount))
        session.flush()

    def test_money__float__refused_before_the_database(self, connection: Connection) -> None:
        """Money is an integer, never something near it."""
        entry = LedgerEntry(posting_id=1, account_id=1, amount=1.5)
        with pytest.raises(Exception, match="an int is needed"), session_scope() as session:
            session.add(entry)


class TestOutbox:
    """Work is claimed by one, finished once."""

    def test_outbox__same_key__enqueued_once(self, market: Market) -> None:
        """The second time nothing happens."""
        with session_scope() as session:
            first = outbox.enqueue(session, OutboxKind.LEASE_CLOSE, "k", {"lease_id": "1"})
            again = outbox.enqueue(session, OutboxKind.LEASE_CLOSE, "k", {"lease_id": "1"})
        assert first is not None
        assert again is None

    def test_outbox__claim__held_until_finished_or_handed_back(self, market: Market) -> None:
        """A claimed row is nobody else's; retried later, then done for good."""
        with session_scope() as session:
            outbox.enqueue(session, OutboxKind.LEASE_CLOSE, "k", {"lease_id": "1"})
            (task,) = outbox.claim(session, 10, 60)
            assert (task.kind, task.payload, task.attempts) == (
                OutboxKind.LEASE_CLOSE, {"lease_id": "1"}, 1,
            )  # fmt: skip
            assert outbox.claim(session, 10, 60) == []
            outbox.retry_later(session, task.id, -1, "try again")
            (again,) = outbox.claim(session, 10, 60)
            assert (again.id, again.attempts) == (task.id, 2)
            outbox.finish(session, task.id)
            assert outbox.load_open(session, task.id) is None
            outbox.reopen_key(session, "k")
            assert outbox.load_open(session, task.id) is not None
            outbox.give_up(session, task.id, "hopeless")
            assert outbox.load_open(session, task.id) is None
