"""First schema.

Revision: 0001, the first.
"""

# ruff: noqa: PLR0915 -- generated, one statement per table

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column(
            "balance",
            sa.Numeric(precision=78, scale=0),
            server_default=sa.text("0"),
            nullable=False,
        ),
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("delegate", sa.String(length=42), nullable=True),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_account_balance")),
        sa.PrimaryKeyConstraint("wallet", name=op.f("pk_account")),
    )
    op.create_table(
        "blob",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("uploader", sa.String(length=42), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("size >= 0", name=op.f("ck_blob_size")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_blob")),
    )
    op.create_table(
        "cancelled_nonce",
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("nonce", sa.Numeric(precision=78, scale=0), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("wallet", "nonce", name=op.f("pk_cancelled_nonce")),
    )
    op.create_table(
        "chain_block",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("parent_hash", sa.String(length=66), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_chain_block")),
        sa.UniqueConstraint("hash", name=op.f("uq_chain_block_hash")),
    )
    op.create_table(
        "chain_cursor",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.String(length=66), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chain_cursor")),
    )
    op.create_table(
        "chain_transaction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.Column("signer", sa.String(length=42), nullable=False),
        sa.Column("to", sa.String(length=42), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column(
            "value", sa.Numeric(precision=78, scale=0), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("nonce", sa.BigInteger(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "queued",
                "signed",
                "mined",
                "confirmed",
                "reverted",
                "refused",
                name="transactionstatus",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.String(length=66), nullable=True),
        sa.Column("max_fee", sa.Numeric(precision=78, scale=0), nullable=True),
        sa.Column("max_priority_fee", sa.Numeric(precision=78, scale=0), nullable=True),
        sa.Column("gas", sa.BigInteger(), nullable=True),
        sa.Column(
            "attempts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.String(length=66), nullable=True),
        sa.Column("gas_used", sa.BigInteger(), nullable=True),
        sa.Column("gas_price", sa.Numeric(precision=78, scale=0), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("nonce IS NULL OR nonce >= 0", name=op.f("ck_chain_transaction_nonce")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_transaction")),
        sa.UniqueConstraint("hash", name=op.f("uq_chain_transaction_hash")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_chain_transaction_idempotency_key")),
        sa.UniqueConstraint("signer", "nonce", name=op.f("uq_chain_transaction_signer_nonce")),
    )
    op.create_index(
        op.f("ix_chain_transaction_block_number"),
        "chain_transaction",
        ["block_number"],
        unique=False,
    )
    op.create_index(
        op.f("ix_chain_transaction_status"), "chain_transaction", ["status"], unique=False
    )
    op.create_table(
        "device_class",
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_device_class")),
        sa.UniqueConstraint("name", name=op.f("uq_device_class_name")),
    )
    op.create_table(
        "idempotency_key",
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=False),
        sa.Column("response", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("wallet", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index(
        op.f("ix_idempotency_key_created_at"), "idempotency_key", ["created_at"], unique=False
    )
    op.create_table(
        "ledger_account",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("asset", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_account")),
        sa.UniqueConstraint(
            "owner", "kind", "asset", name=op.f("uq_ledger_account_owner_kind_asset")
        ),
    )
    op.create_table(
        "login_nonce",
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=42), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_login_nonce")),
    )
    op.create_index(op.f("ix_login_nonce_expires_at"), "login_nonce", ["expires_at"], unique=False)
    op.create_table(
        "order_log",
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "ask",
                "bid",
                "cancel",
                name="logkind",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("digest", sa.String(length=66), nullable=False),
        sa.Column("maker", sa.String(length=42), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("signature", sa.String(length=132), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_order_log")),
        sa.UniqueConstraint("kind", "digest", name=op.f("uq_order_log_kind_digest")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "device.attest",
                "lease.fill",
                "voucher.redeem",
                "lease.close",
                name="outboxkind",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "available_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["available_at", "id"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL AND failed_at IS NULL"),
    )
    op.create_table(
        "provider",
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("agent", sa.String(length=42), nullable=True),
        sa.Column("name", sa.String(length=64), server_default="", nullable=False),
        sa.Column("region", sa.String(length=32), server_default="", nullable=False),
        sa.Column(
            "bond", sa.Numeric(precision=78, scale=0), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("bond >= 0", name=op.f("ck_provider_bond")),
        sa.PrimaryKeyConstraint("wallet", name=op.f("pk_provider")),
        sa.UniqueConstraint("agent", name=op.f("uq_provider_agent")),
    )
    op.create_table(
        "service_heartbeat",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_service_heartbeat")),
    )
    op.create_table(
        "terms",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("device_class", sa.String(length=66), nullable=False),
        sa.Column("isolation", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("reservation_fee_bps", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sla_credit_bps", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("notice", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("interruptible", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("receipt_interval", sa.Integer(), server_default=sa.text("10"), nullable=False),
        sa.Column("max_unsigned", sa.Integer(), server_default=sa.text("3"), nullable=False),
        sa.Column("fee_bps", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("arbiter_set", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("isolation BETWEEN 1 AND 5", name=op.f("ck_terms_isolation")),
        sa.CheckConstraint("step BETWEEN 1 AND 1000", name=op.f("ck_terms_step")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_terms")),
    )
    op.create_index(op.f("ix_terms_provider"), "terms", ["provider"], unique=False)
    op.create_table(
        "wallet_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_wallet_session")),
    )
    op.create_index(
        op.f("ix_wallet_session_expires_at"), "wallet_session", ["expires_at"], unique=False
    )
    op.create_table(
        "blob_owner",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["blob.sha256"], name=op.f("fk_blob_owner_sha256")),
        sa.PrimaryKeyConstraint("sha256", "wallet", name=op.f("pk_blob_owner")),
    )
    op.create_table(
        "chain_event",
        sa.Column("block_hash", sa.String(length=66), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.Column("log_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.String(length=42), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("args", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["block_number"],
            ["chain_block.number"],
            name=op.f("fk_chain_event_block_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("block_hash", "tx_hash", "log_index", name=op.f("pk_chain_event")),
    )
    op.create_index(
        op.f("ix_chain_event_block_number"), "chain_event", ["block_number"], unique=False
    )
    op.create_index(op.f("ix_chain_event_name"), "chain_event", ["name"], unique=False)
    op.create_table(
        "device",
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("uuid", sa.String(length=96), nullable=True),
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("device_class", sa.String(length=66), nullable=False),
        sa.Column("milli", sa.Integer(), server_default=sa.text("1000"), nullable=False),
        sa.Column("lane_milli", sa.Integer(), server_default=sa.text("1000"), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("attested_until", sa.BigInteger(), nullable=True),
        sa.Column("evidence", sa.String(length=66), nullable=True),
        sa.Column("healthy", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("milli >= 0 AND lane_milli >= 0", name=op.f("ck_device_milli")),
        sa.ForeignKeyConstraint(["provider"], ["provider.wallet"], name=op.f("fk_device_provider")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_device")),
    )
    op.create_index(op.f("ix_device_provider"), "device", ["provider"], unique=False)
    op.create_table(
        "inventory",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("agent", sa.String(length=42), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("inventory", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("signature", sa.String(length=132), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "received",
                "attested",
                "refused",
                name="inventorystatus",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["provider"], ["provider.wallet"], name=op.f("fk_inventory_provider")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory")),
        sa.UniqueConstraint("provider", "sequence", name=op.f("uq_inventory_provider_sequence")),
    )
    op.create_table(
        "orders",
        sa.Column("digest", sa.String(length=66), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "ask", "bid", name="orderside", native_enum=False, create_constraint=True, length=16
            ),
            nullable=False,
        ),
        sa.Column("maker", sa.String(length=42), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("nonce", sa.Numeric(precision=78, scale=0), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "matched",
                "filled",
                "cancelled",
                "expired",
                "failed",
                name="orderstatus",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("device_class", sa.String(length=66), nullable=False),
        sa.Column("terms", sa.BigInteger(), nullable=True),
        sa.Column("price_per_gpu_hour", sa.Numeric(precision=78, scale=0), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("acknowledgement", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("cancellation", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("price_per_gpu_hour > 0", name=op.f("ck_orders_price")),
        sa.ForeignKeyConstraint(
            ["sequence"], ["order_log.sequence"], name=op.f("fk_orders_sequence")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_orders")),
        sa.UniqueConstraint("maker", "epoch", "nonce", name=op.f("uq_orders_maker_epoch_nonce")),
        sa.UniqueConstraint("sequence", name=op.f("uq_orders_sequence")),
    )
    op.create_index(op.f("ix_orders_maker_sequence"), "orders", ["maker", "sequence"], unique=False)
    op.create_index(
        op.f("ix_orders_status_deadline"), "orders", ["status", "deadline"], unique=False
    )
    op.create_table(
        "lease",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bid_digest", sa.String(length=66), nullable=False),
        sa.Column("ask_digest", sa.String(length=66), nullable=False),
        sa.Column("series", sa.Numeric(precision=78, scale=0), nullable=False),
        sa.Column("terms", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=42), nullable=False),
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("device_class", sa.String(length=66), nullable=False),
        sa.Column("isolation", sa.Integer(), nullable=False),
        sa.Column("milli", sa.Integer(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("ticks", sa.BigInteger(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "active",
                "closing",
                "closed",
                "failed",
                name="leasestatus",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("used_gpu_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "paid", sa.Numeric(precision=78, scale=0), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "fee", sa.Numeric(precision=78, scale=0), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "refunded",
            sa.Numeric(precision=78, scale=0),
            server_default=sa.text("0"),
            nullable=False,
        ),
        sa.Column("fill_transaction", sa.String(length=66), nullable=True),
        sa.Column("redeem_transaction", sa.String(length=66), nullable=True),
        sa.Column("close_transaction", sa.String(length=66), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint('"end" > start', name=op.f("ck_lease_window")),
        sa.CheckConstraint("milli > 0 AND units > 0 AND ticks > 0", name=op.f("ck_lease_size")),
        sa.CheckConstraint(
            "used_gpu_ms >= 0 AND paid >= 0 AND fee >= 0 AND refunded >= 0",
            name=op.f("ck_lease_amounts"),
        ),
        sa.ForeignKeyConstraint(
            ["ask_digest"], ["orders.digest"], name=op.f("fk_lease_ask_digest")
        ),
        sa.ForeignKeyConstraint(
            ["bid_digest"], ["orders.digest"], name=op.f("fk_lease_bid_digest")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
        sa.UniqueConstraint("bid_digest", name=op.f("uq_lease_bid_digest")),
    )
    op.create_index(
        op.f("ix_lease_holder_created_at"), "lease", ["holder", "created_at"], unique=False
    )
    op.create_index(op.f("ix_lease_provider_status"), "lease", ["provider", "status"], unique=False)
    op.create_index(
        "uq_lease_series_holder",
        "lease",
        ["series", "holder"],
        unique=True,
        postgresql_where=sa.text("status <> 'failed'"),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lease_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("argv", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("env", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("limits", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "outputs",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "queued",
                "assigned",
                "running",
                "succeeded",
                "failed",
                "lost",
                "cancelled",
                name="jobstatus",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.Enum(
                "exit",
                "oom",
                "wall",
                "output",
                "disk",
                "killed",
                "gpu-lost",
                "lease-end",
                name="exitreason",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=True,
        ),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("cpu_milliseconds", sa.BigInteger(), nullable=True),
        sa.Column(
            "cancel_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column("log_size", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("log_size >= 0", name=op.f("ck_job_log_size")),
        sa.ForeignKeyConstraint(["lease_id"], ["lease.id"], name=op.f("fk_job_lease_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index(
        op.f("ix_job_lease_id_created_at"), "job", ["lease_id", "created_at"], unique=False
    )
    op.create_table(
        "ledger_posting",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("transaction", sa.String(length=66), nullable=True),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("reverses", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["lease_id"], ["lease.id"], name=op.f("fk_ledger_posting_lease_id")
        ),
        sa.ForeignKeyConstraint(
            ["reverses"], ["ledger_posting.id"], name=op.f("fk_ledger_posting_reverses")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_posting")),
        sa.UniqueConstraint("key", name=op.f("uq_ledger_posting_key")),
        sa.UniqueConstraint("reverses", name=op.f("uq_ledger_posting_reverses")),
    )
    op.create_index(op.f("ix_ledger_posting_at"), "ledger_posting", ["at"], unique=False)
    op.create_index(
        op.f("ix_ledger_posting_lease_id"), "ledger_posting", ["lease_id"], unique=False
    )
    op.create_table(
        "match_record",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("log_sequence", sa.BigInteger(), nullable=False),
        sa.Column("bid_digest", sa.String(length=66), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fill", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("lease_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["lease_id"], ["lease.id"], name=op.f("fk_match_record_lease_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_match_record")),
        sa.UniqueConstraint("bid_digest", name=op.f("uq_match_record_bid_digest")),
        sa.UniqueConstraint("lease_id", name=op.f("uq_match_record_lease_id")),
    )
    op.create_table(
        "receipt",
        sa.Column("lease_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("receipt", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("struct_hash", sa.String(length=66), nullable=False),
        sa.Column("used_gpu_ms", sa.BigInteger(), nullable=False),
        sa.Column("interval_start", sa.BigInteger(), nullable=False),
        sa.Column("interval_end", sa.BigInteger(), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("signature", sa.String(length=132), nullable=False),
        sa.Column("voucher_signature", sa.String(length=132), nullable=False),
        sa.Column("holder_signature", sa.String(length=132), nullable=True),
        sa.Column("samples", sa.String(length=64), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("countersigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("interval_end >= interval_start", name=op.f("ck_receipt_interval")),
        sa.CheckConstraint("sequence >= 1", name=op.f("ck_receipt_sequence")),
        sa.CheckConstraint("used_gpu_ms >= 0", name=op.f("ck_receipt_used")),
        sa.ForeignKeyConstraint(["lease_id"], ["lease.id"], name=op.f("fk_receipt_lease_id")),
        sa.ForeignKeyConstraint(["samples"], ["blob.sha256"], name=op.f("fk_receipt_samples")),
        sa.PrimaryKeyConstraint("lease_id", "sequence", name=op.f("pk_receipt")),
        sa.UniqueConstraint("struct_hash", name=op.f("uq_receipt_struct_hash")),
    )
    op.create_table(
        "job_log",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_log_job_id")),
        sa.PrimaryKeyConstraint("job_id", "offset", name=op.f("pk_job_log")),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("posting_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=78, scale=0), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entry_amount")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["ledger_account.id"], name=op.f("fk_ledger_entry_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"], ["ledger_posting.id"], name=op.f("fk_ledger_entry_posting_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
    )
    op.create_index(
        op.f("ix_ledger_entry_account_id"), "ledger_entry", ["account_id"], unique=False
    )
    op.create_index(
        op.f("ix_ledger_entry_posting_id"), "ledger_entry", ["posting_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_ledger_entry_posting_id"), table_name="ledger_entry")
    op.drop_index(op.f("ix_ledger_entry_account_id"), table_name="ledger_entry")
    op.drop_table("ledger_entry")
    op.drop_table("job_log")
    op.drop_table("receipt")
    op.drop_table("match_record")
    op.drop_index(op.f("ix_ledger_posting_lease_id"), table_name="ledger_posting")
    op.drop_index(op.f("ix_ledger_posting_at"), table_name="ledger_posting")
    op.drop_table("ledger_posting")
    op.drop_index(op.f("ix_job_lease_id_created_at"), table_name="job")
    op.drop_table("job")
    op.drop_index(
        "uq_lease_series_holder", table_name="lease", postgresql_where=sa.text("status <> 'failed'")
    )
    op.drop_index(op.f("ix_lease_provider_status"), table_name="lease")
    op.drop_index(op.f("ix_lease_holder_created_at"), table_name="lease")
    op.drop_table("lease")
    op.drop_index(op.f("ix_orders_status_deadline"), table_name="orders")
    op.drop_index(op.f("ix_orders_maker_sequence"), table_name="orders")
    op.drop_table("orders")
    op.drop_table("inventory")
    op.drop_index(op.f("ix_device_provider"), table_name="device")
    op.drop_table("device")
    op.drop_index(op.f("ix_chain_event_name"), table_name="chain_event")
    op.drop_index(op.f("ix_chain_event_block_number"), table_name="chain_event")
    op.drop_table("chain_event")
    op.drop_table("blob_owner")
    op.drop_index(op.f("ix_wallet_session_expires_at"), table_name="wallet_session")
    op.drop_table("wallet_session")
    op.drop_index(op.f("ix_terms_provider"), table_name="terms")
    op.drop_table("terms")
    op.drop_table("service_heartbeat")
    op.drop_table("provider")
    op.drop_index(
        "ix_outbox_open",
        table_name="outbox",
        postgresql_where=sa.text("done_at IS NULL AND failed_at IS NULL"),
    )
    op.drop_table("outbox")
    op.drop_table("order_log")
    op.drop_index(op.f("ix_login_nonce_expires_at"), table_name="login_nonce")
    op.drop_table("login_nonce")
    op.drop_table("ledger_account")
    op.drop_index(op.f("ix_idempotency_key_created_at"), table_name="idempotency_key")
    op.drop_table("idempotency_key")
    op.drop_table("device_class")
    op.drop_index(op.f("ix_chain_transaction_status"), table_name="chain_transaction")
    op.drop_index(op.f("ix_chain_transaction_block_number"), table_name="chain_transaction")
    op.drop_table("chain_transaction")
    op.drop_table("chain_cursor")
    op.drop_table("chain_block")
    op.drop_table("cancelled_nonce")
    op.drop_table("blob")
    op.drop_table("account")
