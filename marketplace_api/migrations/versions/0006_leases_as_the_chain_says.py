"""Leases of orders that were never posted here; a lease is looked at when its window is over.

Revision: 0006, after 0005.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KINDS = ("device.attest", "lease.fill", "voucher.redeem", "lease.close")


def upgrade() -> None:
    op.drop_constraint(op.f("fk_lease_ask_digest"), "lease", type_="foreignkey")
    op.drop_constraint(op.f("fk_lease_bid_digest"), "lease", type_="foreignkey")
    _allow_kinds((*_KINDS, "lease.end"))


def downgrade() -> None:
    op.execute("DELETE FROM outbox WHERE kind = 'lease.end'")
    _allow_kinds(_KINDS)
    # Fails while leases of unknown orders stand: their money is real, nothing may delete them.
    op.create_foreign_key(
        op.f("fk_lease_bid_digest"), "lease", "orders", ["bid_digest"], ["digest"]
    )
    op.create_foreign_key(
        op.f("fk_lease_ask_digest"), "lease", "orders", ["ask_digest"], ["digest"]
    )


def _allow_kinds(kinds: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_outbox_outboxkind"), "outbox", type_="check")
    names = ", ".join(f"'{kind}'" for kind in kinds)
    op.create_check_constraint(op.f("ck_outbox_outboxkind"), "outbox", f"kind IN ({names})")
