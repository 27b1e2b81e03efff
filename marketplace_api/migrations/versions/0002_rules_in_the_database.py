"""Rules that tables alone cannot state: append-only books that balance, and notifications.

Revision: 0002, after 0001.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("order_log", "match_record", "ledger_posting", "ledger_entry")
NOTIFIED = (
    # table, event, channel, column whose value is sent
    ("outbox", "INSERT", "outbox", "id"),
    ("order_log", "INSERT", "order_log", "sequence"),
    ("lease", "INSERT OR UPDATE OF status", "lease", "id"),
    ("job", "INSERT OR UPDATE OF status, cancel_requested", "job", "id"),
    ("job_log", "INSERT", "job_log", "job_id"),
)


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
                USING ERRCODE = 'integrity_constraint_violation';
        END $$
    """)
    for table in APPEND_ONLY:
        op.execute(f"""
            CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """)
    op.execute("""
        CREATE FUNCTION require_balance() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            off record;
        BEGIN
            SELECT a.asset, sum(e.amount) AS total INTO off
                FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
                WHERE e.posting_id = NEW.posting_id
                GROUP BY a.asset HAVING sum(e.amount) <> 0 LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION 'posting % is off by % %', NEW.posting_id, off.total, off.asset
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NULL;
        END $$
    """)
    # Deferred: the legs of one posting are inserted one after the other.
    op.execute("""
        CREATE CONSTRAINT TRIGGER ledger_entry_balance AFTER INSERT ON ledger_entry
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_balance()
    """)
    op.execute("""
        CREATE FUNCTION notify_column() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            told text;
        BEGIN
            EXECUTE format('SELECT ($1).%I::text', TG_ARGV[1]) INTO told USING NEW;
            PERFORM pg_notify(TG_ARGV[0], told);
            RETURN NULL;
        END $$
    """)
    for table, event, channel, column in NOTIFIED:
        op.execute(f"""
            CREATE TRIGGER {table}_notify AFTER {event} ON {table}
            FOR EACH ROW EXECUTE FUNCTION notify_column('{channel}', '{column}')
        """)


def downgrade() -> None:
    for table, _event, _channel, _column in NOTIFIED:
        op.execute(f"DROP TRIGGER {table}_notify ON {table}")
    op.execute("DROP TRIGGER ledger_entry_balance ON ledger_entry")
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
    op.execute("DROP FUNCTION notify_column, require_balance, refuse_change")
