"""Every table. Instants are microseconds since 1970 UTC, values of the model are JSON text, ids are UUIDv7."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnClause,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    literal_column,
    text,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Since 1970."""
    return (at - _EPOCH) // _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, exact to the microsecond, that sorts as a number on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


metadata = MetaData()


# Ids sort by their bytes on every database: month partitions and pages rely on it.
Id = String(36).with_variant(String(36, collation="C"), "postgresql")
# SQLite counts rows by itself only in a column of type INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")

# The event's one unclaimed wish to be looked at again (design section 1.2).
ONE_REVISE = text("kind = 'revise' AND state = 'pending'")
# Events that another one may go with.
LEADING = text("status = 'open' AND merge_key <> '' AND leader_pk IS NULL")
# One of our own that a notifier has to take: hardly ever more than one.
WAITING_CANARY = text("decided_at IS NOT NULL AND told_at IS NULL")


def said(value: str) -> ColumnClause[str]:
    """A word of the model that stands in the statement itself: only then is an index `_of` such rows taken."""
    return literal_column(f"'{value}'", String)


def _of(name: str, *columns: str, rows: str, unique: bool = False) -> Index:
    """An index of those rows only. Of millions the loops look for a few, and finished rows cost nothing here.

    How they were chosen: docs/operating.md, `python -m bench plans`.
    """
    return Index(name, *columns, unique=unique, sqlite_where=text(rows), postgresql_where=text(rows))


def _id(name: str = "id") -> Column[str]:
    return Column(name, Id, primary_key=True)


def _event() -> Column[str]:
    return Column("event_pk", Id, ForeignKey("events.pk"), nullable=False)


