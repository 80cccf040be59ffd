"""Missing coverage that is told"""

import sqlalchemy as sa
from alembic import op

from store.tables import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shortfalls",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("rotation", sa.String(length=63), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.Column("seen_until", Instant(), nullable=False),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.Column("to_tell", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("event_id"),
    )
