"""An answer that could not be stored at once travels through the queue; here it is packed, unpacked and taken."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID, uuid5

from pydantic import TypeAdapter

from broker.base import Message, MessageKind
from model.attempt import Attempt
from model.errors import Refused, Undecidable
from model.event import EventStatus
from model.ids import Ids
from model.plan import Notification
from model.reply import Heard
from model.roster import OWN_SOURCE
from routing import alerts
from routing.replies import Answered, take_reply
from store import attempts, bundles, events, outcomes, replies
from store.database import Connection
from store.replies import Code

FORMAT = "reply"

_HEARD = TypeAdapter(Heard)


def message_of(heard: Heard) -> Message:
    return Message(
        id=heard.id,
        kind=MessageKind.REPLY,
        source=OWN_SOURCE,
        format=FORMAT,
        lane=0,
        body=_HEARD.dump_json(heard, exclude_defaults=True),
        received_at=heard.received_at,
        deliveries=(heard.id,),
        headers={"content-type": "application/json"},
        signature="verified where it came in",
    )


def heard_in(message: Message) -> Heard:
    """Raises ValueError when the body is no answer."""
    return _HEARD.validate_json(message.body)


def take_heard(conn: Connection, ids: Ids, heard: Heard) -> list[Answered]:
    """Take the answer for everything it is about, with the time it was heard at. Taking it twice is taking it once.

    Raises Undecidable when it is about nothing we know, Refused like `take_reply`.
    """
    return list(_taken(conn, ids, heard))


def _taken(conn: Connection, ids: Ids, heard: Heard) -> Iterator[Answered]:
    if heard.attempt_id is not None:
        yield from _of_attempt(conn, ids, heard, heard.attempt_id)
    elif heard.number is not None:
        yield from _of_text(conn, ids, heard, heard.number)
    elif heard.alert is not None:
        yield from _of_alert(conn, ids, heard, heard.alert)
    elif heard.several:
        for event_pk, revision in sorted(heard.several):  # likewise
            yield from take_one_of_several(conn, ids, heard, event_pk, revision)
    elif heard.event_pk is not None:
        if heard.event_pk not in events.load(conn, [heard.event_pk]):
            raise Undecidable("there is no such event")
        yield _take(conn, ids, heard, heard.event_pk, person=heard.person)
    else:
        event = events.find(conn, heard.source or "", heard.event_id or "")
        if event is None:
            raise Undecidable(f"source {heard.source} has sent no event {heard.event_id}")
        yield _take(conn, ids, heard, event.pk, person=heard.person)


def _of_attempt(conn: Connection, ids: Ids, heard: Heard, attempt_id: str) -> Iterator[Answered]:
    attempt = attempts.one_to_change(conn, attempt_id)
    if attempt is None:
        raise Undecidable(f"there is no attempt {attempt_id}")
    if heard.vendor_id:
        outcomes.proven(conn, attempt, heard.vendor_id, heard.received_at)
    if len(attempt.named) > 1:
        yield from _of_call(conn, ids, heard, attempt)
        return
    row = bundles.told_by(conn, attempt.notification_id, heard.event_pk)
    if row is None:
        raise Undecidable(f"attempt {attempt_id} tells nothing of that event")
    person = heard.person or row.person
    own = row.id if row.person == person else None  # anybody may press the button of a channel's message
    yield _take(conn, ids, heard, row.event_pk, person=person, revision=row.revision, notification_id=own)


def _of_text(conn: Connection, ids: Ids, heard: Heard, number: str) -> Sequence[Answered]:
    """A text speaks about codes that were open when it came: what was opened since, nobody had read then."""
    meant = codes_meant(conn, heard, replies.open_codes(conn, number, heard.received_at))
    in_order = sorted(meant, key=lambda one: one.event_pk)  # as everybody locks several events
    answers = (partial(take_code, conn, ids, heard, code) for code in in_order)
    return _not_refused(answers, Undecidable("the text names no open code"))


def _of_call(conn: Connection, ids: Ids, heard: Heard, attempt: Attempt) -> Sequence[Answered]:
    """A key speaks about each event that the call has named and still asks for."""
    named = sorted(bundles.named(conn, attempt), key=lambda one: one.event_pk)  # as everybody locks several events
    asked = _still_asked(conn, named, heard.received_at)
    answers = (partial(_of_named, conn, ids, heard, row) for row in asked)
    return _not_refused(answers, Undecidable(f"nothing is kept of what attempt {attempt.id} told"))


def _not_refused(answers: Iterable[Callable[[], Answered]], nothing: Exception) -> Sequence[Answered]:
    """Each counts though others are refused. Refused by all: raised; `nothing` where there is none."""
    taken: list[Answered] = []
    why = nothing
    for answer in answers:
        try:
            taken.append(answer())
        except Refused as refused:
            why = refused
    if not taken:
        raise why
    return taken


def _still_asked(conn: Connection, named: Sequence[Notification], at: datetime) -> Sequence[Notification]:
    """Without those of open events that were stopped by then: the call has said that they are over.

    Of an event that is over the answer is kept, and counts for nothing; so is one to a call in which nothing is asked.
    """
    known = events.load(conn, {row.event_pk for row in named})
    stopped = {row.id for row in named if row.cut_requested_at is not None and row.cut_requested_at <= at}
    if len(stopped) == len(named):
        return named
    return [row for row in named if row.id not in stopped or known[row.event_pk].status is not EventStatus.OPEN]


def _of_named(conn: Connection, ids: Ids, heard: Heard, row: Notification) -> Answered:
    return _take(
        conn,
        ids,
        heard,
        row.event_pk,
        person=heard.person or row.person,
        revision=row.revision,
        notification_id=row.id,
        reply_id=str(uuid5(UUID(heard.id), row.event_pk)),
    )


def _of_alert(conn: Connection, ids: Ids, heard: Heard, key: str) -> Iterator[Answered]:
    """The answer to what that alert asked for; none where nobody of the roster gave it."""
    event, revision = alerts.about(conn, key)
    if heard.person is None:
        alerts.tell_stranger(conn, ids, event, heard)
    else:
        yield _take(conn, ids, heard, event.pk, person=heard.person, revision=revision)


def take_code(conn: Connection, ids: Ids, heard: Heard, code: Code) -> Answered:
    """Take a text for one of the codes it means."""
    # One text may answer several events: each answer has a name of its own, and the same one each time.
    reply_id = str(uuid5(UUID(heard.id), code.event_pk))
    person = heard.person or code.person
    return _take(conn, ids, heard, code.event_pk, person=person, revision=code.revision, reply_id=reply_id)


def take_one_of_several(conn: Connection, ids: Ids, heard: Heard, event_pk: str, revision: int) -> list[Answered]:
    """None of an event that was replaced since it was read, or is not kept any more: the others count all the same."""
    if event_pk not in events.load(conn, [event_pk]):
        return []
    reply_id = str(uuid5(UUID(heard.id), event_pk))
    try:
        return [_take(conn, ids, heard, event_pk, person=heard.person, revision=revision, reply_id=reply_id)]
    except Refused:
        return []


def _take(
    conn: Connection,
    ids: Ids,
    heard: Heard,
    event_pk: str,
    *,
    person: str | None,
    revision: int | None = None,
    notification_id: str | None = None,
    reply_id: str | None = None,
) -> Answered:
    if person is None:
        raise Undecidable("nobody is known to have answered")
    return take_reply(
        conn,
        ids,
        event_pk,
        person=person,
        answer=heard.answer,
        channel=heard.channel,
        now=heard.received_at,
        revision=heard.revision or revision,
        attempt_id=heard.attempt_id,
        notification_id=notification_id,
        said=heard.said,
        by=heard.by,
        reply_id=reply_id or heard.id,
        vendor_at=heard.vendor_at,
        vendor_body=heard.vendor_body,
    )


def codes_meant(conn: Connection, heard: Heard, known: Sequence[Code]) -> Sequence[Code]:
    """Those of the `known`, which were open when it came, that a text speaks about; `1*` means all of them.

    A bare 1 counts only when that is one, and no other was closed just before: it may be meant for the order that
    was replaced, and typed before the text of the new one was there.
    """
    if heard.code is not None:
        return [code for code in known if code.code == heard.code]
    if heard.all_codes:
        return known
    certain = len(known) == 1 and not replies.just_closed(conn, known[0].number, heard.received_at)
    return known if certain else ()
