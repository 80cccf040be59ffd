"""Events that go together, in the database: one joins, leaves, or must be looked at again. Functions of a Connection.

Locks are taken in one order: placing key, merge key, events by id, the rest (docs/decisions/0051).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from model.event import Event, EventStatus
from model.ids import Ids
from model.plan import Plan
from model.roster import Roster
from model.verdict import Outcome
from routing import cases, merging, objective
from routing.facts import Facts, PlanChange
from routing.planner import Case, agenda_member
from routing.stand_down import all_over
from routing.verdicts import verdict
from store import events, merged, plans, timeline
from store.database import Connection
from store.plans import REVISE_EVERY
from store.portable import lock_events

_LAST = 2  # the lane of what only writes down an outcome


class Together(NamedTuple):
    """The id of the event that rings for it, and how many it rings, or rang, for."""

    leader: str | None
    alike: int


ALONE = Together(None, 0)


def together(conn: Connection, found: Collection[Event]) -> dict[str, Together]:
    """Of each of those events, by its key."""
    leaders = events.load(conn, {event.leader_pk for event in found if event.leader_pk})
    named = {pk: leader.event_id for pk, leader in leaders.items()}
    counts = merged.counts(conn, [event.pk for event in found if event.merge_key], open_only=False)
    return {e.pk: Together(named.get(e.leader_pk or ""), counts.get(e.pk, 0)) for e in found}


def joined(conn: Connection, event: Event, roster: Roster, ids: Ids, now: datetime) -> Event:
    """A new event, not written down yet, with the one that rings for it, if there is one.

    None rings for what a silence holds, and such an event rings for none.
    """
    event = _keyed(conn, event, roster, ids, now)
    if not event.merge_key:
        return event
    merged.lock(conn, event.source, event.merge_key)
    found = _find(conn, event, roster, ids, now)
    if found is None:
        return event
    events.lock(conn, found)
    return replace(event, leader_pk=found) if _fits(conn, found, event, roster, ids, now) else event


def would_join(conn: Connection, event: Event, roster: Roster, ids: Ids, now: datetime) -> Event | None:
    """The event that would ring for a new one if it came now; nothing is locked or written down."""
    found = _find(conn, _keyed(conn, event, roster, ids, now), roster, ids, now)
    return events.load(conn, [found])[found] if found else None


def _keyed(conn: Connection, event: Event, roster: Roster, ids: Ids, now: datetime) -> Event:
    """The new event with its merge key; without one where no other can ring for it."""
    source = roster.sources.get(event.source)
    if source is None or not source.merges or not merging.may_merge(event.content):
        return event
    if cases.with_silence(conn, cases.case(event, roster, ids, now)).silence is not None:
        return event
    return replace(event, merge_key=merging.key(source.group_by, event.content))


def _find(
    conn: Connection,
    event: Event,
    roster: Roster,
    ids: Ids,
    now: datetime,
    *,
    decided: bool = False,
    leaving: bool = False,
) -> str | None:
    """Whom it may go with, as far as can be said before that one is locked."""
    source = roster.sources.get(event.source)
    if source is None or not source.merges or not event.merge_key:
        return None
    within = timedelta(seconds=source.group_window_seconds)
    found = merged.may_lead(conn, event.source, event.merge_key, event.received_at, within, event.pk)
    fitting = (pk for pk in found if _fits(conn, pk, event, roster, ids, now, decided=decided, leaving=leaving))
    return next(fitting, None)


def _fits(
    conn: Connection,
    pk: str,
    event: Event,
    roster: Roster,
    ids: Ids,
    now: datetime,
    *,
    decided: bool = False,
    leaving: bool = False,
) -> bool:
    leader = cases.leader(conn, pk, roster, ids, now)
    full = merged.counts(conn, [pk], open_only=False).get(pk, 0) >= merging.MEMBERS
    if leader is None or full:
        return False
    return merging.why_not(leader, event, now, decided=decided, leaving=leaving) is None


def follow(conn: Connection, case: Case) -> Plan:
    """The plan of a new event that goes with another one: its own deadline, and a count in that one's thread."""
    event, ids, now = case.event, case.ids, case.now
    assert event.leader_pk is not None
    leader = cases.known(conn, event.leader_pk, case.roster, ids, now)
    said = f"goes with {leader.case.event.event_id}, which rings for it"
    plan = Plan(agenda=(agenda_member(case),) if event.rings else (), rings=False, remarks=(said,))
    cases.save_plan(conn, case, plan)
    _note_joined(conn, leader.case.event, event, ids, now)
    _count(conn, leader, event)
    if leader.verdicts or leader.replies:
        plans.ask_revise(conn, ids, event.pk, _LAST, f"as {leader.case.event.event_id}", now, urgent=False)
    return plan


def _count(conn: Connection, leader: Facts, joined: Event) -> None:
    pk = leader.case.event.pk
    count = merged.counts(conn, [pk], open_only=True)[pk]
    plans.add_notifications(conn, list(merging.count_lines(leader, count, joined.event_id)))


def _note_joined(conn: Connection, leader: Event, event: Event, ids: Ids, now: datetime) -> None:
    body = {"leader": leader.event_id, "revision": event.answer_revision, "deadline_at": event.deadline_at}
    timeline.append(conn, ids, event.pk, now, "joined", body)


class Locked(NamedTuple):
    """What is locked with a member that may have to leave its leader: whom it could go with instead, and the others."""

    other: str | None = None
    members: Sequence[str] = ()


