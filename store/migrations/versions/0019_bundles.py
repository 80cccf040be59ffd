"""Bundles"""

import sqlalchemy as sa
from alembic import op

from store.tables import Id

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notifications", sa.Column("carried_by", Id, nullable=True))
    op.add_column("attempts", sa.Column("bundle", sa.Boolean(), nullable=False, server_default=sa.false()))
    carried = sa.text("carried_by IS NOT NULL")
    op.create_index(
        "notifications_carried", "notifications", ["carried_by"], sqlite_where=carried, postgresql_where=carried
    )
