"""Every signed version of a transaction is listed, the first one too.

Revision: 0008, after 0007.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LISTED = """
UPDATE chain_transaction
SET attempts = jsonb_build_array(jsonb_build_object(
    'hash', hash,
    'max_fee', max_fee::text,
    'max_priority_fee', max_priority_fee::text,
    'at', extract(epoch FROM coalesce(sent_at, created_at))::bigint
))
WHERE hash IS NOT NULL AND attempts = '[]'::jsonb
"""


def upgrade() -> None:
    """What is on its way is replaced, and found again, by its list."""
    op.execute(LISTED)


def downgrade() -> None:
    """Nothing read the list before."""
