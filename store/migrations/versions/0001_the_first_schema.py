"""The first schema"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from store import partitions
from store.tables import Id, Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:  # noqa: PLR0915 - a table after the other
    # PostgreSQL keeps the two tables that grow most by the month of their ids (store/partitions.py).
    partitioned = op.get_bind().dialect.name == "postgresql"
    by_month: dict[str, Any] = {"postgresql_partition_by": "RANGE (id)"} if partitioned else {}

    op.create_table(
        "bodies",
        sa.Column("id", Id, nullable=False),
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(length=63), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "events",
        sa.Column("pk", Id, nullable=False),
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("answer_revision", sa.Integer(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("deadline_at", Instant(), nullable=False),
        sa.Column("work_until", Instant(), nullable=False),
        sa.Column("route", sa.String(length=63), nullable=False),
        sa.Column("policy", sa.String(length=63), nullable=False),
        sa.Column("team", sa.String(length=63), nullable=False),
        sa.Column("roster_version", sa.Integer(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("source", "event_id"),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(
            "events_open",
            ["pk"],
            unique=False,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )

    op.create_table(
        "keys",
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=63), nullable=True),
        sa.Column("person", sa.String(length=63), nullable=True),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("holder", Id, nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "monitors",
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=True),
        sa.Column("silence_id", sa.Text(), nullable=True),
        sa.Column("late_told_at", Instant(), nullable=True),
        sa.Column("silence_told_at", Instant(), nullable=True),
        sa.Column("heard_again_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "placing_keys",
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "key"),
    )
    op.create_table(
        "rosters",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "voice_in_flight",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("attempt_id", Id, nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("attempt_id"),
    )
    op.create_table(
        "agenda",
        sa.Column("id", Id, nullable=False),
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("asleep", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("brought_by", Id, nullable=True),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("done_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["events.pk"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("agenda", schema=None) as batch_op:
        batch_op.create_index("agenda_by_event", ["event_pk"], unique=False)
        batch_op.create_index(
            "agenda_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(
            "agenda_one_revise",
            ["event_pk"],
            unique=True,
            sqlite_where=sa.text("kind = 'revise' AND state = 'pending'"),
            postgresql_where=sa.text("kind = 'revise' AND state = 'pending'"),
        )

    op.create_table(
        "deliveries",
        sa.Column("id", Id, nullable=False),
        sa.Column("body_id", Id, nullable=False),
        sa.Column("member", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("event_pk", Id, nullable=True),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("native_id", sa.Text(), nullable=True),
        sa.Column("ce_source", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("rings", sa.Boolean(), nullable=True),
        sa.Column("at_risk", sa.Boolean(), nullable=True),
        sa.Column("deadline_at", Instant(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["body_id"],
            ["bodies.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index("deliveries_by_body", ["body_id"], unique=False)
        batch_op.create_index("deliveries_by_event", ["event_pk"], unique=False)

    op.create_table(
        "notifications",
        sa.Column("id", Id, nullable=False),
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("person", sa.String(length=63), nullable=True),
        sa.Column("team", sa.String(length=63), nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("grp", sa.Text(), nullable=False),
        sa.Column("try_no", sa.Integer(), nullable=False),
        sa.Column("follows", Id, nullable=True),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("hold", sa.String(length=24), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_owner", Id, nullable=True),
        sa.Column("look_at", Instant(), nullable=True),
        sa.Column("looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("acknowledged_at", Instant(), nullable=True),
        sa.Column("cut_requested_at", Instant(), nullable=True),
        sa.Column("cut_done_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["events.pk"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_pk", "slot"),
    )
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.create_index("notifications_by_address", ["address"], unique=False)
        batch_op.create_index(
            "notifications_busy",
            ["address"],
            unique=False,
            sqlite_where=sa.text("hold = 'number_busy'"),
            postgresql_where=sa.text("hold = 'number_busy'"),
        )
        batch_op.create_index(
            "notifications_cut",
            ["state"],
            unique=False,
            sqlite_where=sa.text("cut_requested_at IS NOT NULL AND cut_done_at IS NULL"),
            postgresql_where=sa.text("cut_requested_at IS NOT NULL AND cut_done_at IS NULL"),
        )
        batch_op.create_index(
            "notifications_due",
            ["channel", "due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(
            "notifications_look",
            ["look_at"],
            unique=False,
            sqlite_where=sa.text("state = 'unknown'"),
            postgresql_where=sa.text("state = 'unknown'"),
        )
        batch_op.create_index(
            "notifications_next",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(
            "notifications_sending",
            ["event_pk", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'sending'"),
            postgresql_where=sa.text("state = 'sending'"),
        )
        batch_op.create_index(
            "notifications_unmarked",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("channel = 'voice' AND state = 'pending' AND hold IS NULL"),
            postgresql_where=sa.text("channel = 'voice' AND state = 'pending' AND hold IS NULL"),
        )

    op.create_table(
        "replies",
        sa.Column("id", Id, nullable=False),
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=63), nullable=False),
        sa.Column("answer", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("attempt_id", Id, nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("acted_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["events.pk"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("replies", schema=None) as batch_op:
        batch_op.create_index("replies_by_event", ["event_pk"], unique=False)

    op.create_table(
        "reply_codes",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=63), nullable=False),
        sa.Column("closes_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["events.pk"],
        ),
        sa.PrimaryKeyConstraint("number", "code", "opened_at"),
    )
    with op.batch_alter_table("reply_codes", schema=None) as batch_op:
        batch_op.create_index("reply_codes_by_event", ["event_pk"], unique=False)
        batch_op.create_index(
            "reply_codes_closing",
            ["closes_at"],
            unique=False,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )
        batch_op.create_index(
            "reply_codes_open",
            ["number", "code"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "revisions",
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("parsed", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", Id, nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("needs_answer", sa.Boolean(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["events.pk"],
        ),
        sa.PrimaryKeyConstraint("event_pk", "number"),
    )
    op.create_table(
        "slack_threads",
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("vendor_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["events.pk"],
        ),
        sa.PrimaryKeyConstraint("event_pk", "address"),
    )
    op.create_table(
        "timeline",
        sa.Column("n", sa.BigInteger(), sa.Identity()) if partitioned else sa.Column("n", sa.Integer()),
        sa.Column("id", Id, nullable=False),
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("private", sa.Text(), nullable=True),
        sa.Column("private_sha256", sa.String(length=64), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("seal_no", sa.Integer(), nullable=True),
        sa.Column("prev_hash", sa.String(length=64), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["events.pk"],
        ),
        sa.PrimaryKeyConstraint("id" if partitioned else "n"),
        **by_month,
    )
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.create_index("timeline_by_event", ["event_pk", "n"], unique=False)
        batch_op.create_index(
            "timeline_unsealed",
            ["n"],
            unique=False,
            sqlite_where=sa.text("seal_no IS NULL"),
            postgresql_where=sa.text("seal_no IS NULL"),
        )

    op.create_table(
        "unreadables",
        sa.Column("id", Id, nullable=False),
        sa.Column("body_id", Id, nullable=False),
        sa.Column("member", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("told_as", sa.Text(), nullable=True),
        sa.Column("repaired", sa.LargeBinary(), nullable=True),
        sa.Column("replayed_as", Id, nullable=True),
        sa.Column("acted_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["body_id"],
            ["bodies.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("unreadables", schema=None) as batch_op:
        batch_op.create_index("unreadables_by_body", ["body_id"], unique=False)
        batch_op.create_index("unreadables_by_state", ["state", "id"], unique=False)

    op.create_table(
        "verdicts",
        sa.Column("id", Id, nullable=False),
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=63), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["events.pk"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("verdicts", schema=None) as batch_op:
        batch_op.create_index("verdicts_by_event", ["event_pk"], unique=False)

    op.create_table(
        "attempts",
        sa.Column("id", Id, nullable=False),
        sa.Column("notification_id", Id, nullable=False),
        sa.Column("event_pk", Id, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("template", sa.String(length=63), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("vendor_id", sa.Text(), nullable=True),
        sa.Column("vendor_at", Instant(), nullable=True),
        sa.Column("vendor_body", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["events.pk"],
        ),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        **by_month,
    )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.create_index("attempts_by_address", ["address", "started_at"], unique=False)
        batch_op.create_index("attempts_by_event", ["event_pk"], unique=False)
        batch_op.create_index("attempts_by_notification", ["notification_id"], unique=False)

    op.create_table(
        "notification_events",
        sa.Column("notification_id", Id, nullable=False),
        sa.Column("event_pk", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["events.pk"],
        ),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
        ),
        sa.PrimaryKeyConstraint("notification_id", "event_pk"),
    )
    with op.batch_alter_table("notification_events", schema=None) as batch_op:
        batch_op.create_index("notification_events_by_event", ["event_pk"], unique=False)

    op.create_table(
        "receipts",
        sa.Column("attempt_id", Id, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("vendor_at", Instant(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("raw", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"],
            ["attempts.id"],
        ),
        sa.PrimaryKeyConstraint("attempt_id", "kind", "sequence"),
    )
    op.create_table(
        "paces",
        sa.Column("key", sa.String(length=63), nullable=False),
        sa.Column("free_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    if partitioned:
        op.create_index("timeline_by_n", "timeline", ["n"])
        for table in partitions.TABLES:
            op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")
        partitions.make(op.get_bind(), op.get_bind().execute(sa.select(sa.func.now())).scalar_one())
