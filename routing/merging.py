"""Near-identical events of one source ring once: which goes with which, until when, and what becomes of it. Pure.

One event leads and rings; the members are those that go with it (docs/decisions/0051).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from model.event import Content, Event, EventStatus, Mode, Severity
from model.plan import Notification, State
from model.reply import Answer
from model.roster import Objective, Policy
from model.verdict import Outcome
from routing import changes, objective, planner
from routing.facts import Facts, Leader, PlanChange, thread_line
from routing.objective import Counted
from routing.verdicts import verdict

MEMBERS = 500  # of one leader; after that another one rings
DEADLINES_APART = timedelta(seconds=10)  # a member may have to be accepted so much earlier than its leader
TIMES_APART = timedelta(seconds=60)  # by which starts and ends of the same order may differ
KNOWN_FOR = timedelta(seconds=60)  # after the end of a leader whom somebody had accepted, nobody else is rung so long
LINE_EVERY = timedelta(seconds=30)  # in a leader's Slack thread, about how many there are
LINE_LIFE = timedelta(minutes=10)

FIELDS: Mapping[str, Callable[[Content], object]] = {
    "issuer": lambda content: content.issuer,
    "program": lambda content: content.program,
    "phase": lambda content: content.phase,
    "severity": lambda content: content.severity,
    "zone": lambda content: sorted(f"{z.scheme}/{z.code}" for z in content.zones),
    "resource": lambda content: sorted(f"{r.scheme}/{r.code}" for r in content.resources),
    "action": lambda content: content.instruction.action,
    "headline": lambda content: content.headline,
}
OF_ITS_FORMAT = re.compile(r"extra(\.[A-Za-z0-9_-]{1,63}){1,4}")  # what a format gives beyond these: extra.labels.site


class Apart(StrEnum):
    """Why an event does not go with another one, in words."""

    GONE = "it is not kept any more"
    OVER = "it is over"
    MISSED = "nobody accepted it in time"
    FULL = "too many go with it"
    ITSELF = "it goes with another one itself"
    RINGS = "it calls nobody"
    MODE = "its mode is another"
    UNREAD = "a person must read what is asked"
    SEVERITY = "it is less severe"
    PHASE = "its phase is an earlier one"
    ASKED = "something else is asked"
    PLACES = "it does not name all zones and resources"
    TIMES = "its times are others"
    TEAMS = "it concerns fewer teams"
    DEADLINE = "it may be accepted later"
    CANNOT = "somebody cannot comply"
    ACCEPTED = "whoever accepted it has not heard of this one"


DONE = frozenset({Apart.GONE, Apart.OVER, Apart.MISSED})  # no event goes with it any longer


def key(fields: Sequence[str], content: Content) -> str:
    """Events with the same key are near-identical, as the roster says."""
    values = [content.mode, *(_value(field, content) for field in fields)]
    return sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def _value(field: str, content: Content) -> object:
    if (canonical := FIELDS.get(field)) is not None:
        return canonical(content)
    found: object = content.extra
    for name in field.split(".")[1:]:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


# --- which goes with which ------------------------------------------------------------------------------------------


def _places(content: Content) -> tuple[set[object], set[object]]:
    return set(content.zones), set(content.resources)


def _more_places(leader: Event, event: Event) -> bool:
    """Naming none means all there are, which is more than some."""
    pairs = zip(_places(leader.content), _places(event.content), strict=True)
    return any(not own <= its or bool(own) is not bool(its) for its, own in pairs)


def _concerned(event: Event) -> set[tuple[str, str]]:
    return {(event.team, event.policy), *((other.team, other.policy) for other in event.also)}


def _far(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None:
        return one is not other
    return abs(one - other) > TIMES_APART


def _other_times(leader: Event, event: Event) -> bool:
    its, own = leader.content, event.content
    far = _far(its.effective_at, own.effective_at) or _far(its.ends_at, own.ends_at)
    return far or its.end_kind is not own.end_kind


# What a leader's plan must cover. Whatever is more than that is planned by itself.
_MORE: Sequence[tuple[Apart, Callable[[Event, Event], bool]]] = (
    (Apart.RINGS, lambda leader, event: event.rings and not leader.rings),
    (Apart.MODE, lambda leader, event: event.content.mode is not leader.content.mode),
    (Apart.UNREAD, lambda leader, event: event.content.needs_reading or leader.content.needs_reading),
    (Apart.SEVERITY, lambda leader, event: event.severity.rank > leader.content.severity.rank),
    (Apart.SEVERITY, lambda leader, event: (event.content.nerc_eea or 0) > (leader.content.nerc_eea or 0)),
    (Apart.PHASE, lambda leader, event: changes.raised(leader.content, event.content)),
    (Apart.ASKED, lambda leader, event: event.content.instruction != leader.content.instruction),
    (Apart.ASKED, lambda leader, event: event.content.later != leader.content.later),
    (Apart.PLACES, _more_places),
    (Apart.TIMES, _other_times),
    (Apart.TEAMS, lambda leader, event: not _concerned(event) <= _concerned(leader)),
)


def more(leader: Event, event: Event, *, deadline_counts: bool) -> Apart | None:
    """What the event has that the leader's plan does not cover, None for nothing.

    `deadline_counts`: somebody has yet to accept it.
    """
    early = event.late or event.deadline_at < leader.deadline_at - DEADLINES_APART
    if deadline_counts and early:
        return Apart.DEADLINE
    return next((why for why, holds in _MORE if holds(leader, event)), None)


def may_merge(content: Content) -> bool:
    """A test calls nobody, whatever it is."""
    return content.mode is not Mode.TEST


def why_not(
    leader: Leader, event: Event, now: datetime, *, decided: bool = False, leaving: bool = False
) -> Apart | None:
    """Why an event that nobody was told of cannot go with that one, None where it can.

    `decided`: its own deadline was kept or missed. `leaving` another leader: then only somebody who is still to be
    told of this one may have it.
    """
    its = leader.event
    if its.status is not EventStatus.OPEN:
        return Apart.OVER
    if its.leader_pk is not None:
        return Apart.ITSELF
    if leaving and leader.accepted_at is not None:
        return Apart.ACCEPTED
    open_ = leader.verdict is None or leader.verdict.outcome is Outcome.REOPENED
    if leader.accepted_at is None and not (open_ and now < its.deadline_at):
        return Apart.MISSED
    return more(its, event, deadline_counts=not decided and leader.accepted_at is None)


def why_leave(facts: Facts) -> Apart | None:
    """Why a member can go with its leader no longer, None while it can."""
    case, leader = facts.case, facts.leader
    if _own(facts) is not None:
        return None  # somebody has accepted the member itself
    if any(reply.answer is Answer.CANNOT_COMPLY for reply in facts.latest_replies().values()):
        return Apart.CANNOT
    if leader is None:
        return Apart.GONE
    if leader.event.status is not EventStatus.OPEN:
        return None if case.now < known_until(leader) else Apart.OVER
    decided = is_decided(facts)
    if why := more(leader.event, case.event, deadline_counts=not decided and leader.accepted_at is None):
        return why
    missed = leader.verdict is not None and leader.verdict.outcome is Outcome.MISSED and leader.accepted_at is None
    return Apart.MISSED if missed and not decided and case.now < case.last_ring_at else None


def known_until(leader: Leader) -> datetime:
    """Somebody who had accepted the leader knows of its members, and hears with its end that they go on."""
    ended_at = leader.event.closed_at or leader.event.received_at
    return ended_at + KNOWN_FOR if leader.accepted_at is not None else ended_at


def is_decided(facts: Facts) -> bool:
    """Its own deadline was kept or missed, or has come."""
    before = facts.verdict()
    closed = before is not None and before.outcome is not Outcome.REOPENED
    return closed or facts.case.now >= facts.case.event.deadline_at


def on_its_own(facts: Facts, policy: Policy) -> Event:
    """The member that rings for itself from now on; where its deadline is decided it has as long as a new event."""
    event = replace(facts.case.event, leader_pk=None)
    if not is_decided(facts):
        return event
    until = facts.case.now + timedelta(seconds=policy.sla_seconds)
    return replace(event, deadline_at=until, work_until=until)


class Member(NamedTuple):
    """An open event that goes with another one."""

    pk: str
    severity: Severity
    deadline_at: datetime


def successor(members: Sequence[Member], now: datetime) -> Member:
    """Who rings for the others when their leader is over.

    Ends come as their events came: the newest of those that must be accepted first is likely to be the last that ends.
    """
    most = max(member.severity.rank for member in members)
    severe = [member for member in members if member.severity.rank == most]
    waiting = [member for member in severe if member.deadline_at > now] or severe
    soonest = min(member.deadline_at for member in waiting)
    over = soonest <= now
    first = [member for member in waiting if over or member.deadline_at <= soonest + DEADLINES_APART]
    return max(first, key=lambda member: member.pk)


# --- what becomes of a member ---------------------------------------------------------------------------------------


def follow(facts: Facts, change: PlanChange) -> None:
    """A member's outcome: who has accepted its leader has accepted it, by its own deadline."""
    before = facts.verdict()
    if before is None or before.outcome is Outcome.REOPENED:
        _settle(facts, change)
    elif before.outcome is Outcome.MET and facts.leader and facts.leader.taken_back and _accepted(facts) is None:
        change.verdicts.append(verdict(facts, Outcome.REOPENED, f"as {facts.leader.event.event_id}"))
        change.add_agenda.append(planner.agenda_member(facts.case))
    leader = facts.leader
    if leader is not None and leader.event.status is not EventStatus.OPEN and facts.case.now < known_until(leader):
        why = f"{leader.event.event_id} is over"
        change.add_agenda.append(replace(planner.agenda_revise(facts.case, why), due_at=known_until(leader)))


