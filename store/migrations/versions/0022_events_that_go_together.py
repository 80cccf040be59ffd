"""Events that go together"""

import sqlalchemy as sa
from alembic import op

from store.tables import Id

revision = "0022"
down_revision = "0020"
branch_labels = None
depends_on = None

_LEADING = sa.text("status = 'open' AND merge_key <> '' AND leader_pk IS NULL")
_LED = sa.text("leader_pk IS NOT NULL")


def upgrade() -> None:
    op.add_column("events", sa.Column("merge_key", sa.String(length=64), nullable=False, server_default=sa.text("''")))
    op.add_column("events", sa.Column("leader_pk", Id))
    for name, columns, rows in (
        ("events_leading", ["source", "merge_key"], _LEADING),
        ("events_led", ["leader_pk"], _LED),
    ):
        op.create_index(name, "events", columns, sqlite_where=rows, postgresql_where=rows)
