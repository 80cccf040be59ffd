"""The trace of a revision"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("revisions", sa.Column("trace", sa.String(length=55), nullable=False, server_default=sa.text("''")))
