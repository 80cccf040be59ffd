"""What an event's timeline holds, compared with the tables that people are shown: messages, revisions, words, answers.

Only what stands in both is compared. What retention blanks (addresses, what vendors sent) the timeline does not hold.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, Select, Table, bindparam, select

from store.codec import canonical, mapping, plain, sha256
from store.portable import portions
from store.tables import attempts, bodies, deliveries, issuer_acks, replies, revisions, verdicts

POSTS_AT_ONCE = 50  # each may have the size of the largest body that is taken
_COMPARED = {"attempt_started", "received", "reply", "verdict", "issuer_ack"}


class Difference(NamedTuple):
    """`seal_no`: the row of the timeline that says otherwise, None where none speaks of it (or it is not sealed)."""

    seal_no: int | None
    why: str


class _Said(NamedTuple):
    """A row of the timeline. `what`: its body, {} for one that was made unreadable."""

    seal_no: int | None
    at: datetime
    what: Mapping[str, Any]


class _Kind(NamedTuple):
    """A kind of row that says all that a row of another table does.

    `kept`: columns named as the timeline names them, `row_at` being the time of its row. `noun`: what people call it.
    """

    noun: str
    kept: Select[Any]


_PK: BindParameter[str] = bindparam("event_pk")


def _kind(noun: str, table: Table, same: Collection[str], **named: str) -> _Kind:
    """`same`: columns that have the timeline's name; `named`: of others the timeline's name, and their own."""
    columns = [*(table.c[name] for name in same), *(table.c[own].label(name) for name, own in named.items())]
    return _Kind(noun, select(*columns).where(table.c.event_pk == _PK))


_KINDS = {
    "reply": _kind(
        "reply",
        replies,
        ("person", "answer", "channel", "revision", "said"),
        by="acted_by",
        attempt="attempt_id",
        row_at="received_at",
    ),
    "verdict": _kind("verdict", verdicts, ("person", "outcome", "reason", "revision"), row_at="at"),
    "issuer_ack": _kind(
        "note that the issuer was told",
        issuer_acks,
        ("person", "how", "evidence", "revision"),
        told_at="at",
        by="acted_by",
        row_at="received_at",
    ),
    "received": _kind(
        "revision",
        revisions,
        ("changes", "content"),
        revision="number",
        content_sha256="digest",
        delivery="delivery_id",
        row_at="received_at",
    ),
}
_OF_CONTENT = ("message_type", "mode", "headline")
_CONTENTS = select(revisions.c.number, revisions.c.content).where(revisions.c.event_pk == _PK)
_WORDS = select(attempts.c.id, attempts.c.words)
_OWN_WORDS = _WORDS.where(attempts.c.event_pk == _PK)
_OTHERS_WORDS = _WORDS.where(attempts.c.id.in_(bindparam("ids", expanding=True)))
_POSTS = (
    select(deliveries.c.id, bodies.c.body, bodies.c.sha256)
    .join(bodies, bodies.c.id == deliveries.c.body_id)
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)))
)


def differences(conn: Connection, event_pk: str, rows: Iterable[Any]) -> Iterator[Difference]:
    """`rows`: all of the event's timeline, with seal_no, at, kind and body (JSON text)."""
    said: dict[str, list[_Said]] = defaultdict(list)
    for row in rows:
        if row.kind in _COMPARED:
            said[row.kind].append(_Said(row.seal_no, row.at, _json(row.body)))
    yield from _posts(conn, said["received"])
    yield from _contents(conn, event_pk, said["received"])
    yield from _words(conn, event_pk, said["attempt_started"])
    for name, kind in _KINDS.items():
        kept = [_kept(dict(row._mapping)) for row in conn.execute(kind.kept, {"event_pk": event_pk})]
        fields = [column.name for column in kind.kept.selected_columns]
        yield from _unlike(kind.noun, kept, [(one.seal_no, _told(one, fields)) for one in said[name] if _whole(one)])


