"""What was heard from each source, whether its silence is being told, and when somebody must look at it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, and_, bindparam, case, func, or_, select, update

from model.monitor import Monitor, MonitorStatus
from model.roster import OWN_SOURCE
from store.portable import upsert
from store.tables import monitors

_AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)  # whatever anybody's clock says
_EVERY = select(monitors)
_OF = select(monitors).where(monitors.c.source.in_(bindparam("sources", expanding=True)))
_DUE = select(monitors).where(or_(monitors.c.due_at <= bindparam("now"), monitors.c.source == OWN_SOURCE))
_NEW = upsert(monitors)
_SEEN = _NEW.on_conflict_do_update(
    index_elements=["source"],
    set_={
        # Never earlier than what is known, unless that has not come yet.
        "last_seen_at": case(
            (
                and_(monitors.c.last_seen_at > _NEW.excluded.last_seen_at, monitors.c.last_seen_at <= bindparam("now")),
                monitors.c.last_seen_at,
            ),
            else_=_NEW.excluded.last_seen_at,
        ),
        "due_at": case((monitors.c.quiet, _NEW.excluded.due_at), else_=monitors.c.due_at),
    },
)
_LOOK_NEXT = (
    update(monitors)
    .where(monitors.c.source == bindparam("of"), monitors.c.last_seen_at == bindparam("as_of"))
    .values(due_at=bindparam("at"), quiet=bindparam("is_quiet"))
)
_SET_STATUS = (
    update(monitors)
    .where(monitors.c.source.in_(bindparam("sources", expanding=True)))
    .values(status=bindparam("status"))
)
_SETTLE = (
    update(monitors)
    .where(monitors.c.source == bindparam("of"), monitors.c.silence_id == bindparam("silence"))
    .values(
        status=MonitorStatus.UP,
        **dict.fromkeys(("silence_id", "late_told_at", "silence_told_at", "heard_again_at", "folded_into", "to_tell")),
    )
)


class Decision(NamedTuple):
    """What will be said of a source: that it is late, silent, or heard again, decided at these instants.

    `to_tell`: the words, where they cannot be made again.
    """

    source: str
    silence_id: str
    late_told_at: datetime | None = None
    silence_told_at: datetime | None = None
    heard_again_at: datetime | None = None
    to_tell: str | None = None


_DECIDE = _NEW.on_conflict_do_update(
    index_elements=["source"],
    set_={n: func.coalesce(monitors.c[n], _NEW.excluded[n]) for n in Decision._fields if n != "source"},
).returning(*monitors.c)


class NextLook(NamedTuple):
    """When to look at the source again, by what was known of it: it was heard at `as_of`."""

    source: str
    as_of: datetime
    at: datetime | None
    quiet: bool


def note_seen(conn: Connection, seen: Mapping[str, datetime], now: datetime) -> None:
    """Keep when each source was last heard. Who is new, or was quiet, is to be looked at; others can wait."""
    if seen:  # in one order, so that two processes never wait for each other
        first = {"status": MonitorStatus.UP, "due_at": _AT_ONCE, "quiet": False, "now": now}
        conn.execute(
            _SEEN,
            [{"source": source, "last_seen_at": at, **first} for source, at in sorted(seen.items())],
        )


def every(conn: Connection) -> dict[str, Monitor]:
    return {row["source"]: _monitor(row) for row in conn.execute(_EVERY).mappings()}


def of(conn: Connection, sources: Collection[str]) -> dict[str, Monitor]:
    """Those of them of which something is written down."""
    return {row["source"]: _monitor(row) for row in conn.execute(_OF, {"sources": list(sources)}).mappings()}


def due(conn: Connection, now: datetime) -> dict[str, Monitor]:
    """Those at which somebody must look by now; and our own."""
    return {row["source"]: _monitor(row) for row in conn.execute(_DUE, {"now": now}).mappings()}


def look_next(conn: Connection, looks: Sequence[NextLook]) -> None:
    """Not for those that were heard meanwhile: they stay as due as they are."""
    rows = [
        {"of": look.source, "as_of": look.as_of, "at": look.at, "is_quiet": look.quiet}
        for look in sorted(looks, key=lambda look: look.source)
    ]
    if rows:
        conn.execute(_LOOK_NEXT, rows)


def _monitor(row: RowMapping) -> Monitor:
    found: dict[str, Any] = dict(row)
    return Monitor(**found | {"status": MonitorStatus(found["status"])})


def decide(conn: Connection, decisions: Sequence[Decision]) -> dict[str, Monitor]:
    """Keep what will be said of each source. What was decided first stays: a repeat must say the same.

    Returns what holds, by source: somebody may have decided it before.
    """
    if not decisions:
        return {}
    first = {"status": MonitorStatus.NEW, "quiet": False}
    rows = [decision._asdict() | first for decision in sorted(decisions, key=lambda one: one.source)]
    return {row["source"]: _monitor(row) for row in conn.execute(_DECIDE, rows).mappings()}


def hold_back(conn: Connection, silences: Mapping[str, str], folded_into: str) -> None:
    """These sources are silent, and that alarm says so. `silences`: the id of each one's own."""
    for source, silence_id in sorted(silences.items()):
        monitor = {"silence_id": silence_id, "folded_into": folded_into, "status": MonitorStatus.SILENT}
        conn.execute(update(monitors).where(monitors.c.source == source).values(**monitor))


def hear_most_again(conn: Connection, silence_id: str) -> None:
    """The end of that alarm is published: who is silent still has an alarm of its own from now on."""
    settle(conn, {OWN_SOURCE: silence_id})
    held_back = monitors.c.folded_into == silence_id
    conn.execute(update(monitors).where(held_back).values(status=MonitorStatus.LATE, folded_into=None))


def set_status(conn: Connection, sources: Collection[str], status: MonitorStatus) -> None:
    """After it was published."""
    conn.execute(_SET_STATUS, {"sources": list(sources), "status": status})


def settle(conn: Connection, silences: Mapping[str, str]) -> None:
    """The end of these silences is published, by source; nothing of them is kept here."""
    conn.execute(_SETTLE, [{"of": source, "silence": silence_id} for source, silence_id in sorted(silences.items())])
