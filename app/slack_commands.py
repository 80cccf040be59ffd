"""`/gridcall oncall|status|ack|cover` in Slack: what is answered to whoever typed it."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from app import roster_edits
from app.answering import within_a_second
from app.oncall_now import turn
from app.problems import Problem
from app.roster_saving import Why
from app.rosters import Snapshot
from app.security import Caller
from app.service import Service
from config.keys import Role
from model.errors import GridcallError, Refused
from model.event import Event, EventStatus
from model.monitor import Maintenance
from model.plan import ChannelName
from model.reply import Answer, Heard
from model.roster import Person
from model.silence import Silence
from notifiers.channels.slack_interactions import SlackCommand
from notifiers.wording.answers import WrittenAnswer, written
from notifiers.wording.catalogue import escape_slack
from notifiers.wording.facts import mode_word, reference
from routing.heard import take_heard
from routing.silence_news import words
from store import events, maintenance, merged, replies, silences
from store.audit import Who
from store.database import Connection

log = structlog.get_logger(__name__)

HELP = (
    "`/gridcall oncall` who is on call now\n"
    "`/gridcall status` what is open, who has it, what is silenced, and which sources need not be heard\n"
    "`/gridcall ack [REF]` you accept; REF as in the alert, or the whole id\n"
    "`/gridcall cover ROTATION 4h` you are on call instead, from now on, for so many hours"
)
NEWEST = 200  # events among which open ones are looked for
MOST = 15
EDIT_SECONDS = 2.0  # Slack waits three
_HOURS = re.compile(r"([1-9]|1[0-9]|2[0-4])h?")


async def answer(service: Service, command: SlackCommand) -> str:
    """Only people of the roster are answered."""
    person = service.rosters.roster.person_at(ChannelName.SLACK_DM, command.user_id)
    if person is None:
        log.warning("command of a stranger", user=command.user_id)
        return written(WrittenAnswer.STRANGER_IN_SLACK)
    match command.text.lower().split():
        case ["oncall"]:
            return escape_slack("\n".join(_on_call(service, person)))
        case ["status"]:
            return escape_slack(await _looked(service, person))
        case ["ack", *refs] if len(refs) <= 1:
            return escape_slack(await _accept(service, person, *refs))
        case ["cover", rotation, hours] if _HOURS.fullmatch(hours):
            return escape_slack(await _cover(service, person, command.user_id, rotation, int(hours.rstrip("h"))))
        case _:
            return HELP


def _on_call(service: Service, person: Person) -> Iterator[str]:
    roster, now = service.rosters.roster, service.clock.now()
    for name, rota in list(roster.rotas.items())[:MOST]:
        found = turn(rota, now)
        names = ", ".join(roster.people[p].name if p in roster.people else p for p in found.people) or "NOBODY"
        until = f", until {_clock(found.until, person)}" if found.until else ""
        yield f"{rota.rotation.name} ({name}): {names}{until}"
    if not roster.rotas:
        yield "There is no rotation."


@dataclass(frozen=True, slots=True)
class _Open:
    event: Event
    accepted: tuple[str, ...]
    alike: int = 0


def _open(conn: Connection) -> list[_Open]:
    """Open events that ask somebody, the newest first, who has accepted, and how many each rings for."""
    newest = events.page(conn, NEWEST, None, members=False)
    found = [e for e in newest if e.status is EventStatus.OPEN and e.rings]
    alike = merged.counts(conn, [e.pk for e in found if e.merge_key], open_only=True)
    said = replies.of_events(conn, [event.pk for event in found]) if found else []
    latest = {(r.event_pk, r.revision, r.person): r.answer for r in said}

    def accepted(event: Event) -> tuple[str, ...]:
        asked = (event.pk, event.answer_revision)
        return tuple(p for (pk, number, p), a in latest.items() if (pk, number) == asked and a is Answer.ACKNOWLEDGE)

    return [_Open(event, accepted(event), alike.get(event.pk, 0)) for event in found]


async def _looked(service: Service, person: Person) -> str:
    now = service.clock.now()

    def look(conn: Connection) -> tuple[list[_Open], list[Silence], list[Maintenance]]:
        return _open(conn), silences.active(conn, now), [w for w in maintenance.ahead(conn, now) if w.runs(now)]

    found = await within_a_second(service, None, lambda: service.database.read(look))
    if found is None:
        return written(WrittenAnswer.NOT_NOW)
    open_, silenced, maintained = found
    lines = [_line(service, one, person) for one in open_[:MOST]] or ["Nothing is open."]
    if len(open_) > MOST:
        lines.append(f"and {len(open_) - MOST} more")
    lines += [_silenced(silence, person) for silence in silenced[:MOST]]
    if len(silenced) > MOST:
        lines.append(f"and {len(silenced) - MOST} more silences")
    lines += [_maintained(window, person) for window in maintained[:MOST]]
    if len(maintained) > MOST:
        lines.append(f"and {len(maintained) - MOST} more in maintenance")
    return "\n".join(lines)


def _silenced(silence: Silence, person: Person) -> str:
    until = _clock(silence.until, person)
    return f"Silenced until {until} by {silence.author}: {words(silence.noise)}. {silence.reason}"


def _maintained(window: Maintenance, person: Person) -> str:
    until = _clock(window.until, person)
    return f"Source {window.source} need not be heard until {until} by {window.author}: {window.reason}"


def _line(service: Service, one: _Open, person: Person) -> str:
    people, event = service.rosters.roster.people, one.event
    names = ", ".join(people[p].name if p in people else p for p in one.accepted)
    by = _clock(event.deadline_at, person)
    has = (
        f"{names} {'has' if len(one.accepted) == 1 else 'have'} it" if names else f"nobody has accepted, answer by {by}"
    )
    more = f"; and {one.alike} more like it" if one.alike else ""
    marked = f"{mode_word(event.content)} {reference(event.event_id)}".strip()
    return f"{marked}: {event.content.headline}: {has}{more}"


async def _accept(service: Service, person: Person, ref: str = "") -> str:
    """The one that is open, or the one that `ref` names; never a guess between two."""
    found = await within_a_second(service, None, lambda: service.database.read(_open))
    if found is None:
        return written(WrittenAnswer.NOT_NOW)
    open_ = [one.event for one in found]
    meant = [event for event in open_ if not ref or ref in map(str.lower, _names(event))]
    if len(meant) != 1:
        taken = Counter(name for event in open_ for name in set(_names(event)))
        listed = ", ".join(_own_name(event, taken) for event in open_[:MOST])
        return f"Nothing counted: say which one, /gridcall ack REF. Open: {listed or 'nothing'}."
    [event] = meant
    heard = Heard(
        id=service.ids.new(),
        channel="slack",
        answer=Answer.ACKNOWLEDGE,
        received_at=service.clock.now(),
        person=person.id,
        revision=event.answer_revision,
        event_pk=event.pk,
        said="/gridcall ack",
    )
    counted = await within_a_second(service, heard, lambda: _take(service, heard))
    if counted is None:
        return written(WrittenAnswer.RECEIVED)
    named = f"Ref {reference(event.event_id)} r{event.answer_revision}"
    return counted or written(WrittenAnswer.ACCEPTED, named)


def _names(event: Event) -> tuple[str, ...]:
    """What it may be called, the shortest first."""
    return reference(event.event_id), event.event_id, f"{event.source}/{event.event_id}"


def _own_name(event: Event, taken: Mapping[str, int]) -> str:
    """The shortest that no other open event has."""
    names = _names(event)
    return next((name for name in names if taken[name] == 1), names[-1])


async def _take(service: Service, heard: Heard) -> str:
    """What was against it, "" for nothing."""
    try:
        [answered] = await service.database.transact(lambda conn: take_heard(conn, service.ids, heard))
    except Refused as why:
        return f"Nothing counted: {why}."
    return "" if answered.counted else "It is over: nothing to do."


@dataclass(frozen=True, slots=True)
class SlackCaller(Caller):
    """Somebody of the roster, known by their Slack user."""

    user: str = ""

    def who(self) -> Who:
        return Who(actor=f"slack {self.user}", person=self.person)


async def _cover(service: Service, person: Person, user: str, rotation: str, hours: int) -> str:
    """Whoever takes turns in a rotation may take it over, for themselves and from now on."""
    rota = service.rosters.roster.rotas.get(rotation)
    if rota is None or person.id not in rota.people:
        return f"You take no turns in a rotation called {rotation}, so you cannot take it over."
    now = service.clock.now().replace(second=0, microsecond=0)
    end = now + timedelta(hours=hours)
    entry = {
        "rotation": rotation,
        "action": "replace",
        "person": person.id,
        "from": now.isoformat(),
        "to": end.isoformat(),
    }

    def decide(before: Snapshot) -> Snapshot:
        return roster_edits.add(before, "overrides", entry, now)

    caller = SlackCaller("", Role.OPERATOR, None, person.id, user)
    try:
        async with service.clock.timeout(EDIT_SECONDS):
            await service.editor.edit(decide, caller, Why(reason="/gridcall cover"))
    except Problem as problem:
        return f"Not done: {problem.detail or problem.title}"
    except TimeoutError:
        return "That took too long: look with /gridcall oncall whether it was done."
    except GridcallError as error:
        return f"Not done: {error}"
    return f"You are on call for {rota.rotation.name} until {_clock(end, person)}."


def _clock(at: datetime, person: Person) -> str:
    return f"{at.astimezone(ZoneInfo(person.timezone)):%a %H:%M %Z}"
