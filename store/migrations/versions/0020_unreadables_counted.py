"""What cannot be read is kept once for each body, and counted"""

import sqlalchemy as sa
from alembic import op

from store.tables import Instant

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_FILL = """
    UPDATE unreadables SET
        sha256 = (SELECT bodies.sha256 FROM bodies WHERE bodies.id = unreadables.body_id),
        last_at = received_at,
        told_at = CASE WHEN told_as IS NULL THEN NULL ELSE received_at END
"""
_COUNT = """
    UPDATE unreadables SET (count, last_at) = (
        SELECT count(*), max(same.last_at) FROM unreadables AS same
        WHERE same.source = unreadables.source AND same.sha256 = unreadables.sha256 AND same.member = unreadables.member
    )
"""
# The first of the same stays; one that waits for a person goes before one that is done with.
_DROP = """
    DELETE FROM unreadables WHERE id <> (
        SELECT same.id FROM unreadables AS same
        WHERE same.source = unreadables.source AND same.sha256 = unreadables.sha256 AND same.member = unreadables.member
        ORDER BY same.state, same.id LIMIT 1
    )
"""


def upgrade() -> None:
    op.add_column("unreadables", sa.Column("sha256", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("unreadables", sa.Column("last_at", Instant(), nullable=False, server_default="0"))
    op.add_column("unreadables", sa.Column("count", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("unreadables", sa.Column("told_at", Instant()))
    op.add_column("unreadables", sa.Column("more", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("unreadables", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
    for statement in (_FILL, _COUNT, _DROP):
        op.execute(statement)
    op.create_index("unreadables_once", "unreadables", ["source", "sha256", "member"], unique=True)
    op.create_index("unreadables_by_told", "unreadables", ["source", "told_at"])
