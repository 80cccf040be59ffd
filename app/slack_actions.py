"""What a press of a button in Slack, and a reason written there, lead to."""

import asyncio

import structlog

from app.answering import traced, within_a_second
from app.service import Service
from app.who_else import who_else
from model.errors import Refused, Undecidable
from model.event import Event
from model.plan import ChannelName, Notification
from model.reply import Answer, Heard
from model.roster import Person
from notifiers.channels.slack_interactions import (
    ACKNOWLEDGE,
    CANNOT_COMPLY,
    WHO_ELSE,
    About,
    SlackAction,
    SlackReason,
    about,
)
from notifiers.wording.answers import WrittenAnswer, not_counted, order_named, written
from notifiers.wording.catalogue import escape_slack
from notifiers.wording.clean import clean
from routing import thread_notes
from routing.heard import take_heard
from routing.replies import Answered
from store import attempts, bundles, events, plans, replies, timeline
from store.database import Connection

log = structlog.get_logger(__name__)


async def press(service: Service, action: SlackAction) -> None:
    """Only people of the roster count; anybody may press the button of a channel message."""
    person = service.rosters.roster.person_at(ChannelName.SLACK_DM, action.user_id)
    if person is None:
        log.warning("button pressed by a stranger", user=action.user_id)
        await service.vendors.whisper(action.channel, action.user_id, written(WrittenAnswer.STRANGER_IN_SLACK))
    elif action.action_id == WHO_ELSE:
        await _tell_who_else(service, action, person)
    elif action.action_id == CANNOT_COMPLY:
        # It counts whatever becomes of the form; Slack shows one only within three seconds.
        await asyncio.gather(
            _answer(service, action, person), service.vendors.ask_reason(action.trigger_id, action.value)
        )
    else:
        await _answer(service, action, person)


async def _answer(service: Service, action: SlackAction, person: Person) -> None:
    meant = about(action.value)
    heard = Heard(
        id=service.ids.new(),
        channel="slack",
        answer=Answer.ACKNOWLEDGE if action.action_id == ACKNOWLEDGE else Answer.CANNOT_COMPLY,
        received_at=service.clock.now(),
        person=person.id,
        revision=meant.revision,
        attempt_id=meant.attempt,
        event_pk=meant.event_pk,
        vendor_id=f"{action.channel}/{action.ts}",
        said="button",
    )
    said = await within_a_second(service, heard, lambda: _take(service, heard, meant))
    if said is None:
        said = written(WrittenAnswer.RECEIVED)
    if said:
        await service.vendors.whisper(action.channel, action.user_id, escape_slack(said))


async def _take(service: Service, heard: Heard, meant: About) -> str:
    """What to tell who pressed: why it does not count. "" where it does, in a channel: everybody reads it
    in the thread.
    """

    def take(conn: Connection) -> tuple[Answered, bool]:
        [answered] = take_heard(conn, service.ids, heard)
        row = _row_meant(conn, meant)
        return answered, row is not None and row.channel is ChannelName.SLACK_DM

    try:
        async with traced(service, meant.attempt):
            answered, direct = await service.database.transact(take)
    except Undecidable:
        log.warning("button of an unknown attempt", attempt=meant.attempt)
        return written(WrittenAnswer.NOT_KNOWN, detail="Nothing counted.")
    except Refused as refused:
        why = str(refused)
        log.info("button of an old message", person=heard.person, why=why)
        return await service.database.read(lambda conn: _refused(conn, meant, why))
    if not answered.counted:
        return not_counted(answered.event, meant.revision or answered.reply.revision)
    named = order_named(answered.event, answered.reply.revision)
    accepted = answered.reply.answer is Answer.ACKNOWLEDGE
    return written(WrittenAnswer.ACCEPTED if accepted else WrittenAnswer.CANNOT, named) if direct else ""


def _refused(conn: Connection, meant: About, why: str) -> str:
    row = _row_meant(conn, meant)
    if row is None:
        return written(WrittenAnswer.NOT_KNOWN, detail="Nothing counted.")
    event = events.load(conn, [row.event_pk])[row.event_pk]
    return not_counted(event, meant.revision or row.revision, why)


async def _tell_who_else(service: Service, action: SlackAction, person: Person) -> None:
    roster, now = service.rosters.roster, service.clock.now()

    def look(conn: Connection) -> str:
        row = _row_meant(conn, about(action.value))
        if row is None:
            return written(WrittenAnswer.NOT_KNOWN)
        pk = row.event_pk
        event, rows, said = events.load(conn, [pk])[pk], plans.of_event(conn, pk), replies.of_event(conn, pk)
        return who_else(event, rows, said, plans.agenda_of_event(conn, pk), roster, person.timezone, now)

    text = await within_a_second(service, None, lambda: service.database.read(look))
    said = text or written(WrittenAnswer.NOT_NOW)
    await service.vendors.whisper(action.channel, action.user_id, escape_slack(said))


async def reason(service: Service, given: SlackReason) -> None:
    """Kept in the event's evidence, and said in its thread where the person's last word is that they cannot comply:
    the press for which Slack asked it may not have counted. It changes nothing of who is called.
    """
    person = service.rosters.roster.person_at(ChannelName.SLACK_DM, given.user_id)
    if person is None:
        log.warning("reason given by a stranger", user=given.user_id)
        return
    note, now = f"{person.name} cannot comply: {clean(given.text, 300)}", service.clock.now()

    def take(conn: Connection) -> bool:
        row = _row_meant(conn, given.about)
        if row is None:
            return False
        events.lock(conn, row.event_pk)
        event = events.load(conn, [row.event_pk])[row.event_pk]
        body = {"person": person.id, "channel": "slack", "reason": given.text}
        timeline.append(conn, service.ids, event.pk, now, "reason", body)
        if _cannot(conn, event, given.about.revision or row.revision, person):
            thread_notes.add(conn, service.ids, event, note, now)
        return True

    if await within_a_second(service, None, lambda: service.database.transact(take)) is None:
        log.warning("reason not kept: the database is away", person=person.id)


def _cannot(conn: Connection, event: Event, revision: int, person: Person) -> bool:
    said = replies.of_event(conn, event.pk)
    own = [reply for reply in said if (reply.person, reply.revision) == (person.id, revision)]
    return bool(own) and own[-1].answer is Answer.CANNOT_COMPLY


def _row_meant(conn: Connection, meant: About) -> Notification | None:
    """None where there is no such attempt, or it does not tell of that event."""
    attempt = attempts.one(conn, meant.attempt)
    return bundles.told_by(conn, attempt.notification_id, meant.event_pk) if attempt else None
