"""A plan meets the phone lines: who can be called by when, who cannot and what they get instead. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from model.call_lengths import Length
from model.plan import Agenda, ChannelName, Kind, Notification, Plan, Reach, Ring, State
from model.roster import Policy
from routing import objective, planner
from routing.capacity import Grant, grant, pushed_out
from routing.facts import Facts, PlanChange
from routing.forecast import forecast
from routing.planner import Case

INSTEAD = (ChannelName.SMS, ChannelName.SLACK_DM)  # what they get at once for whom there is no line in time
NAMED = 20  # people in a sentence; the others are counted

_OVERTIME = "no line is free in time for anybody: the phones ring as soon as one is, though a call may not end in time"


@dataclass(frozen=True, slots=True)
class _Fit:
    """An event's calls, most urgent first, and the lines they get."""

    case: Case
    rows: Sequence[Notification]
    grants: dict[str, Grant]
    pushes_out: tuple[str, ...] = ()

    def reach(self) -> Reach:
        rings = {n.person: self._ring(n) for n in self.rows if n.person}
        return Reach(rings=tuple(rings.values()), length=self.case.lines.phones.length_of(self.case.policy))

    def _ring(self, row: Notification) -> Ring:
        granted = self.grants.get(row.id)
        return Ring(
            person=row.person or "", step=row.step, start=granted and granted.start, end=granted and granted.end
        )


def plan(case: Case) -> Plan:
    """Everything that will happen for the event's answer_revision, as far as the phone lines go."""
    planned = planner.plan(case)
    return fit(case, planned, planned.agenda)


def fit(case: Case, planned: Plan, agenda: Iterable[Agenda]) -> Plan:
    """The plan with what the lines allow. `agenda`: the steps to come; their people want lines too."""
    now = [n for n in planned.notifications if _is_call(n)]
    told = case.told | {(n.person, n.channel) for n in planned.notifications if n.person}
    later = [
        n for step in forecast(replace(case, told=told), agenda) for n in step.rows if _is_call(n) and not _late(n)
    ]
    if not (now or later) or case.now >= case.event.work_until:
        return planned
    fitted = _fit(case, (*now, *later))
    if now and _rings_nobody(case, now, fitted.grants):
        return _overtime(case, planned, now)
    if any(map(_late, now)):
        return planned
    reach = fitted.reach()
    unreached = set(reach.unreached)
    without = [n for n in now if n.person in unreached]
    marked = {n.id: _marked(n) for n in without}
    rows = [marked.get(n.id, n) for n in planned.notifications]
    rows += _instead(case, without, told)
    said = [sentence(case, reach)] if unreached else []
    if news := unreached - case.named:
        rows += planner.admin_rows(case, said[0], no_line=" ".join(sorted(news)))
    return replace(
        planned,
        notifications=tuple(rows),
        remarks=(*planned.remarks, *said),
        at_risk=planned.at_risk or bool(unreached),
        reach=reach,
        pushes_out=fitted.pushes_out,
    )


def refit(facts: Facts, change: PlanChange) -> None:
    """Other events took lines: whom they left none in time gets what is left at once, the admins their names."""
    case = facts.case
    pending = [n for n in facts.rows(revision=facts.revision) if _is_call(n) and n.state is State.PENDING]
    dropped = set(change.supersede)
    own = [n for n in pending if n.id not in dropped and not _late(n)]
    over = objective.met_by(facts) is not None or case.now >= case.event.work_until
    if not own or over or any(_is_call(n) for n in change.add):
        return
    reach = _fit(replace(case, own=()), own).reach()
    unknown = set(reach.unreached) - case.named
    news = [n for n in own if n.person in unknown]
    if news:
        told = case.told | {(n.person, n.channel) for n in change.add if n.person}
        change.add += _instead(case, news, told)
        said = f"of those who still wait {sentence(case, reach)}"
        change.remarks.append(said)
        change.add += planner.admin_rows(case, said, no_line=" ".join(n.person or "" for n in news))


