"""Stored answers keep the order of their keys.

Revision: 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column(
        "idempotency_key",
        "response",
        type_=sa.JSON(),
        postgresql_using="response::json",
    )


def downgrade() -> None:
    op.alter_column(
        "idempotency_key",
        "response",
        type_=postgresql.JSONB(),
        postgresql_using="response::jsonb",
    )