def _json(text: str) -> dict[str, Any]:
    try:
        found = mapping(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _whole(one: _Said) -> bool:
    """A message that brought nothing new has a row and no revision."""
    return one.what.get("decision") is None or "content_sha256" in one.what


def _kept(row: dict[str, Any]) -> str:
    """A row of a table, in the words of the timeline."""
    if "content" in row:
        content = _json(row.pop("content"))
        row |= {name: content.get(name) for name in _OF_CONTENT} | {"changes": json.loads(row["changes"])}
    return canonical(plain(row))


def _told(one: _Said, fields: Sequence[str]) -> str:
    """A row of the timeline, with what a row of the table has."""
    names = [*fields, *_OF_CONTENT] if "content" in fields else fields
    what = {name: one.what[name] for name in names if name in one.what}
    if "told_at" in what:
        what["told_at"] = _in_utc(str(what["told_at"]))
    return canonical(what | {"row_at": one.at})


def _in_utc(at: str) -> datetime | str:
    """It was written as it was said, with its zone."""
    try:
        return datetime.fromisoformat(at).astimezone(UTC)
    except ValueError:
        return at


def _unlike(noun: str, kept: Sequence[str], told: Sequence[tuple[int | None, str]]) -> Iterator[Difference]:
    left = Counter(kept)
    for seal_no, row in told:
        if left[row]:
            left[row] -= 1
        else:
            yield Difference(seal_no, f"the {noun} that it tells of was changed or taken out")
    for row in left.elements():
        yield Difference(None, f"the timeline does not know the {noun} {row}")


def _contents(conn: Connection, event_pk: str, received: Sequence[_Said]) -> Iterator[Difference]:
    """The timeline keeps the hash of what was understood of a message; that itself stands in `revisions`."""
    hashed = [one for one in received if "revision_sha256" in one.what]
    found = conn.execute(_CONTENTS, {"event_pk": event_pk}) if hashed else ()
    kept = {str(number): sha256(content) for number, content in found}
    for one in hashed:
        number = str(one.what.get("revision"))
        if one.what["revision_sha256"] != kept.get(number):
            yield Difference(one.seal_no, f"the content of revision {number} was changed")


def _words(conn: Connection, event_pk: str, started: Sequence[_Said]) -> Iterator[Difference]:
    """The timeline keeps the hash of the words of each attempt; the words themselves stand in `attempts`."""
    ids = [str(one.what.get("attempt", "")) for one in started]
    own = {id_: text for id_, text in conn.execute(_OWN_WORDS, {"event_pk": event_pk})}
    others = [id_ for id_ in ids if id_ not in own]
    words = own | {id_: text for some in portions(others) for id_, text in conn.execute(_OTHERS_WORDS, {"ids": some})}
    for id_, one in zip(ids, started, strict=True):
        text = words.get(id_)
        if text is None and one.what.get("told_with_others"):
            continue  # the words went with the event whose message it was
        if one.what.get("words_sha256") != sha256(text or ""):
            yield Difference(one.seal_no, f"the words of attempt {id_} were changed")
    for id_ in sorted(own.keys() - set(ids)):
        yield Difference(None, f"the timeline does not know the attempt {id_}")


def _posts(conn: Connection, received: Sequence[_Said]) -> Iterator[Difference]:
    """The timeline keeps the hash of the bytes that came; they themselves stand in `bodies`."""
    hashed = [one for one in received if "body_sha256" in one.what]
    for first in range(0, len(hashed), POSTS_AT_ONCE):
        some = hashed[first : first + POSTS_AT_ONCE]
        ids = [str(one.what.get("delivery", "")) for one in some]
        found = {id_: {sha256(body), noted} for id_, body, noted in conn.execute(_POSTS, {"ids": ids})}
        for id_, one in zip(ids, some, strict=True):
            if id_ not in found:
                if not one.what.get("with_others"):  # else it may have gone with another event that it was about
                    yield Difference(one.seal_no, f"the message {id_} was taken out")
            elif found[id_] != {str(one.what["body_sha256"])}:
                yield Difference(one.seal_no, f"the bytes of the message {id_} were changed")
