"""Bids reserve money, cancelled nonces know their epoch, jobs are found by their blobs.

Revision: 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("terms", "max_unsigned", new_column_name="unsigned_intervals")
    op.add_column(
        "cancelled_nonce",
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.drop_constraint("pk_cancelled_nonce", "cancelled_nonce", type_="primary")
    op.create_primary_key("pk_cancelled_nonce", "cancelled_nonce", ["wallet", "epoch", "nonce"])
    op.add_column(
        "orders",
        sa.Column(
            "reserve",
            sa.Numeric(precision=78, scale=0),
            server_default=sa.text("0"),
            nullable=False,
        ),
    )
    op.create_check_constraint(op.f("ck_orders_reserve"), "orders", "reserve >= 0")
    op.create_index("ix_job_inputs", "job", ["inputs"], postgresql_using="gin")
    op.create_index("ix_job_outputs", "job", ["outputs"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("ix_job_outputs", "job")
    op.drop_index("ix_job_inputs", "job")
    op.drop_constraint(op.f("ck_orders_reserve"), "orders", type_="check")
    op.drop_column("orders", "reserve")
    op.drop_constraint("pk_cancelled_nonce", "cancelled_nonce", type_="primary")
    op.drop_column("cancelled_nonce", "epoch")
    op.create_primary_key("pk_cancelled_nonce", "cancelled_nonce", ["wallet", "nonce"])
    op.alter_column("terms", "unsigned_intervals", new_column_name="max_unsigned")
