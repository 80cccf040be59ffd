"""Who picked up a call, and calls of which nobody has said so"""

import sqlalchemy as sa
from alembic import op

from store.tables import Id, Instant

revision = "0025"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("receipts", sa.Column("by_machine", sa.Boolean(), nullable=True))
    op.create_table(
        "pick_ups",
        sa.Column("attempt_id", Id, nullable=False),
        sa.Column("ended_at", Instant(), nullable=False),
        sa.Column("ask_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_pick_ups")),
    )