def lock(conn: Connection, event_pk: str, roster: Roster, ids: Ids, now: datetime) -> Locked:
    """The event and its timetable, and what a change of its leader would touch."""
    leader_pk = merged.leader_of(conn, event_pk)
    locked = Locked()
    if leader_pk is not None:
        locked = _lock_with(conn, events.load(conn, [event_pk])[event_pk], leader_pk, roster, ids, now)
    plans.lock(conn, event_pk)
    return locked


def _lock_with(conn: Connection, event: Event, leader_pk: str, roster: Roster, ids: Ids, now: datetime) -> Locked:
    leader = cases.leader(conn, leader_pk, roster, ids, now)
    facts = replace(cases.known(conn, event.pk, roster, ids, now), leader=leader)
    if merging.why_leave(facts) is None:
        return Locked()
    merged.lock(conn, event.source, event.merge_key)
    other = _find(conn, event, roster, ids, now, decided=merging.is_decided(facts), leaving=True)
    members = [member[0] for member in merged.members(conn, leader_pk) if member[0] != event.pk]
    lock_events(conn, {event.pk, other or event.pk, *members})
    return Locked(other, members)


def settled(conn: Connection, facts: Facts, locked: Locked, facts_of: cases.FactsOf) -> Facts:
    """The facts of an event, of a member after it has left a leader that it can go with no longer.

    It goes with another one that fits, or rings for itself, and where its leader is done, for the others too: each of
    them is looked at as well, and leaves where that does not fit.
    """
    case, event = facts.case, facts.case.event
    why = merging.why_leave(facts) if event.leader_pk and event.status is EventStatus.OPEN else None
    if why is None or event.leader_pk is None:
        return facts
    other, decided = locked.other, merging.is_decided(facts)
    fits = other not in (None, event.leader_pk) and why is not merging.Apart.CANNOT
    named = facts.leader.event.event_id if facts.leader else event.leader_pk
    alone = merging.on_its_own(facts, case.policy)
    if other and fits and _fits(conn, other, event, case.roster, case.ids, case.now, decided=decided, leaving=True):
        _reopen(conn, facts, named, why)
        _join(conn, events.load(conn, [other])[other], [alone], case)
        if decided:
            plans.add_agenda(conn, [agenda_member(replace(case, event=alone))])
        _count(conn, cases.known(conn, other, case.roster, case.ids, case.now), event)
        return facts_of(event.pk)
    events.save(conn, alone)
    body = {"leader": named, "why": why, "revision": event.answer_revision}
    timeline.append(conn, case.ids, event.pk, case.now, "parted", body)
    _reopen(conn, facts, named, why)
    if why in merging.DONE:
        left = [e for e in events.load(conn, locked.members).values() if e.leader_pk == event.leader_pk]
        for member in _join(conn, alone, [e for e in left if e.status is EventStatus.OPEN], case):
            theirs = cases.known(conn, member.pk, case.roster, case.ids, case.now)
            _reopen(conn, theirs, named, why)
            plans.add_agenda(conn, [agenda_member(theirs.case)])
    return facts_of(event.pk)


def _reopen(conn: Connection, facts: Facts, leader: str, why: merging.Apart) -> None:
    before = facts.verdict()
    if before is not None and before.outcome is not Outcome.REOPENED:
        said = f"it went with {leader}, and no longer does: {why}"
        cases.save_verdicts(conn, facts.case, [verdict(facts, Outcome.REOPENED, said)])


def _join(conn: Connection, leader: Event, joining: Collection[Event], case: Case) -> list[Event]:
    """Whose time is over has as long as the one that rings for it now. Returns those."""
    prolonged: list[Event] = []
    for event in joining:
        with_it = replace(event, leader_pk=leader.pk)
        if event.deadline_at <= case.now < leader.deadline_at:
            with_it = replace(with_it, deadline_at=leader.deadline_at, work_until=leader.deadline_at)
            prolonged.append(with_it)
        events.save(conn, with_it)
        _note_joined(conn, leader, event, case.ids, case.now)
    return prolonged


def tell_members(conn: Connection, ids: Ids, event: Event, cause: str, now: datetime) -> None:
    """Something about it changed that those who go with it must know. Who would ring for the others looks first."""
    if event.leader_pk is not None or not event.merge_key:
        return
    found = [merging.Member(*member) for member in merged.members(conn, event.pk)]
    if not found:
        return
    first = merging.successor(found, now)
    plans.ask_revise(conn, ids, first.pk, _LAST, cause, now, urgent=True)
    others = [member.pk for member in found if member is not first]
    plans.ask_revise_each(conn, ids, others, _LAST, cause, now + REVISE_EVERY)


def tell_of_change(conn: Connection, facts: Facts, change: PlanChange) -> None:
    """After a look at a leader: its outcome is theirs."""
    if any(v.person is None for v in change.verdicts):
        event = facts.case.event
        tell_members(conn, facts.case.ids, event, f"as {event.event_id}", facts.case.now)


def tell_all_over(conn: Connection, facts: Facts) -> None:
    """The last that went with a leader is over, and so is that one.

    Where somebody had accepted that one they heard that others go on, and hear now that none does.
    """
    case, event = facts.case, facts.case.event
    if event.leader_pk is None or event.status is EventStatus.OPEN or merged.members(conn, event.leader_pk):
        return
    if event.leader_pk in events.load(conn, [event.leader_pk]):
        leader = cases.known(conn, event.leader_pk, case.roster, case.ids, case.now)
        accepted = objective.met_by(leader) is not None
        if accepted and leader.case.event.status is not EventStatus.OPEN:
            plans.add_notifications(conn, list(all_over(leader)))
