"""Numbered messages, and what is talked back to sources"""

import sqlalchemy as sa
from alembic import op

from store.tables import Id, Instant

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sequences",
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("highest", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_sequences")),
    )
    op.create_table(
        "holes",
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.Text(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("told_at", Instant(), nullable=True),
        sa.Column("said", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", "first", name=op.f("pk_holes")),
    )
    op.create_table(
        "outcome_calls",
        sa.Column("id", Id, nullable=False),
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("over_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["event_pk"], ["events.pk"], name=op.f("fk_outcome_calls_event_pk_events")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outcome_calls")),
    )
    op.create_index("outcome_calls_by_event", "outcome_calls", ["event_pk"])
    waiting = sa.text("state = 'waiting'")
    op.create_index("outcome_calls_due", "outcome_calls", ["due_at"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_table(
        "histories",
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("asked_until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_histories")),
    )
