"""A person's answer, from any channel, with all its consequences in one transaction."""

from dataclasses import dataclass
from datetime import datetime

from model.errors import Refused
from model.event import Event, EventStatus, lane
from model.ids import Ids
from model.plan import State
from model.reply import Answer, Reply
from store import events, firsts, plans, timeline
from store import replies as rows
from store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of an answer: `counted` False when the event was over already."""

    reply: Reply
    event: Event
    counted: bool


def take_reply(
    conn: Connection,
    ids: Ids,
    event_pk: str,
    *,
    person: str,
    answer: Answer,
    channel: str,
    now: datetime,
    revision: int | None = None,
    attempt_id: str | None = None,
    notification_id: str | None = None,
    said: str = "",
    by: str = "",
    reply_id: str | None = None,
    vendor_at: datetime | None = None,
    vendor_body: str = "",
) -> Answered:
    """Keep the answer, mark the row it came by, and ask the router to look at once.

    Raises Refused when it is about a revision that does not exist or is older than the one that needs an answer.
    An answer after the event's end is kept and does not count. The same `reply_id` again changes nothing.
    `vendor_at` and `vendor_body`: when a vendor says it was and the message it sent, for the evidence.
    """
    events.lock(conn, event_pk)
    event = events.load(conn, [event_pk])[event_pk]
    if reply_id is not None and (kept := _kept(conn, event_pk, reply_id)) is not None:
        return Answered(reply=kept, event=event, counted=event.status is EventStatus.OPEN)
    number = revision or plans.highest_sent(conn, event_pk, person) or event.answer_revision
    _refuse(event, number)
    # Whoever answers a later revision that asks nothing new answers the one that does.
    reply = Reply(
        id=reply_id or ids.new(),
        event_pk=event_pk,
        revision=min(number, event.answer_revision),
        person=person,
        answer=answer,
        channel=channel,
        received_at=now,
        attempt_id=attempt_id,
        said=said,
        by=by,
    )
    counted = event.status is EventStatus.OPEN
    if counted:
        firsts.acknowledgement(conn, event, reply, rows.of_event(conn, event_pk))
    rows.add(conn, reply)
    if notification_id:
        state = State.ACKNOWLEDGED if answer is Answer.ACKNOWLEDGE else State.DECLINED
        plans.move(conn, notification_id, state, now)
    body = {
        "person": person,
        "answer": answer,
        "channel": channel,
        "revision": reply.revision,
        "said": said,
        "by": by,
        "attempt": attempt_id,
        "counted": counted,
        **({"vendor_at": vendor_at} if vendor_at else {}),
    }
    timeline.append(conn, ids, event_pk, now, "reply", body, {"vendor_body": vendor_body} if vendor_body else None)
    if counted:
        urgency = lane(event.content, event.severity)
        plans.ask_revise(conn, ids, event_pk, urgency, f"{person}: {answer}", now, urgent=True)
    return Answered(reply=reply, event=event, counted=counted)


def _kept(conn: Connection, event_pk: str, reply_id: str) -> Reply | None:
    return next((reply for reply in rows.of_event(conn, event_pk) if reply.id == reply_id), None)


def _refuse(event: Event, number: int) -> None:
    if not any(r.number == number for r in event.revisions):
        raise Refused(f"event {event.event_id} has no revision {number}")
    if number < event.answer_revision:
        raise Refused(replaced(event, number))


def replaced(event: Event, number: int) -> str:
    """Why an answer to that revision does not count any more."""
    needs = "needs an answer" if event.rings else "needs no answer"
    return f"revision {number} was replaced: revision {event.answer_revision} {needs}"
