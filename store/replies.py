"""Answers of people, and the codes by which a text message names its event."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from model.reply import Answer, Reply
from store.portable import upsert
from store.tables import Instant, replies, reply_codes

CODE_LIFE = timedelta(hours=24)
CODE_REST = timedelta(hours=1)  # after it was closed a code is not given again for so long
JUST_CLOSED = timedelta(minutes=2)  # so long a bare 1 may still be meant for the order that was replaced


_ADD = insert(replies)


def add(conn: Connection, reply: Reply) -> None:
    row = {
        "id": reply.id,
        "event_pk": reply.event_pk,
        "revision": reply.revision,
        "person": reply.person,
        "answer": reply.answer,
        "channel": reply.channel,
        "received_at": reply.received_at,
        "attempt_id": reply.attempt_id,
        "said": reply.said,
        "acted_by": reply.by,
    }
    conn.execute(_ADD, row)


_OF_EVENT = (
    select(replies).where(replies.c.event_pk == bindparam("event_pk")).order_by(replies.c.received_at, replies.c.id)
)


def of_event(conn: Connection, event_pk: str) -> list[Reply]:
    """In the order they came."""
    return [_reply(row) for row in conn.execute(_OF_EVENT, {"event_pk": event_pk})]


_ANSWERED = (
    select(replies.c.event_pk, replies.c.revision, replies.c.person)
    .where(replies.c.event_pk.in_(bindparam("event_pks", expanding=True)))
    .distinct()
)


def answered(conn: Connection, event_pks: Collection[str]) -> set[tuple[str, int, str]]:
    """Who has answered which revision of those events, in whatever way."""
    return {tuple(row) for row in conn.execute(_ANSWERED, {"event_pks": sorted(event_pks)})} if event_pks else set()


def of_events(conn: Connection, event_pks: Collection[str]) -> list[Reply]:
    """Of them all, in the order they came."""
    query = select(replies).where(replies.c.event_pk.in_(event_pks)).order_by(replies.c.received_at, replies.c.id)
    return [_reply(row) for row in conn.execute(query)]


def _reply(row: Row[Any]) -> Reply:
    fields = dict(row._mapping)
    fields["by"] = fields.pop("acted_by")
    return Reply(**fields | {"answer": Answer(row.answer)})


class Code(NamedTuple):
    """A code: who answers with it while it is open speaks about this revision of this event."""

    number: str
    code: str
    event_pk: str
    revision: int
    person: str


_CODE = (reply_codes.c.number, reply_codes.c.code, reply_codes.c.event_pk, reply_codes.c.revision, reply_codes.c.person)


_OPEN_THEN = (
    select(*_CODE)
    .where(
        reply_codes.c.number == bindparam("number"),
        reply_codes.c.opened_at <= bindparam("at"),
        or_(reply_codes.c.closed_at.is_(None), reply_codes.c.closed_at > bindparam("at")),
    )
    .order_by(reply_codes.c.opened_at.desc())
)


def open_codes(conn: Connection, number: str, at: datetime) -> list[Code]:
    """The number's codes that were open then, newest first: some of them may be closed by now."""
    return [Code(*row) for row in conn.execute(_OPEN_THEN, {"number": number, "at": at})]


_JUST_CLOSED = (
    select(reply_codes.c.code)
    .where(
        reply_codes.c.number == bindparam("number"),
        reply_codes.c.closed_at <= bindparam("at"),
        reply_codes.c.closed_at > bindparam("since"),
        reply_codes.c.closed_at < reply_codes.c.closes_at,  # not for its age
    )
    .limit(1)
)


def just_closed(conn: Connection, number: str, at: datetime) -> bool:
    """A newer revision or the end of an event had closed one of the number's codes a moment before."""
    asked = {"number": number, "at": at, "since": at - JUST_CLOSED}
    return conn.scalar(_JUST_CLOSED, asked) is not None


_CLOSED_LATELY = (
    select(*_CODE)
    .where(
        reply_codes.c.number == bindparam("number"),
        reply_codes.c.closed_at <= bindparam("at"),
        reply_codes.c.closed_at > bindparam("since"),
        reply_codes.c.closed_at < reply_codes.c.closes_at,  # not for its age
    )
    .order_by(reply_codes.c.closed_at.desc(), reply_codes.c.opened_at.desc())
)


def closed_lately(conn: Connection, number: str, at: datetime) -> list[Code]:
    """The number's codes that a newer revision or the end of an event had closed, the last first; none given again."""
    asked = {"number": number, "at": at, "since": at - CODE_REST}
    return [Code(*row) for row in conn.execute(_CLOSED_LATELY, asked)]


_ANY_OPEN = select(reply_codes.c.code).where(reply_codes.c.closed_at.is_(None)).limit(1)


def any_open(conn: Connection) -> bool:
    """Somebody is asked for an answer by text."""
    return conn.scalar(_ANY_OPEN) is not None


class Codes(NamedTuple):
    """Of one number: its open codes, newest first, and what a new code of it must not be."""

    open: list[Code]
    taken: set[str]


_TAKEN = (
    select(*_CODE, reply_codes.c.closed_at)
    .where(
        reply_codes.c.number.in_(bindparam("numbers", expanding=True)),
        # Somebody may still answer a text whose code was closed lately.
        or_(reply_codes.c.closed_at.is_(None), reply_codes.c.closed_at > bindparam("rested", type_=Instant())),
    )
    .order_by(reply_codes.c.opened_at.desc())
)


def codes_of(conn: Connection, numbers: Collection[str], now: datetime) -> dict[str, Codes]:
    """By number, for each of `numbers`."""
    found = {number: Codes([], set()) for number in numbers}
    if found:
        for *code, closed_at in conn.execute(_TAKEN, {"numbers": list(found), "rested": now - CODE_REST}):
            of_number = found[code[0]]
            of_number.taken.add(code[1])
            if closed_at is None:
                of_number.open.append(Code(*code))
    return found


_OPEN = upsert(reply_codes).on_conflict_do_nothing().returning(*_CODE)


def open_new(conn: Connection, codes: Collection[Code], now: datetime) -> set[Code]:
    """Those that were opened. Of the others somebody else has just opened the same for that number: choose again."""
    if not codes:
        return set()
    opened = [{**code._asdict(), "opened_at": now, "closes_at": now + CODE_LIFE} for code in codes]
    return {Code(*row) for row in conn.execute(_OPEN, opened)}


def close_codes(conn: Connection, event_pk: str, below_revision: int | None, now: datetime) -> None:
    """Close an event's codes: those of earlier revisions, or (None) all."""
    where = reply_codes.c.event_pk == event_pk
    if below_revision is not None:
        where &= reply_codes.c.revision < below_revision
    _close(conn, where, now)


def close_old_codes(conn: Connection, now: datetime) -> None:
    """Close those whose time is over."""
    _close(conn, reply_codes.c.closes_at <= now, now)


def _close(conn: Connection, where: Any, now: datetime) -> None:
    conn.execute(update(reply_codes).where(where, reply_codes.c.closed_at.is_(None)).values(closed_at=now))
