"""Idempotency keys"""

import sqlalchemy as sa
from alembic import op

from store.tables import Id, Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_id", Id, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("idempotency_keys_by_received_at", "idempotency_keys", ["received_at"])
