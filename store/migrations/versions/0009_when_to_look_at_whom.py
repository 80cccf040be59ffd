"""When to look at whom"""

import sqlalchemy as sa
from alembic import op

from store.tables import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("monitors", sa.Column("due_at", Instant()))
    op.add_column("monitors", sa.Column("quiet", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("monitors_by_due", "monitors", ["due_at"])
