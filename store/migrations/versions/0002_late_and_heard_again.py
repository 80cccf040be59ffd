"""When a source was told to be late, and when it was heard again"""

import sqlalchemy as sa
from alembic import op

from store.tables import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("monitors", sa.Column("late_told_at", Instant(), nullable=True))
    op.add_column("monitors", sa.Column("heard_again_at", Instant(), nullable=True))
