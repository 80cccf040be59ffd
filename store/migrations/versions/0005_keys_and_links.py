"""Keys that end, have two secrets for a while, and tell when they were used; secret addresses of
calendars; numbers that were verified"""

import sqlalchemy as sa
from alembic import op

from store.tables import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("keys", sa.Column("expires_at", Instant(), nullable=True))
    op.add_column("keys", sa.Column("former_sha256", sa.String(length=64), nullable=True))
    op.add_column("keys", sa.Column("former_until", Instant(), nullable=True))
    op.create_table(
        "key_uses",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("used_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "calendar_links",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_table(
        "contacts",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("code_sha256", sa.String(length=64), nullable=True),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("day_since", Instant(), nullable=True),
        sa.Column("day_codes", sa.Integer(), nullable=False),
        sa.Column("verified_at", Instant(), nullable=True),
        sa.Column("verified_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("address"),
    )
