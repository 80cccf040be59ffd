"""Is the objective reached: who counts, how many are needed, and for which resources. Pure."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from model.plan import AgendaKind, CallEnd, ChannelName, Kind, Notification, State
from model.reply import Answer
from model.roster import Level, Objective, Policy, Step
from model.rota import Rota
from model.route import Part
from model.verdict import Outcome
from routing.facts import Facts, Leader, name
from routing.planner import Case

IN_VAIN = frozenset({State.FAILED, State.EXPIRED})  # how a call ends that asks whether it is in hand


class Counted(NamedTuple):
    """Somebody who counts, since when, and by which channel."""

    person: str
    at: datetime
    channel: str


class Scope(NamedTuple):
    """What must be answered for by itself: the resources of a team ("": whatever there is), for a part of the event.

    `part`: None where the event has one part only.
    """

    team: str
    resources: tuple[str, ...]
    part: Part | None = None


WHOLE = Scope("", ())


def counted(facts: Facts) -> list[Counted]:
    """Those who count by the policy's level, in order. Who took an answer back, cannot comply or is silent does not."""
    replies = facts.latest_replies()
    found = {
        r.person: Counted(r.person, r.received_at, r.channel)
        for r in replies.values()
        if r.answer is Answer.ACKNOWLEDGE
    }
    if facts.case.policy.level is Level.REACHED:
        for row in facts.rows(revision=facts.revision):
            if row.person and _picked_up(row) and row.person not in replies:
                found.setdefault(row.person, Counted(row.person, row.answered_at or facts.case.now, row.channel))
    silent = fell_silent(facts)
    counts = [c for c in found.values() if c.person not in silent or c.at > silent[c.person]]
    return sorted(counts, key=lambda c: c.at)


def fell_silent(facts: Facts) -> dict[str, datetime]:
    """Who was asked whether it is in hand and did not answer: what they said up to then counts no more."""
    rows = facts.rows(revision=facts.revision, kind=Kind.CONFIRM)
    return {n.person: accepted_at(n) for n in rows if n.person and n.state in IN_VAIN}


def accepted_at(row: Notification) -> datetime:
    """Which acceptance a call asks about."""
    return datetime.fromisoformat(str(row.details["accepted_at"]))


def _picked_up(row: Notification) -> bool:
    """Known when the call is over: until then a machine may turn out to have answered."""
    return row.channel is ChannelName.VOICE and row.reason == CallEnd.NO_KEY and row.answered_at is not None


def met_by(facts: Facts) -> Counted | None:
    """Who fulfilled it, the last one that was needed; None while it is open."""
    last = [_enough(facts, scope) for scope in scopes(facts.case)]
    return None if None in last else max((c for c in last if c), key=lambda c: c.at)


def scopes(case: Case) -> list[Scope]:
    """In each part, one for each team of the resources that the event names and the part calls, or all there is."""
    parts = [part for part in case.parts if part.steps]
    if len(parts) < 2:
        return _scopes(case, case.policy.steps, None)
    return [scope for part in parts for scope in _scopes(case, part.of(case.policy.steps), part)]


def _scopes(case: Case, steps: Sequence[Step], part: Part | None) -> list[Scope]:
    roster = case.roster
    called = {roster.rotations[r].team for step in steps for r in step.rotations if r in roster.rotations}
    found: dict[str, list[str]] = {}
    for named in case.event.content.resources:
        resource = roster.resource(named.scheme, named.code)
        if resource and resource.team in called:
            found.setdefault(resource.team or "", []).append(resource.name)
    return [Scope(team, tuple(names), part) for team, names in found.items()] or [WHOLE._replace(part=part)]


def _enough(facts: Facts, scope: Scope) -> Counted | None:
    """The last of those that the scope needs, once it has them."""
    policy, asked = facts.case.policy, asked_for(facts, scope)
    of_others = facts.people() - asked  # whoever was not asked, and answers in the channel, answers for everything
    able = [c for c in counted(facts) if c.person not in of_others]
    counts = [c for c in able if not _of_another_part(facts.case, c.person, scope)]
    if policy.objective is Objective.EVERYONE:
        missing = asked - {c.person for c in counts}
        to_come = [a for a in facts.open_agenda(AgendaKind.STEP) if scope.part is None or a.step in scope.part.steps]
        return counts[-1] if counts and not missing and not to_come else None
    needed = needed_by(policy)
    return counts[needed - 1] if len(counts) >= needed else None


