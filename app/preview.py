"""What would happen if this event came in now: the router's own decisions and words, nothing stored. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from model.attempt import Words
from model.event import Event
from model.ids import Ids
from model.plan import ChannelName, Kind, Notification, Plan
from model.reading import Reading
from model.roster import Roster
from notifiers.context import House, context
from notifiers.wording import render
from routing import fitting
from routing.audience import is_awake
from routing.capacity import Lines
from routing.cases import case
from routing.event_after import event_after
from routing.forecast import Forecast, forecast
from routing.placing import Decision, place

SAMPLE_CODE = "A"  # stands for the letters that a text is answered with


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A row of the timetable with its words; `forecast`: by the rota as it looks now, asked again when it is due."""

    row: Notification
    words: tuple[Words, ...]
    forecast: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """People called as one: same step, instant, timezone and rotation."""

    step: int
    due_at: datetime
    group: str
    awake: bool
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The parts of texts that are due at once, at which rate the number sends them, and when the last one leaves."""

    parts: int
    per_second: float
    out_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    event: Event
    plan: Plan
    spoken: Sequence[Spoken]
    texts: Texts
    forecasts: Sequence[Forecast] = ()
    groups: Sequence[Called] = field(default=())


def preview(
    reading: Reading, source: str, roster: Roster, house: House, ids: Ids, now: datetime, lines: Lines
) -> Preview:
    """The timetable of a statement as if it were the first of its event. `lines`: as they are now.

    Raises Undecidable when it names no event. An end of an event calls nobody: its plan is empty, its remarks say so.
    """
    placement = place(reading, None, ids.new(), now)
    event = event_after(placement, None, source, roster, ids)
    if placement.decision is Decision.TOMBSTONE:
        said = f"a {reading.content.message_type} calls nobody: those who were told of its event hear that it is over"
        return Preview(event=event, plan=Plan(rings=False, remarks=(said,)), spoken=(), texts=_texts((), lines, now))
    first = replace(case(event, roster, ids, now), lines=lines)
    plan = fitting.plan(first)
    told = frozenset((n.person, n.channel) for n in plan.notifications if n.person)
    later = list(forecast(replace(first, told=told), plan.agenda))
    spoken = [
        *(_spoken(n, event, roster, house, forecast=False) for n in plan.notifications),
        *(_spoken(n, event, roster, house, forecast=True) for f in later for n in f.rows),
    ]
    return Preview(
        event=event,
        plan=plan,
        spoken=spoken,
        forecasts=later,
        groups=list(_groups(spoken, roster)),
        texts=_texts(spoken, lines, now),
    )


def _texts(spoken: Iterable[Spoken], lines: Lines, now: datetime) -> Texts:
    rate = lines.phones.texts_per_second
    parts = sum(len(s.words) for s in spoken if s.row.channel is ChannelName.SMS and not s.forecast)
    return Texts(parts=parts, per_second=rate, out_at=now + timedelta(seconds=max(0, parts - 1) / rate))


def _spoken(row: Notification, event: Event, roster: Roster, house: House, *, forecast: bool) -> Spoken:
    person = roster.people.get(row.person) if row.person else None
    code = SAMPLE_CODE if row.channel is ChannelName.SMS and row.kind is Kind.ALERT else None
    words = render(row, event, person, context(row, event, roster, house, code), row.due_at)
    return Spoken(row=row, words=words, forecast=forecast)


def _groups(spoken: Iterable[Spoken], roster: Roster) -> Iterator[Called]:
    found: dict[tuple[int, datetime, str], dict[str, None]] = {}
    for row in (s.row for s in spoken):
        if row.person:
            found.setdefault((row.step, row.due_at, row.group), {})[row.person] = None
    for (step, due_at, group), people in found.items():
        awake = any(is_awake(roster.people[p], due_at) for p in people)
        yield Called(step=step, due_at=due_at, group=group, awake=awake, people=tuple(people))
