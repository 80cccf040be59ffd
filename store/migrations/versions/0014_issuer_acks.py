"""What people told the issuer"""

import sqlalchemy as sa
from alembic import op

from store.tables import Id, Instant

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "issuer_acks",
        sa.Column("id", Id, nullable=False),
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=63), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("acted_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event_pk"], ["events.pk"], name=op.f("fk_issuer_acks_event_pk_events")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issuer_acks")),
    )
    op.create_index("issuer_acks_by_event", "issuer_acks", ["event_pk"])
