"""Canaries"""

import sqlalchemy as sa
from alembic import op

from store.tables import Id, Instant

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "canaries",
        sa.Column("id", Id, nullable=False),
        sa.Column("sent_at", Instant(), nullable=False),
        sa.Column("received_at", Instant(), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("told_at", Instant(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canaries")),
    )
    op.create_index("canaries_by_sent_at", "canaries", ["sent_at"])
    waiting = sa.text("decided_at IS NOT NULL AND told_at IS NULL")
    op.create_index("canaries_waiting", "canaries", ["id"], sqlite_where=waiting, postgresql_where=waiting)
