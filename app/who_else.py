"""Who else is called for an event, and what became of it, as somebody in Slack asks. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from model.event import Event
from model.plan import Agenda, AgendaKind, AgendaState, CallEnd, ChannelName, Notification, State
from model.reply import Reply
from model.roster import Roster
from notifiers.wording.facts import mode_word, reference

_STANDS = {
    State.PENDING: "is called next",
    State.SENDING: "is being called",
    State.UNKNOWN: "is being called",
    State.SENT: "is being called",
    State.DELIVERED: "is being called",
    State.ANSWERED: "has picked up and pressed nothing yet",
    State.EXPIRED: "could not be called in time",
    State.SUPERSEDED: "need not be called any more",
}
MOST = 20


def who_else(
    event: Event,
    rows: Sequence[Notification],
    replies: Sequence[Reply],
    agenda: Iterable[Agenda],
    roster: Roster,
    timezone: str,
    now: datetime,
) -> str:
    """One line a person in the order of their calls, then when the next people are called, by that zone's clock."""
    zone = ZoneInfo(timezone)
    people = list(dict.fromkeys(row.person for row in rows if row.person and row.revision == event.answer_revision))
    names = {person: roster.people[person].name if person in roster.people else person for person in people}
    latest = {reply.person: reply for reply in replies if reply.revision == event.answer_revision}
    lines = [f"{names[person]} {_stands(person, rows, latest, zone)}" for person in people[:MOST]]
    if len(people) > MOST:
        lines.append(f"and {len(people) - MOST} more")
    title = f"{mode_word(event.content)} Ref {reference(event.event_id)} r{event.answer_revision}".strip()
    return "\n".join([f"{title}:", *(lines or ["Nobody is called."]), *_next(agenda, now, zone)])


def _stands(person: str, rows: Iterable[Notification], latest: dict[str, Reply], zone: ZoneInfo) -> str:
    if reply := latest.get(person):
        return f"{reply.verb}, {reply.received_at.astimezone(zone):%H:%M %Z}"
    own = [row for row in rows if row.person == person]
    calls = [row for row in own if row.channel is ChannelName.VOICE]
    if not calls:
        return "was written to" if any(row.started for row in own) else "is written to"
    last = max(calls, key=lambda row: row.id)
    if last.state is State.ANSWERED and last.reason == CallEnd.VOICEMAIL:
        return f"was not reached: {last.reason}"  # the machine is still being talked to
    return _STANDS.get(last.state) or f"was not reached: {last.reason or last.state}"


def _next(agenda: Iterable[Agenda], now: datetime, zone: ZoneInfo) -> Iterator[str]:
    due = [a.due_at for a in agenda if a.kind is AgendaKind.STEP and a.state is AgendaState.PENDING]
    if due:
        yield f"The next people are called at {max(now, min(due)).astimezone(zone):%H:%M %Z}, unless somebody accepts."
