"""Ping links"""

import sqlalchemy as sa
from alembic import op

from store.tables import Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ping_links",
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_ping_links")),
        sa.UniqueConstraint("sha256", name=op.f("uq_ping_links_sha256")),
    )