def sentence(case: Case, reach: Reach) -> str:
    """How many can be called by when, who cannot, and why."""
    people, policy, lines = len(reach.rings), case.policy, case.lines
    over_at = f" by {reach.over_at:%H:%M:%S} UTC" if reach.over_at else ""
    taken = [f"{len(lines.busy)} of them in use"] if lines.busy else []
    taken += [f"calls of other events that wait too: {len(lines.waiting)}"] if lines.waiting else []
    taken += [f"people who accepted and are to be asked again: {len(lines.to_come)}"] if lines.to_come else []
    why = ", ".join((str(lines.phones), _each(policy, reach.length), *taken))
    return (
        f"{people - len(reach.unreached)} of {people} people can be called{over_at}; no line in time for "
        f"{_names(case, reach.unreached)}: {why}, and a call must begin by {case.last_ring_at:%H:%M:%S} UTC"
    )


def _each(policy: Policy, length: Length) -> str:
    most = f"up to {policy.ring_seconds + policy.call_seconds} s"
    if not length.calls:
        return f"{most} each"
    return f"{length.holds.total_seconds():.0f} s each as {length.calls} past calls teach ({most})"


def _names(case: Case, people: Sequence[str]) -> str:
    known = [case.roster.people[p].name if p in case.roster.people else p for p in people]
    if len(known) <= NAMED:
        return ", ".join(known)
    return f"{', '.join(known[:NAMED])} and {len(known) - NAMED} more"


def _is_call(row: Notification) -> bool:
    """The first ring of somebody: a line is promised for that, and a re-dial takes what is left."""
    return row.kind is Kind.ALERT and row.channel is ChannelName.VOICE and not row.redial


def _late(row: Notification) -> bool:
    """It rings although it cannot be over in time."""
    return bool(row.details.get("overtime"))


def _fit(case: Case, rows: Sequence[Notification]) -> _Fit:
    """The lines that those calls get beside the event's own that wait already, and beside other events' calls."""
    others = grant((), case.lines, case.now)
    calls = [*case.own, *(planner.call_of(case, n) for n in rows)]
    grants = grant(calls, case.lines, case.now)
    return _Fit(case, rows, grants, tuple(sorted(pushed_out(others, grants, case.lines.waiting))))


def _rings_nobody(case: Case, now: Sequence[Notification], grants: dict[str, Grant]) -> bool:
    """By the lines this event would not ring at all: who is to be called now rings all the same, however late."""
    return not case.rung and not any(n.id in grants for n in now)


def _overtime(case: Case, planned: Plan, now: Sequence[Notification]) -> Plan:
    until = case.event.work_until
    late = {n.id: replace(n, until=until, details={**n.details, "overtime": True}) for n in now}
    rows = [late.get(n.id, n) for n in planned.notifications]
    rows += _instead(case, now, frozenset((n.person, n.channel) for n in planned.notifications))
    rows += planner.admin_rows(case, _OVERTIME)
    return replace(planned, notifications=tuple(rows), remarks=(*planned.remarks, _OVERTIME), at_risk=True)


def _marked(row: Notification) -> Notification:
    """It stays: calls are often shorter than they may be, and then its turn comes after all."""
    return replace(row, details={**row.details, "no_line": True})


def _instead(
    case: Case, rows: Iterable[Notification], told: Iterable[tuple[str | None, ChannelName]]
) -> Iterator[Notification]:
    """A text and a Slack message to those who get no call in time, where they do not get them anyway."""
    known = set(told)
    for row in rows:
        person = case.roster.people.get(row.person or "")
        for channel in INSTEAD:
            address = person.address(channel) if person else None
            if person and address and (person.id, channel) not in known:
                yield planner.row(case, Kind.ALERT, channel, address, person=person.id, step=row.step, group=row.group)
