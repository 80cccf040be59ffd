"""The event as it is once a reading has found its place. Pure: the router stores it, a preview only looks at it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from model.event import Content, Event, EventStatus, MessageType
from model.ids import Ids
from model.roster import Policy, Roster, also
from model.route import Routed
from routing import changes, merging, routes
from routing.placing import Decision, Placement, highest


def event_after(
    placement: Placement,
    event: Event | None,
    source: str,
    roster: Roster,
    ids: Ids,
    promised_deadline_at: datetime | None = None,
) -> Event:
    """The event with the placement's revision. `promised_deadline_at` is what the door said; the sooner counts.

    Raises AssertionError for a placement that adds no revision.
    """
    revision = placement.revision
    assert revision is not None
    content = revision.content
    routed = roster.routed(source, content)
    before = event.content if event and event.revisions else None
    if placement.decision is Decision.REVISED and before and _concerns_more(roster.routed(source, before), routed):
        # Those who were told hear it again: their yes was to something that concerned fewer.
        revision = replace(revision, needs_answer=True)
    event = event or _new(placement, source, content, routed, revision.received_at, ids)
    event = replace(
        event,
        revisions=(*event.revisions, revision),
        severity=highest(event.severity, content.severity),
        roster_version=roster.version,
        merge_key=_merge_key(event, content, roster),
    )
    if placement.decision is Decision.ENDED:
        status = EventStatus.CANCELLED if content.message_type is MessageType.CANCEL else EventStatus.TERMINATED
        return replace(event, status=status, closed_at=revision.received_at)
    if placement.decision is Decision.TOMBSTONE or not revision.needs_answer:
        return event
    return _opened(event, before, routed, roster, promised_deadline_at)


def in_time(event: Event, policy: Policy, now: datetime) -> Event:
    """The event whose answer is planned now. Where we come too late ourselves, people are told all the same."""
    if event.status is not EventStatus.OPEN or now < event.work_until:
        return event
    return replace(event, work_until=now + timedelta(seconds=policy.sla_seconds))


def _new(placement: Placement, source: str, content: Content, routed: Routed, received_at: datetime, ids: Ids) -> Event:
    return Event(
        pk=ids.new(),
        source=source,
        event_id=placement.event_id,
        status=EventStatus.TOMBSTONE if placement.decision is Decision.TOMBSTONE else EventStatus.OPEN,
        severity=content.severity,
        revisions=(),
        answer_revision=placement.number,
        received_at=received_at,
        deadline_at=received_at,
        work_until=received_at,
        **_by(routed),
        roster_version=0,
    )


def _merge_key(event: Event, content: Content, roster: Roster) -> str:
    """An event that others may go with says something else now: then it is those that say the same."""
    source = roster.sources.get(event.source)
    anew = event.merge_key and source is not None and source.merges
    return merging.key(source.group_by, content) if anew and source else event.merge_key


def _concerns_more(before: Routed, after: Routed) -> bool:
    """A team or a policy that it did not concern, by the roster of now: another zone, or a severity of other routes."""
    return not _concerned(after) <= _concerned(before)


def _concerned(routed: Routed) -> set[tuple[str, str]]:
    return {(route.team, route.policy) for route in (routed.route, *routed.also)}


def _opened(event: Event, before: Content | None, routed: Routed, roster: Roster, promised: datetime | None) -> Event:
    """Its latest revision needs an answer: from when on, by when, by which route."""
    revision = event.latest
    deadline_at, work_until = routes.deadline(
        roster.policy_for(routed),
        revision.content,
        revision.received_at,
        new_or_moved_start=changes.moved_start(before, revision.content),
        new_or_moved_due=before is None or before.ack_due_at != revision.content.ack_due_at,
    )
    deadline_at = min(deadline_at, promised) if promised and promised > revision.received_at else deadline_at
    return replace(
        event,
        status=EventStatus.OPEN,
        closed_at=None,
        leader_pk=None,  # what it asks now is not what another one rings for
        answer_revision=revision.number,
        deadline_at=deadline_at,
        work_until=min(work_until, deadline_at) if deadline_at > revision.received_at else work_until,
        **_by(routed),
    )


def _by(routed: Routed) -> dict[str, Any]:
    """The fields of an event that say whom it concerns."""
    route = routed.route
    return {"route": route.id, "policy": route.policy, "team": route.team, "also": also(routed)}
