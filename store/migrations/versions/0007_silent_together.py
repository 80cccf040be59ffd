"""Silent together"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("monitors", sa.Column("folded_into", sa.Text()))
    op.add_column("monitors", sa.Column("to_tell", sa.Text()))