rosters = Table(
    "rosters",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("created_at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("document", Text, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("source", String(63)),
    Column("person", String(63)),
    Column("demo", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("former_sha256", String(64)),
    Column("former_until", Instant),
)

# When a secret last opened something; noted now and then. Beside the keys, which are looked at each second.
key_uses = Table(
    "key_uses",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("used_at", Instant, nullable=False),
)

# Numbers and Slack users by themselves: the code that was sent there, and whether somebody said it back.
contacts = Table(
    "contacts",
    metadata,
    Column("address", Text, primary_key=True),
    Column("code_sha256", String(64)),
    Column("sent_at", Instant),
    Column("tries_left", Integer, nullable=False),
    Column("day_since", Instant),
    Column("day_codes", Integer, nullable=False),
    Column("verified_at", Instant),
    Column("verified_by", Text, nullable=False),
)

# Secret addresses of calendars, by the hash of the secret; at most one of each rotation and person.
ping_links = Table(
    "ping_links",
    metadata,
    Column("source", String(63), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("made_at", Instant, nullable=False),
    Column("made_by", Text, nullable=False),
)

# Calls by `gridcall ring`: of no event, so they have no attempt.
rings = Table(
    "rings",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("person", String(63), nullable=False, index=True),
    Column("started_at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("rang_at", Instant),
    Column("answered_at", Instant),
    Column("confirmed_at", Instant),
    Column("ended_at", Instant),
    Column("outcome", Text, nullable=False),
)

calendar_links = Table(
    "calendar_links",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("made_at", Instant, nullable=False),
    Column("made_by", Text, nullable=False),
)

# One row for each entry of the roster, or key, that a save changed. Never deleted.
audit = Table(
    "audit",
    metadata,
    Column("n", Number, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("key_id", String(63)),
    Column("person", String(63)),
    Column("what", Text, nullable=False),
    Column("change", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("reason", Text, nullable=False),
    Column("roster_version", Integer, nullable=False),
)

# One POST as it came, whole. Several deliveries (members of a list) may point to one body.
bodies = Table(
    "bodies",
    metadata,
    _id(),
    Column("source", String(63), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("headers", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("key_id", String(63)),
    Column("request_id", String(64), nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("answered_at", Instant),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    Column("body_id", Id, ForeignKey("bodies.id"), nullable=False),
    Column("member", Integer, nullable=False),
    Column("source", String(63), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("event_pk", Id),
    Column("event_id", Text),
    Column("revision", Integer),
    Column("native_id", Text),
    Column("ce_source", Text),
    Column("detail", Text, nullable=False),
    Column("rings", Boolean),
    Column("at_risk", Boolean),
    Column("deadline_at", Instant),
    Column("digest", String(64)),
    Index("deliveries_by_event", "event_pk"),
    Index("deliveries_by_body", "body_id"),
)

placing_keys = Table(
    "placing_keys",
    metadata,
    Column("source", String(63), primary_key=True),
    Column("key", Text, primary_key=True),
)

events = Table(
    "events",
    metadata,
    _id("pk"),
    Column("source", String(63), nullable=False),
    Column("event_id", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("answer_revision", Integer, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("deadline_at", Instant, nullable=False),
    Column("work_until", Instant, nullable=False),
    Column("route", String(63), nullable=False),
    Column("policy", String(63), nullable=False),
    Column("team", String(63), nullable=False),
    Column("roster_version", Integer, nullable=False),
    Column("also", Text, nullable=False, server_default="[]"),  # [[route, team, policy], ...]
    Column("closed_at", Instant),
    Column("merge_key", String(64), nullable=False, server_default=text("''")),
    Column("leader_pk", Id),  # no foreign key: it may be over, and deleted, long before those it rang for
    UniqueConstraint("source", "event_id"),
    _of("events_open", "pk", rows="status = 'open'"),
    _of("events_leading", "source", "merge_key", rows=LEADING.text),
    _of("events_led", "leader_pk", rows="leader_pk IS NOT NULL"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("event_pk", Id, ForeignKey("events.pk"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("content", Text, nullable=False),
    Column("parsed", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("delivery_id", Id, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("needs_answer", Boolean, nullable=False),
    Column("changes", Text, nullable=False),
    Column("trace", String(55), nullable=False, server_default=text("''")),  # W3C traceparent
)

notifications = Table(
    "notifications",
    metadata,
    _id(),
    _event(),
    Column("revision", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("address", Text, nullable=False),
    Column("person", String(63)),
    Column("team", String(63)),
    Column("step", Integer, nullable=False),
    Column("grp", Text, nullable=False),
    Column("try_no", Integer, nullable=False),
    Column("follows", Id),
    Column("lane", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("details", Text, nullable=False),
    Column("slot", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("hold", String(24)),
    Column("reason", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("lease_owner", Id),
    Column("look_at", Instant),
    Column("looks", Integer, nullable=False, server_default=text("0")),
    Column("sent_at", Instant),
    Column("delivered_at", Instant),
    Column("answered_at", Instant),
    Column("acknowledged_at", Instant),
    Column("cut_requested_at", Instant),
    Column("cut_done_at", Instant),
    Column("carried_by", Id),
    UniqueConstraint("event_pk", "slot"),
    Index("notifications_by_address", "address"),
    _of("notifications_due", "channel", "due_at", rows="state = 'pending'"),
    _of("notifications_next", "due_at", rows="state = 'pending'"),
    _of("notifications_unmarked", "due_at", rows="channel = 'voice' AND state = 'pending' AND hold IS NULL"),
    _of("notifications_busy", "address", rows="hold = 'number_busy'"),
    _of("notifications_sending", "event_pk", "id", rows="state = 'sending'"),
    _of("notifications_look", "look_at", rows="state = 'unknown'"),
    _of("notifications_cut", "state", rows="cut_requested_at IS NOT NULL AND cut_done_at IS NULL"),
    _of("notifications_carried", "carried_by", rows="carried_by IS NOT NULL"),
)

notification_events = Table(
    "notification_events",
    metadata,
    Column("notification_id", Id, ForeignKey("notifications.id"), primary_key=True),
    Column("event_pk", Id, ForeignKey("events.pk"), primary_key=True),
    Index("notification_events_by_event", "event_pk"),
)

agenda = Table(
    "agenda",
    metadata,
    _id(),
    _event(),
    Column("kind", String(16), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("asleep", Boolean, nullable=False),
    Column("cause", Text, nullable=False),
    Column("brought_by", Id),
    Column("slot", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("done_at", Instant),
    _of("agenda_due", "due_at", rows="state = 'pending'"),
    Index("agenda_by_event", "event_pk"),
    _of("agenda_one_revise", "event_pk", unique=True, rows=ONE_REVISE.text),
)

attempts = Table(
    "attempts",
    metadata,
    _id(),
    Column("notification_id", Id, ForeignKey("notifications.id"), nullable=False),
    _event(),
    Column("channel", String(16), nullable=False),
    Column("address", Text, nullable=False),
    Column("part", Integer, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("words", Text, nullable=False),
    Column("template", String(63), nullable=False),
    Column("payload", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("state", String(16), nullable=False),
    Column("vendor_id", Text),
    Column("vendor_at", Instant),
    Column("vendor_body", Text),
    Column("error", Text, nullable=False),
    Column("bundle", Boolean, nullable=False, server_default=false()),
    Index("attempts_by_notification", "notification_id"),
    Index("attempts_by_event", "event_pk"),
    Index("attempts_by_address", "address", "started_at"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("attempt_id", Id, ForeignKey("attempts.id"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("received_at", Instant, nullable=False),
    Column("vendor_at", Instant),
    Column("code", Text),
    Column("raw", Text),
    Column("by_machine", Boolean),
)

# Calls of which nobody has said who picked up: the vendor is asked.
pick_ups = Table(
    "pick_ups",
    metadata,
    _id("attempt_id"),
    Column("ended_at", Instant, nullable=False),
    Column("ask_at", Instant, nullable=False),
)

voice_in_flight = Table(
    "voice_in_flight",
    metadata,
    Column("number", Text, primary_key=True),
    Column("attempt_id", Id, nullable=False, unique=True),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
)

# When an account may be used next, over all processes.
paces = Table(
    "paces",
    metadata,
    Column("key", String(63), primary_key=True),
    Column("free_at", Instant, nullable=False),
)

reply_codes = Table(
    "reply_codes",
    metadata,
    Column("number", Text, primary_key=True),
    Column("code", String(3), primary_key=True),
    Column("opened_at", Instant, primary_key=True),
    _event(),
    Column("revision", Integer, nullable=False),
    Column("person", String(63), nullable=False),
    Column("closes_at", Instant, nullable=False),
    Column("closed_at", Instant),
    _of("reply_codes_open", "number", "code", unique=True, rows="closed_at IS NULL"),
    _of("reply_codes_closing", "closes_at", rows="closed_at IS NULL"),
    Index("reply_codes_by_event", "event_pk"),
)

replies = Table(
    "replies",
    metadata,
    _id(),
    _event(),
    Column("revision", Integer, nullable=False),
    Column("person", String(63), nullable=False),
    Column("answer", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("attempt_id", Id),
    Column("said", Text, nullable=False),
    Column("acted_by", Text, nullable=False),
    Index("replies_by_event", "event_pk"),
)

# The answer to the issuer, given elsewhere and noted here.
issuer_acks = Table(
    "issuer_acks",
    metadata,
    _id(),
    _event(),
    Column("revision", Integer, nullable=False),
    Column("person", String(63), nullable=False),
    Column("at", Instant, nullable=False),
    Column("how", String(16), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("acted_by", Text, nullable=False),
    Index("issuer_acks_by_event", "event_pk"),
)

verdicts = Table(
    "verdicts",
    metadata,
    _id(),
    _event(),
    Column("revision", Integer, nullable=False),
    Column("person", String(63)),
    Column("outcome", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("verdicts_by_event", "event_pk"),
)

# Plain appends; the sealer gives committed rows of an event their place in its chain (store/seal.py).
# On PostgreSQL `timeline` and `attempts` are partitioned by the month of their ids (store/partitions.py), so there the
# primary key of both is `id`; `n` comes from a sequence, and a number may become visible after a higher one.
timeline = Table(
    "timeline",
    metadata,
    Column("n", Number, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False),
    _event(),
    Column("at", Instant, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("private", Text),
    Column("private_sha256", String(64), nullable=False),
    Column("salt", String(32), nullable=False),
    Column("seal_no", Integer),
    Column("prev_hash", String(64)),
    Column("hash", String(64)),
    Index("timeline_by_event", "event_pk", "n"),
    Index("timeline_by_n", "n").ddl_if(dialect="postgresql"),  # on SQLite `n` is the primary key
    _of("timeline_unsealed", "n", rows="seal_no IS NULL"),
)

unreadables = Table(
    "unreadables",
    metadata,
    _id(),
    Column("body_id", Id, ForeignKey("bodies.id"), nullable=False),
    Column("member", Integer, nullable=False),
    Column("source", String(63), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("count", Integer, nullable=False),
    Column("problems", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("told_as", Text),
    Column("told_at", Instant),
    Column("more", Integer, nullable=False),
    Column("repaired", LargeBinary),
    Column("replayed_as", Id),
    Column("acted_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("unreadables_by_state", "state", "id"),
    Index("unreadables_by_body", "body_id"),
    Index("unreadables_once", "source", "sha256", "member", unique=True),
    Index("unreadables_by_told", "source", "told_at"),
)

slack_threads = Table(
    "slack_threads",
    metadata,
    Column("event_pk", Id, ForeignKey("events.pk"), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("vendor_id", Text, nullable=False),
)

monitors = Table(
    "monitors",
    metadata,
    Column("source", String(63), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("last_seen_at", Instant),
    Column("silence_id", Text),
    Column("late_told_at", Instant),
    Column("silence_told_at", Instant),
    Column("heard_again_at", Instant),
    Column("folded_into", Text),
    Column("to_tell", Text),
    Column("due_at", Instant),
    Column("quiet", Boolean, nullable=False, server_default=false()),
    Index("monitors_by_due", "due_at"),
)

# Of sources that number their messages: the highest number that came, and what is missing below it.
sequences = Table(
    "sequences",
    metadata,
    Column("source", String(63), primary_key=True),
    Column("highest", BigInteger, nullable=False),
)

holes = Table(
    "holes",
    metadata,
    Column("source", String(63), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("missing", Text, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("told", Text),
    Column("told_at", Instant),
    Column("said", Boolean, nullable=False),
)

# What sources are told of their events.
outcome_calls = Table(
    "outcome_calls",
    metadata,
    _id(),
    _event(),
    Column("source", String(63), nullable=False),
    Column("body", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("over_at", Instant),
    Index("outcome_calls_by_event", "event_pk"),
    _of("outcome_calls_due", "due_at", rows="state = 'waiting'"),
)

# Until when a source was asked for what we missed.
histories = Table(
    "histories",
    metadata,
    Column("source", String(63), primary_key=True),
    Column("asked_until", Instant, nullable=False),
)

listening = Table(
    "listening",
    metadata,
    Column("process", Id, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("ended", Boolean, nullable=False),
)

shortfalls = Table(
    "shortfalls",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("rotation", String(63), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("hours", Text, nullable=False),
    Column("seen_until", Instant, nullable=False),
    Column("over", Boolean, nullable=False),
    Column("to_tell", Text),
)

maintenance = Table(
    "maintenance",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source", String(63), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Index("maintenance_by_until", "until"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("holder", Id, nullable=False),
    Column("until", Instant, nullable=False),
)

# Which message of a source had the sender's key first. Of no event: it is forgotten long before.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("source", String(63), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_id", Id, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Index("idempotency_keys_by_received_at", "received_at"),
)

canaries = Table(
    "canaries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("sent_at", Instant, nullable=False),
    Column("received_at", Instant),
    Column("decided_at", Instant),
    Column("told_at", Instant),
    Column("failure", Text, nullable=False),
    Index("canaries_by_sent_at", "sent_at"),
    _of("canaries_waiting", "id", rows=WAITING_CANARY.text),
)

silences = Table(
    "silences",
    metadata,
    _id(),
    Column("noise", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("told", Boolean, nullable=False),
    Column("over_told", Boolean, nullable=False),
    Index("silences_by_until", "until"),
)

silence_holds = Table(
    "silence_holds",
    metadata,
    Column("silence_id", Id, ForeignKey("silences.id"), primary_key=True),
    Column("event_pk", Id, ForeignKey("events.pk"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Index("silence_holds_by_event", "event_pk"),
)