def _settle(facts: Facts, change: PlanChange) -> None:
    accepted = _accepted(facts)
    if accepted is None:
        return
    at, how = accepted
    in_time = at <= facts.case.event.deadline_at
    said = how if in_time else f"after the deadline: {how}"
    change.verdicts.append(verdict(facts, Outcome.MET if in_time else Outcome.MISSED, said))


def _own(facts: Facts) -> Counted | None:
    """By answers to the member itself. Where everybody must answer that is nobody: a member asks nobody."""
    everyone = facts.case.policy.objective is Objective.EVERYONE
    return None if everyone and not facts.people() else objective.met_by(facts)


def _accepted(facts: Facts) -> tuple[datetime, str] | None:
    """Since when, and how: by an answer to the member itself, or to its leader."""
    if (own := _own(facts)) is not None:
        return own.at, objective.how_met(facts, own)
    leader = facts.leader
    if leader is None or leader.accepted_at is None:
        return None
    return leader.accepted_at, f"with {leader.event.event_id}, {leader.how}"


def take_deadline(facts: Facts) -> PlanChange:
    """The member's own deadline. Its people are its leader's, who hear of that one."""
    change, before, leader = PlanChange(), facts.verdict(), facts.leader
    event = facts.case.event
    if event.status is not EventStatus.OPEN or event.leader_pk is None:
        return change
    if before is not None and before.outcome is not Outcome.REOPENED:
        return change
    _settle(facts, change)
    if not change.verdicts:
        named = leader.event.event_id if leader else "the event that rang for it"
        change.verdicts.append(verdict(facts, Outcome.MISSED, f"nobody accepted {named} in time"))
    if why_leave(facts) is not None:
        change.add_agenda.append(planner.agenda_revise(facts.case, "its deadline has come"))
    return change


# --- what the leader says -------------------------------------------------------------------------------------------


def count_lines(leader: Facts, count: int, last: str) -> Iterator[Notification]:
    """In the leader's thread: how many go with it, at once and then each 30 s while they grow in number.

    A line says how many there are when it goes out; one that is still to go out says it of those that come till then.
    `last`: the id of the one that came.
    """
    now = leader.case.now
    lines = [row for row in leader.notifications if row.details.get("alike")]
    if any(line.state is State.PENDING and line.due_at > now for line in lines):
        return
    before = max((line.due_at for line in lines), default=None)
    due_at = max(now, before + LINE_EVERY) if before else now
    for row in thread_line(leader, f"{count} more like it, the last {last}", f"alike {last}"):
        yield replace(row, due_at=due_at, until=due_at + LINE_LIFE, details={**row.details, "alike": True})
