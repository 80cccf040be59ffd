"""Cancelled or released: stop everything, and tell exactly those who were told. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from model.event import LAST_LANE
from model.monitor import LATE
from model.plan import ChannelName, Kind, Notification
from model.reply import Answer
from model.roster import OWN_SOURCE
from model.verdict import Outcome
from routing import objective, planner
from routing.facts import Facts, PlanChange, asked, name, open_alerts, resolve, spoke_to, stop, waits, was_told
from routing.verdicts import verdicts

# A stand-down must arrive even when it takes a while.
STAND_DOWN_LIFE = timedelta(hours=1)
RESOLVED_AFTER = timedelta(seconds=5)  # texts and posts go out before PagerDuty says that it is over
_NONE: Mapping[str, str] = {}
_USUAL = frozenset({ChannelName.VOICE, ChannelName.SMS, ChannelName.SLACK_DM})


def stand_down(facts: Facts, change: PlanChange) -> None:
    """Cancelled or released: stop everything, and tell exactly those who were told."""
    case, latest = facts.case, facts.case.event.latest
    change.reason = f"the event was {case.event.status}"
    stop(facts, change, [n for n in facts.notifications if n.revision < latest.number])
    change.drop_agenda += [a.id for a in facts.agenda if waits(a)]
    texts = list(_its_line(facts) if _is_a_late_source(facts) else once_to_all(facts, Kind.STAND_DOWN))
    calls = [_stand_down_call(facts, n) for n in _engaged(facts)]
    change.add += [*texts, *calls, *(_without_buttons(facts) if case.event.rings else ())]
    resolved_at = case.now + RESOLVED_AFTER if texts else case.now
    for trigger in open_alerts(facts):
        over = resolve(facts, change, trigger)
        change.add.append(replace(over, due_at=resolved_at))
    verdict = facts.verdict()
    others_asked = case.event.leader_pk is not None and case.event.rings
    if (verdict is None or verdict.outcome is Outcome.REOPENED) and (asked(facts) or others_asked):
        change.verdicts += verdicts(facts, Outcome.NOT_NEEDED, f"{case.event.status} before the deadline")


def asks_no_more(facts: Facts, change: PlanChange) -> None:
    """Still open, and no order any more, as one that turns out to be a test: who was told of it hears that."""
    told = list(once_to_all(facts, Kind.STAND_DOWN))
    calls = [_stand_down_call(facts, n) for n in _engaged(facts)]
    change.add += [*told, *calls, *_without_buttons(facts)]
    resolved_at = facts.case.now + RESOLVED_AFTER if told else facts.case.now
    for trigger in open_alerts(facts):
        change.add.append(replace(resolve(facts, change, trigger), due_at=resolved_at))
    if facts.verdict() is None and asked(facts):
        change.verdicts += verdicts(facts, Outcome.NOT_NEEDED, f"revision {facts.revision} asks nobody any more")


def _is_a_late_source(facts: Facts) -> bool:
    """A line that calls nobody. It is heard again, or has become an alarm, which is told by itself."""
    event = facts.case.event
    return event.source == OWN_SOURCE and event.event_id.startswith(LATE)


def all_over(facts: Facts) -> Iterator[Notification]:
    """Of an event that is over: those that went with it, and went on after its end, are over too."""
    note = f"“{facts.case.event.content.headline}”: those like it are over as well, none goes on."
    return once_to_all(facts, Kind.REMINDER, {"note": note, "of": "all"})


def _its_line(facts: Facts) -> Iterator[Notification]:
    """Says how it ended: there is one line of it, and nobody is notified again."""
    number = facts.case.event.latest.number
    yield from (_edit(facts, posted, number, {"anew": True}) for posted in _posts(facts))


def _without_buttons(facts: Facts) -> Iterator[Notification]:
    """What asked for an answer asks no more. How it ended stands first, and who had accepted it."""
    met = objective.met_by(facts)
    accepted = met if met and met.person in facts.latest_replies() else None  # not who was only reached
    who = {"by": name(facts, accepted.person), "at": accepted.at.isoformat()} if accepted else {}
    asked = [*_posts(facts), *(n for n in facts.rows() if n.channel is ChannelName.SLACK_DM)]
    yield from (_edit(facts, row, row.revision, who) for row in asked if _stands(row))


def _posts(facts: Facts) -> Iterator[Notification]:
    return (n for n in facts.rows() if n.channel is ChannelName.SLACK_CHANNEL)


def _stands(row: Notification) -> bool:
    """It was posted, be it with others. What waits for a person is stopped, what waits for a channel will be posted."""
    return was_told(row) or (row.person is None and not row.state.terminal)


def _edit(facts: Facts, posted: Notification, revision: int, details: Mapping[str, str | bool]) -> Notification:
    """Behind all that is new, of whatever event."""
    edit = planner.row(
        facts.case,
        Kind.EDIT,
        posted.channel,
        posted.address,
        person=posted.person,
        team=posted.team,
        revision=revision,
        until=facts.case.now + STAND_DOWN_LIFE,
        details={**details},
        follows=posted.id,
    )
    return replace(edit, lane=LAST_LANE)


def _engaged(facts: Facts) -> list[Notification]:
    """The calls of those who may be acting on the event: they answered the phone or accepted. They are called."""
    last = {r.person: r for r in facts.replies}  # who has not answered the newest revision acts on an earlier one
    accepted = {person for person, r in last.items() if r.answer is Answer.ACKNOWLEDGE}
    calls: dict[str, Notification] = {}
    for row in facts.rows():
        concerned = row.person in accepted or spoke_to(row)
        if row.channel is ChannelName.VOICE and row.person and was_told(row) and concerned:
            calls[row.person] = row
    return list(calls.values())


def _stand_down_call(facts: Facts, row: Notification) -> Notification:
    return planner.row(
        facts.case,
        Kind.STAND_DOWN,
        ChannelName.VOICE,
        row.address,
        person=row.person,
        revision=facts.case.event.latest.number,
        until=facts.case.now + STAND_DOWN_LIFE,
    )


def once_to_all(facts: Facts, kind: Kind, details: Mapping[str, str] = _NONE) -> Iterator[Notification]:
    """To all who were told, by quiet ways, and to the channels of the event."""
    case, number = facts.case, facts.case.event.latest.number
    until = case.now + STAND_DOWN_LIFE
    channels = {n.address: n.team for n in facts.rows() if n.channel is ChannelName.SLACK_CHANNEL}
    for channel, team in channels.items():
        yield planner.row(
            case, kind, ChannelName.SLACK_CHANNEL, channel, team=team, revision=number, until=until, details={**details}
        )
    rows = facts.by_person()
    for person in facts.told():
        for channel, address in _quiet_ways(facts, person, rows.get(person, ())):
            yield planner.row(
                case, kind, channel, address, person=person, revision=number, until=until, details={**details}
            )


def _quiet_ways(facts: Facts, person: str, rows: Sequence[Notification]) -> list[tuple[ChannelName, str]]:
    """A text, a Slack message where one told the person or nothing else can, and what else told the person.

    `rows`: that person's.
    """
    told = [n for n in rows if was_told(n)]
    known = facts.case.roster.people.get(person)
    if known is None:  # left the roster since: the addresses that were used still stand
        return list({(n.channel, n.address): None for n in told})
    sms, direct = known.address(ChannelName.SMS), known.address(ChannelName.SLACK_DM)
    wrote = any(n.channel is ChannelName.SLACK_DM for n in told)
    others = list({(n.channel, n.address): None for n in told if n.channel not in _USUAL})
    ways = [(ChannelName.SMS, sms)] if sms else []
    if direct and (wrote or not (sms or others)):
        ways.append((ChannelName.SLACK_DM, direct))
    return ways + others
