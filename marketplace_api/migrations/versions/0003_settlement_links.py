"""Which transaction serves an outbox row, and which series a ledger account belongs to.

Revision: 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "ledger_account",
        sa.Column(
            "series",
            sa.Numeric(precision=78, scale=0),
            server_default=sa.text("0"),
            nullable=False,
        ),
    )
    op.drop_constraint("uq_ledger_account_owner_kind_asset", "ledger_account", type_="unique")
    op.create_unique_constraint(
        "uq_ledger_account_owner_kind_asset_series",
        "ledger_account",
        ["owner", "kind", "asset", "series"],
    )
    op.add_column("outbox", sa.Column("transaction_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_outbox_transaction_id", "outbox", "chain_transaction", ["transaction_id"], ["id"]
    )
    op.create_index("ix_outbox_transaction_id", "outbox", ["transaction_id"])


def downgrade() -> None:
    op.drop_index("ix_outbox_transaction_id", "outbox")
    op.drop_constraint("fk_outbox_transaction_id", "outbox", type_="foreignkey")
    op.drop_column("outbox", "transaction_id")
    op.drop_constraint(
        "uq_ledger_account_owner_kind_asset_series", "ledger_account", type_="unique"
    )
    op.create_unique_constraint(
        "uq_ledger_account_owner_kind_asset", "ledger_account", ["owner", "kind", "asset"]
    )
    op.drop_column("ledger_account", "series")
