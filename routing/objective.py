"""Is the objective reached: who counts, how many are needed, and for which resources. Pure."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from model.event import Event
from model.plan import AgendaKind, CallEnd, ChannelName, Notification
from model.reply import Answer
from model.roster import Level, Objective, Policy, Roster
from routing.facts import Facts, name


class Counted(NamedTuple):
    """Somebody who counts, since when, and by which channel."""

    person: str
    at: datetime
    channel: str


class Scope(NamedTuple):
    """A part of the event that must be answered for by itself: the resources of a team, or ("") the whole event."""

    team: str
    resources: tuple[str, ...]


WHOLE = Scope("", ())


def counted(facts: Facts) -> list[Counted]:
    """Those who count by the policy's level, in order. Who took an answer back, or cannot comply, does not."""
    found = {
        r.person: Counted(r.person, r.received_at, r.channel)
        for r in facts.latest_replies().values()
        if r.answer is Answer.ACKNOWLEDGE
    }
    if facts.case.policy.level is Level.REACHED:
        for row in facts.rows(revision=facts.revision):
            if row.person and _picked_up(row) and row.person not in facts.latest_replies():
                found.setdefault(row.person, Counted(row.person, row.answered_at or facts.case.now, row.channel))
    return sorted(found.values(), key=lambda c: c.at)


def _picked_up(row: Notification) -> bool:
    """Known when the call is over: until then a machine may turn out to have answered."""
    return row.channel is ChannelName.VOICE and row.reason == CallEnd.NO_KEY and row.answered_at is not None


def met_by(facts: Facts) -> Counted | None:
    """Who fulfilled it, the last one that was needed; None while it is open."""
    last = [_enough(facts, scope) for scope in scopes(facts.case.event, facts.case.policy, facts.case.roster)]
    return None if None in last else max((c for c in last if c), key=lambda c: c.at)


def scopes(event: Event, policy: Policy, roster: Roster) -> list[Scope]:
    """One for each team of the resources that the event names and the policy calls; the whole event when none is."""
    called = {roster.rotations[r].team for step in policy.steps for r in step.rotations if r in roster.rotations}
    found: dict[str, list[str]] = {}
    for named in event.content.resources:
        resource = roster.resource(named.scheme, named.code)
        if resource and resource.team in called:
            found.setdefault(resource.team or "", []).append(resource.name)
    return [Scope(team, tuple(names)) for team, names in found.items()] or [WHOLE]


def _enough(facts: Facts, scope: Scope) -> Counted | None:
    """The last of those that the scope needs, once it has them."""
    policy, asked = facts.case.policy, asked_for(facts, scope)
    of_others = facts.people() - asked  # whoever was not asked, and answers in the channel, answers for everything
    counts = [c for c in counted(facts) if c.person not in of_others]
    if policy.objective is Objective.EVERYONE:
        missing = asked - {c.person for c in counts}
        return counts[-1] if counts and not missing and not facts.open_agenda(AgendaKind.STEP) else None
    needed = needed_by(policy)
    return counts[needed - 1] if len(counts) >= needed else None


def needed_by(policy: Policy) -> int:
    return policy.quorum if policy.objective is Objective.QUORUM else 1


def asked_for(facts: Facts, scope: Scope) -> set[str]:
    """Who is asked for an answer that counts for the scope, as far as their step is due."""
    rows = facts.rows(revision=facts.revision)
    return {n.person for n in rows if n.person and speaks_for(facts.case.roster, n, scope)}


def speaks_for(roster: Roster, row: Notification, scope: Scope) -> bool:
    """Called as one of the scope's team; whom a step names without a rotation speaks for every team."""
    rotation = roster.rotations.get(row.group.partition(" ")[2])
    return scope is WHOLE or rotation is None or rotation.team == scope.team


def open_scopes(facts: Facts) -> list[Scope]:
    found = scopes(facts.case.event, facts.case.policy, facts.case.roster)
    return [scope for scope in found if _enough(facts, scope) is None]


def not_needed(facts: Facts, rows: Collection[Notification]) -> set[str]:
    """Of the people of those rows, whose part of the event has been answered for while another part is open."""
    still = open_scopes(facts)
    people = {n.person for n in rows if n.person}
    return people - {n.person for n in rows if any(speaks_for(facts.case.roster, n, scope) for scope in still)}


def answered(facts: Facts) -> set[str]:
    """Who is not called again: they have said something, or count."""
    return {*facts.latest_replies(), *(c.person for c in counted(facts))}


# --- in words -------------------------------------------------------------------------------------------------------


def how_met(facts: Facts, last: Counted) -> str:
    """E.g. "accepted by all 3, the last Cyd at 18:00:02 UTC"."""
    verb = "reached:" if facts.case.policy.level is Level.REACHED else "accepted by"
    found = scopes(facts.case.event, facts.case.policy, facts.case.roster)
    where = f", for each of {len(found)} teams" if len(found) > 1 else ""
    by = " ".join(filter(None, (_how_many(facts), name(facts, last.person))))
    return f"{verb} {by} at {last.at:%H:%M:%S} UTC{where}"


def _how_many(facts: Facts) -> str:
    objective = facts.case.policy.objective
    if objective is Objective.EVERYONE:
        return f"all {len(facts.people())}, the last"
    if objective is Objective.QUORUM:
        return f"{needed_by(facts.case.policy)} as needed, the last"
    return ""


def how_many(facts: Facts) -> str:
    """How far it got, e.g. "1 of 3"; "" for nobody, and where one is enough."""
    objective, so_far = facts.case.policy.objective, len(counted(facts))
    wanted = len(facts.people()) if objective is Objective.EVERYONE else needed_by(facts.case.policy)
    return f"{so_far} of {wanted}" if so_far and wanted > 1 else ""


def left_open(facts: Facts) -> str:
    """The resources that nobody has answered for, where others were; "" otherwise."""
    still = open_scopes(facts)
    names = [resource for scope in still for resource in scope.resources]
    some = counted(facts) and len(scopes(facts.case.event, facts.case.policy, facts.case.roster)) > 1
    return f"nobody answered for {', '.join(names)}" if some and names else ""