def needed_by(policy: Policy) -> int:
    return policy.quorum if policy.objective is Objective.QUORUM else 1


def asked_for(facts: Facts, scope: Scope) -> set[str]:
    """Who is asked for an answer that counts for the scope, as far as their step is due."""
    rows, speaks = facts.rows(revision=facts.revision), _speaks_for(facts.case, scope)
    return {n.person for n in rows if n.person and speaks(n)}


def _speaks_for(case: Case, scope: Scope) -> Callable[[Notification], bool]:
    """Called for the scope's part, or one of its people, and as one of its team.

    Nobody is called twice at once, so who was called for one part or team speaks for the others where they are on call
    too. Whom a step names without a rotation speaks for every team.
    """
    rotations, part, team = case.roster.rotations, scope.part, scope.team
    of_part = members(case, part) if part else frozenset[str]()
    teams = [rota.people for rota in _rotas(case, part) if rota.rotation.team == team] if team else []
    of_team = frozenset[str]().union(*teams)

    def speaks(row: Notification) -> bool:
        if part and row.step not in part.steps and row.person not in of_part:
            return False
        rotation = rotations.get(row.group.partition(" ")[2])
        return not team or rotation is None or rotation.team == team or row.person in of_team

    return speaks


def members(case: Case, part: Part) -> set[str]:
    """Whom the part's steps may call, whenever they are on call."""
    named = {person for step in part.of(case.policy.steps) for person in step.people}
    return named.union(*(rota.people for rota in _rotas(case, part)))


def _rotas(case: Case, part: Part | None) -> list[Rota]:
    """Those that the steps of a part ask, or (None) all steps."""
    steps = part.of(case.policy.steps) if part else case.policy.steps
    return [case.roster.rotas[r] for step in steps for r in step.rotations if r in case.roster.rotas]


def _of_another_part(case: Case, person: str, scope: Scope) -> bool:
    """Not called yet, and never for this part."""
    if scope.part is None or person in members(case, scope.part):
        return False
    return any(person in members(case, part) for part in case.parts)


def open_scopes(facts: Facts) -> list[Scope]:
    return [scope for scope in scopes(facts.case) if _enough(facts, scope) is None]


def not_needed(facts: Facts, rows: Collection[Notification]) -> set[str]:
    """Of the people of those rows, whose part of the event has been answered for while another part is open."""
    still = [_speaks_for(facts.case, scope) for scope in open_scopes(facts)]
    people = {n.person for n in rows if n.person}
    return people - {n.person for n in rows if any(speaks(n) for speaks in still)}


def answered(facts: Facts) -> set[str]:
    """Who is not called again: they have said something, or count."""
    return {*facts.latest_replies(), *(c.person for c in counted(facts))}


def leader_in(facts: Facts) -> Leader:
    """What those that go with the event must know of it."""
    accepted, latest = met_by(facts), facts.verdict()
    cannot = any(reply.answer is Answer.CANNOT_COMPLY for reply in facts.latest_replies().values())
    reopened = latest is not None and latest.outcome is Outcome.REOPENED
    return Leader(
        event=facts.case.event,
        verdict=latest,
        accepted_at=accepted.at if accepted else None,
        how=how_met(facts, accepted) if accepted else "",
        taken_back=accepted is None and (cannot or reopened or bool(fell_silent(facts))),
    )


# --- in words -------------------------------------------------------------------------------------------------------


def how_met(facts: Facts, last: Counted) -> str:
    """E.g. "accepted by all 3, the last Cyd at 18:00:02 UTC"."""
    verb = "reached:" if facts.case.policy.level is Level.REACHED else "accepted by"
    teams = len(scopes(facts.case))
    where = f", for each of {teams} teams" if teams > 1 else ""
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
    """The resources and teams that nobody has answered for, where others were; "" otherwise."""
    names = [name for scope in open_scopes(facts) for name in scope.resources or _team_name(facts.case, scope)]
    some = counted(facts) and len(scopes(facts.case)) > 1
    return f"nobody answered for {', '.join(names)}" if some and names else ""


def _team_name(case: Case, scope: Scope) -> tuple[str, ...]:
    team = case.roster.teams.get(scope.part.team) if scope.part else None
    return (team.name,) if team else ()
