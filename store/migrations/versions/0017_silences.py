"""Silences"""

import sqlalchemy as sa
from alembic import op

from store.tables import Id, Instant

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "silences",
        sa.Column("id", Id, nullable=False),
        sa.Column("noise", sa.Text(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("over_told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
    )
    op.create_index("silences_by_until", "silences", ["until"])
    op.create_table(
        "silence_holds",
        sa.Column("silence_id", Id, nullable=False),
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["event_pk"], ["events.pk"], name=op.f("fk_silence_holds_event_pk_events")),
        sa.ForeignKeyConstraint(["silence_id"], ["silences.id"], name=op.f("fk_silence_holds_silence_id_silences")),
        sa.PrimaryKeyConstraint("silence_id", "event_pk", "revision", name=op.f("pk_silence_holds")),
    )
    op.create_index("silence_holds_by_event", "silence_holds", ["event_pk"])
