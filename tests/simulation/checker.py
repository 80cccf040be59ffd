"""The end of a run. Verdicts are judged by what the vendors saw alone: who was called, who answered what, and when.

Where an answer was lost on its way both outcomes are right; everywhere else exactly one is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import select

from model.event import Event, EventStatus
from model.plan import ChannelName, State
from model.reply import Answer
from model.roster import Heartbeat, Level, Objective, Policy, Roster, Source
from model.verdict import Outcome, Verdict
from store import events, seal, verdicts
from store.database import Connection
from store.tables import events as events_table
from store.tables import notifications, replies, voice_in_flight
from tests.simulation import alerts
from tests.simulation.chance import START
from tests.simulation.invariants import Watch
from tests.simulation.mix import Mix
from tests.simulation.vendors import Answered, Heard, Vendors

__all__ = ["SILENCE_SECONDS", "START", "check", "silences", "slack", "told_of_silence"]

_IN_VAIN = (State.FAILED, State.EXPIRED)
PATIENCE_SECONDS = 120.0  # what slow ticks and a database that is away may add until a silence is told
SILENCE_SECONDS = 360.0 + PATIENCE_SECONDS  # with the longest period and grace


def check(conn: Connection, watch: Watch, vendors: Vendors, mix: Mix, roster: Roster, now: float) -> list[str]:
    """Everything that is wrong now that all is over."""
    found = [*_left_over(conn, watch), *_forgotten(watch, vendors), *_of_each(conn, watch, vendors)]
    apart = slack(mix, now)
    for event in events.load(conn, list(conn.scalars(select(events_table.c.pk)))).values():
        found += [f"{event.event_id}: {b.why}" for b in seal.check(conn, event.pk)]
        if seal.state(conn, event.pk).unsealed:
            found.append(f"{event.event_id}: evidence is not sealed")
        written, told = verdicts.of_event(conn, event.pk), _told(watch, vendors, event)
        seen = [_seen(watch, vendors, one, roster) for one in _asked_by(conn, watch, event)]
        found += _judged(event, written, seen, told, apart)
        found += _stood_down(watch, vendors, event)
        if event.leader_pk is None:
            found += _asked_again(watch, vendors, event, *seen[0], roster, now)
        found += _rings_alone(watch, event)
        found += _alerts(watch, vendors, event, seen, written, roster)
        found += _left_behind(conn, event, now)
    return found


def _asked_by(conn: Connection, watch: Watch, event: Event) -> Iterator[Event]:
    """The event; of one that goes with others these, by each of their revisions, as if they had to be met as it is."""
    if event.leader_pk is None:
        yield event
        return
    pks = [pk for revision, pk in watch.events[event.pk].leaders if revision == event.answer_revision]
    for leader in events.load(conn, pks).values():
        for revision in leader.revisions:
            if revision.needs_answer:
                own = {"deadline_at": event.deadline_at, "closed_at": event.closed_at, "status": event.status}
                yield replace(leader, answer_revision=revision.number, **own)


def _left_behind(conn: Connection, event: Event, now: float) -> Iterator[str]:
    """Where what rang for an event is over, something else rings for it, at once or a minute later."""
    if event.leader_pk is None or event.status is not EventStatus.OPEN:
        return
    leader = events.load(conn, [event.leader_pk])[event.leader_pk]
    if leader.closed_at is not None and now - _seconds(leader.closed_at) > 60.0 + PATIENCE_SECONDS:
        yield f"{event.event_id} is open, and {leader.event_id}, which rings for it, is over"
    asks_more = event.severity.rank > leader.severity.rank or event.content.instruction != leader.content.instruction
    if leader.closed_at is None and asks_more:
        yield f"{event.event_id} asks for something that {leader.event_id}, which rings for it, does not ask"


def _rings_alone(watch: Watch, event: Event) -> Iterator[str]:
    """Nobody is told of an event for which another one rings."""
    rows = [r for r in watch.rows.values() if r.event_pk == event.pk and r.revision == event.answer_revision]
    asks = [row for row in rows if row.kind == "alert"]
    if event.leader_pk is not None and asks:
        yield f"{event.event_id} goes with {watch.events[event.leader_pk].name}, and rings: {asks[0]}"


def _left_over(conn: Connection, watch: Watch) -> Iterator[str]:
    for row in watch.rows.values():
        if row.state in (State.SENDING, State.UNKNOWN):
            yield f"{row.state} never ended: {row}"
    for attempt, (_, state) in watch.attempts.items():
        if state in ("sending", "unknown"):
            yield f"attempt {attempt} is {state} for ever: {watch.rows[watch.attempts[attempt][0]]}"
    due = notifications.c.state == State.PENDING
    for row_id in conn.scalars(select(notifications.c.id).where(due)):
        yield f"still waiting: {watch.rows[row_id]}"
    for number in conn.scalars(select(voice_in_flight.c.number)):
        yield f"the line to {number} is never free again"


def _forgotten(watch: Watch, vendors: Vendors) -> Iterator[str]:
    for record in vendors.records:
        if record.channel != "pagerduty" and record.sid not in watch.vendor_ids:
            yield f"{record.sid} was taken, and nobody knows: {watch.rows[record.attempt.notification_id]}"


def _of_each(conn: Connection, watch: Watch, vendors: Vendors) -> Iterator[str]:
    """What a call about several events led to is written with each of them."""
    replied = {tuple(row) for row in conn.execute(select(replies.c.event_pk, replies.c.person, replies.c.attempt_id))}
    for answered in vendors.answers:
        rows = [watch.rows[n] for n in answered.named]
        for row in rows if len(rows) > 1 and answered.heard is Heard.COUNTED else ():
            if (row.event_pk, answered.person, answered.attempt) not in replied:
                yield f"{answered.person} has answered, and it was not taken for each event of the call: {row}"
    for row in watch.rows.values():
        if row.carried_by is not None and row.channel == ChannelName.VOICE and not row.state.terminal:
            yield f"the call is over, and not for each of its events: {row}"


def _about(watch: Watch, answered: Answered) -> set[tuple[str, int]]:
    """The events and the revisions that the words named."""
    if answered.about is not None:
        named = {answered.about}
    else:
        rows = [watch.rows[n] for n in answered.named or [watch.attempts[answered.attempt][0]]]
        named = {(row.event_pk, row.revision) for row in rows}
    return {(pk, min(revision, watch.events[pk].answer_revision)) for pk, revision in named}


def _told(watch: Watch, vendors: Vendors, event: Event) -> dict[str, None]:
    """Whom a vendor was made to tell of the event, in order."""
    rows = [row for r in vendors.records for row in watch.told_by(r.attempt.notification_id)]
    asked = [r for r in rows if r.event_pk == event.pk and r.kind in ("alert", "update") and r.person]
    return dict.fromkeys(r.person for r in asked if r.person)


# --- verdicts -------------------------------------------------------------------------------------------------------


class _Wanted(NamedTuple):
    """What fulfils the event: its policy, whom it may call for each of its teams and has called, and who picked up a
    phone, since when, where that counts. `silent`: who was asked again whether it is in hand, and when last.
    """

    policy: Policy
    teams: list[set[str]]
    asked: set[str]
    picked_up: dict[str, float]
    machines: set[str]  # whose phone a machine took
    silent: dict[str, float]

    def enough(self, people: set[str]) -> bool:
        """Who belongs to none of the teams answers for all of them."""
        if len(self.teams) == 1:
            return self._enough(self.asked, people)
        strangers = people - set().union(*self.teams)
        return all(self._enough(self.asked & team, people & team | strangers) for team in self.teams)

    def _enough(self, asked: set[str], people: set[str]) -> bool:
        if self.policy.objective is Objective.EVERYONE:
            return bool(people) and asked <= people
        return len(people) >= (self.policy.quorum if self.policy.objective is Objective.QUORUM else 1)


class _Seen(NamedTuple):
    """What the vendors saw of an event, and what it needed."""

    answers: list[Answered]
    wanted: _Wanted


def _seen(watch: Watch, vendors: Vendors, event: Event, roster: Roster) -> _Seen:
    answers = [a for a in vendors.answers if (event.pk, event.answer_revision) in _about(watch, a)]
    policy = watch.policies[event.policy]
    callable_ = [_callable(roster, name) for name in (event.policy, *(o.policy for o in event.also if o.policy))]
    machines = _picked_up(watch, vendors, event, policy, by_machine=True).keys()
    picked_up, silent = _picked_up(watch, vendors, event, policy), _silent(watch, vendors, event)
    return _Seen(answers, _Wanted(policy, callable_, _asked(watch, event), picked_up, set(machines), silent))


def _callable(roster: Roster, policy: str) -> set[str]:
    """Everybody whom the policy may call."""
    steps = roster.policies[policy].steps
    return {p for s in steps for p in s.people}.union(*(roster.rotas[r].people for s in steps for r in s.rotations))


def _asked(watch: Watch, event: Event) -> set[str]:
    rows = [r for r in watch.rows.values() if r.event_pk == event.pk and r.revision == event.answer_revision]
    return {r.person for r in rows if r.kind == "alert" and r.person}


def _picked_up(
    watch: Watch, vendors: Vendors, event: Event, policy: Policy, *, by_machine: bool = False
) -> dict[str, float]:
    if policy.level is not Level.REACHED:
        return {}
    found: dict[str, float] = {}
    for record in vendors.records:
        for row in (watch.rows[n] for n in record.attempt.named):
            mine = (row.event_pk, row.revision, row.kind) == (event.pk, event.answer_revision, "alert")
            if mine and row.person and record.picked_up and record.by_machine is by_machine:
                found.setdefault(row.person, record.at)
    return found


def _silent(watch: Watch, vendors: Vendors, event: Event) -> dict[str, float]:
    """Whoever was to be asked again: since when what they said before may count no more. A call may never begin."""
    rows = [r for r in watch.rows.values() if (r.event_pk, r.revision) == (event.pk, event.answer_revision)]
    rung = {record.attempt.notification_id: record.at for record in vendors.records}
    found: dict[str, float] = {}
    for row in rows:
        if row.kind == "confirm" and row.person and row.state in _IN_VAIN:
            found[row.person] = max(rung.get(row.id, float("inf")), found.get(row.person, 0.0))
    return found


def _judged(
    event: Event,
    written: list[Verdict],
    seen: Sequence[_Seen],
    told: dict[str, None],
    slack: float,
) -> Iterator[str]:
    mine = [v for v in written if v.person is None and v.revision == event.answer_revision]
    if not mine:
        if event.status is not EventStatus.TOMBSTONE and event.rings and (told or event.status is EventStatus.OPEN):
            yield f"{event.event_id} r{event.answer_revision} ({event.status}) has no verdict, told: {list(told)}"
        return
    right = set[Outcome]().union(*(_right(event, one.answers, one.wanted, slack) for one in seen))
    answers = [answer for one in seen for answer in one.answers]
    if mine[-1].outcome not in right:
        heard = [f"{a.person} {a.answer} at {a.at:.1f} ({a.heard})" for a in answers]
        said = f"the verdict is {mine[-1].outcome} ({mine[-1].reason}), the vendors saw {sorted(right)}: {heard}"
        yield f"{event.event_id} r{event.answer_revision} ({event.status}): {said}"
    accepted = {a.person for a in answers if a.answer is Answer.ACKNOWLEDGE and a.heard is not Heard.REFUSED}
    for n, verdict in enumerate(written):
        met = verdict.person and verdict.outcome is Outcome.MET and verdict.revision == event.answer_revision
        # Twilio may find out late that a machine picked up: then it was thought to be a person, and is taken back.
        taken_back = any(v.person is None and v.outcome is Outcome.REOPENED for v in written[n:])
        thought = set[str]().union(*(one.wanted.machines for one in seen)) if taken_back else set()
        picked_up = {person for one in seen for person in one.wanted.picked_up}
        if met and verdict.person not in accepted | picked_up | thought:
            yield f"{event.event_id}: {verdict.person} is said to have accepted, the vendors saw nothing of it"


def _right(event: Event, answers: list[Answered], wanted: _Wanted, slack: float) -> set[Outcome]:
    """What the verdict may be, by what the vendors saw."""
    deadline = _seconds(event.deadline_at)
    heard = [a for a in answers if a.heard is not Heard.REFUSED]
    cannot = {a.person for a in heard if a.answer is Answer.CANNOT_COMPLY}
    accepted = [a for a in heard if a.answer is Answer.ACKNOWLEDGE]
    found: set[Outcome] = set()
    perhaps = {a.person for a in accepted if a.at <= deadline + slack}
    perhaps |= {person for person, at in wanted.picked_up.items() if at <= deadline + slack}
    if event.closed_at is None:
        later = {a.person for a in heard for at in [wanted.silent.get(a.person)] if at is not None and a.told_at >= at}
        perhaps -= {person for person, at in wanted.silent.items() if at < float("inf")} - later
    if wanted.enough(perhaps):
        found.add(Outcome.MET)
    sure = [a for a in accepted if a.heard is Heard.COUNTED and a.person not in cannot]
    sure = [a for a in sure if a.at > wanted.silent.get(a.person, -1)]
    if not wanted.enough({a.person for a in sure if a.told_at <= deadline - slack}):
        found.add(Outcome.MISSED)
    if event.closed_at is not None:
        found.add(Outcome.NOT_NEEDED)
        if not perhaps and _seconds(event.closed_at) < deadline - slack - 30:
            found.discard(Outcome.MISSED)  # nobody had to answer any more
    return found


def _seconds(at: datetime) -> float:
    return (at - START).total_seconds()


# --- who is asked again ---------------------------------------------------------------------------------------------


def _asked_again(
    watch: Watch, vendors: Vendors, event: Event, answers: list[Answered], wanted: _Wanted, roster: Roster, now: float
) -> Iterator[str]:
    """One person said one thing, that they have it, in time, and then nobody anything: they were called about it.

    Where more was said, or it may have been lost, the verdict shows what came of it. A call may never begin: no line.
    """
    policy = wanted.policy
    counts = policy.page_again_seconds and policy.level is Level.ACKNOWLEDGED and event.status is EventStatus.OPEN
    if not counts or len(answers) != 1:
        return
    [said] = answers
    sure = said.heard is Heard.COUNTED and said.answer is Answer.ACKNOWLEDGE and wanted.enough({said.person})
    in_time = said.told_at <= _seconds(event.deadline_at) - PATIENCE_SECONDS
    over = said.told_at + policy.page_again_seconds + PATIENCE_SECONDS <= now
    if not (sure and in_time and over and roster.people[said.person].address(ChannelName.VOICE)):
        return
    mine = [r for r in watch.rows.values() if (r.event_pk, r.kind, r.person) == (event.pk, "confirm", said.person)]
    rung = {record.attempt.notification_id for record in vendors.records}
    if not any(row.id in rung or row.state in (*_IN_VAIN, State.SUPERSEDED) for row in mine):
        yield f"{event.event_id}: {said.person} accepted at {said.at:.0f} s, was not heard of since, and nobody asked"


# --- stand-downs ----------------------------------------------------------------------------------------------------


def _stood_down(watch: Watch, vendors: Vendors, event: Event) -> Iterator[str]:
    """Cancelled or released: exactly those hear of it who were told."""
    ended = event.status in (EventStatus.CANCELLED, EventStatus.TERMINATED)
    if not ended or event.source == "gridcall":
        return
    downs = [r for r in watch.rows.values() if r.event_pk == event.pk and r.kind == "stand_down" and r.person]
    hearing = {r.person for r in downs}
    told = _told(watch, vendors, event)
    for person in told:
        if person not in hearing:
            yield f"{event.event_id}: {person} was told, and never that it is over"
    alerts = [r for r in watch.rows.values() if r.event_pk == event.pk and r.kind in ("alert", "update")]
    for person in sorted(hearing - {r.person for r in alerts if r.claimed}):
        yield f"{event.event_id}: {person} heard that it is over, and nothing before"


# --- PagerDuty ------------------------------------------------------------------------------------------------------


def _alerts(
    watch: Watch, vendors: Vendors, event: Event, seen: Sequence[_Seen], written: list[Verdict], roster: Roster
) -> Iterator[str]:
    """An event that goes with another one has no alert of its own that must be open."""
    if any(watch.rows[row].event_pk == event.pk for row in vendors.alerts.beyond_us):
        return
    known = [a for a in vendors.alerts if watch.rows[a.row].event_pk == event.pk]
    known.sort(key=lambda alert: (watch.rows[alert.row].revision, alert.generation))
    services = [team.pagerduty for team in roster.teams_of(event) if team.pagerduty]
    alone = seen[0] if event.leader_pk is None else None
    yield from alerts.wrong(event, known, services, _needed(event, alone, written) if alone else alerts.NOTHING)


def _needed(event: Event, seen: _Seen, written: list[Verdict]) -> alerts.Needed:
    mine = [v.outcome for v in written if v.person is None and v.revision == event.answer_revision]
    sure = {a.person for a in seen.answers if a.heard is Heard.COUNTED and a.answer is Answer.ACKNOWLEDGE}
    moved = {a.person for a in seen.answers if a.answer is Answer.CANNOT_COMPLY} | seen.wanted.silent.keys()
    return alerts.Needed(
        accepted=not moved and seen.wanted.enough(sure),
        nobody=not (seen.answers or seen.wanted.picked_up or seen.wanted.machines),
        missed=mine[-1:] == [Outcome.MISSED],
    )


# --- silence --------------------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """An alarm about silence: of one source, or (None) of most at once. In seconds of the world."""

    source: str | None
    name: str
    at: float
    over_at: float | None


def slack(mix: Mix, now: float) -> float:
    """By how much the clocks of two processes and the world's may differ."""
    return 2 * mix.clock_off + abs(mix.drift) * now + 0.5


def told_of_silence(conn: Connection) -> list[Told]:
    """Every alarm, when it was decided, and since when it is over."""
    found = []
    for event in events.load(conn, list(conn.scalars(select(events_table.c.pk)))).values():
        kind, _, rest = event.event_id.partition("/")
        if event.source == "gridcall" and kind in ("silence", "all-silent"):
            issued = event.revisions[0].content.issued_at
            assert issued is not None
            over_at = _seconds(event.closed_at) if event.closed_at else None
            source = rest.rpartition("/")[0] if kind == "silence" else None
            found.append(Told(source, event.event_id, _seconds(issued), over_at))
    return found


def silences(
    told: Sequence[Told],
    sources: Mapping[str, Source],
    heard: Mapping[str, Sequence[float]],
    lives: Sequence[tuple[float, float]],
    slack: float,
) -> Iterator[str]:
    """`heard`: when a process took a word of each source; `lives`: from when to when each was there."""
    minded = {name: source.heartbeat for name, source in sources.items() if source.heartbeat}
    for alarm in told:
        if alarm.over_at is None:
            yield f"{alarm.name} is open for ever, though the source was heard again"
        if alarm.source is not None:
            yield from _too_early(alarm, minded[alarm.source], heard[alarm.source], lives, slack)
        elif sum(_listened(heard[name], alarm.at, lives) >= h.period_seconds - slack for name, h in minded.items()) < 2:
            yield f"{alarm.name} was told at {alarm.at:.0f} s, and fewer than two sources were late"
    for name, heartbeat in minded.items():
        limit = heartbeat.period_seconds + heartbeat.grace_seconds + PATIENCE_SECONDS
        alarms = [alarm for alarm in told if alarm.source in (name, None)]
        for before, after in pairwise(heard[name]):
            watched = any(start < before and after < end for start, end in lives)
            stood = any(before < alarm.at < after or alarm.at < before < (alarm.over_at or after) for alarm in alarms)
            if after - before > limit and watched and not stood:
                yield f"{name}: nothing was heard from {before:.0f} s to {after:.0f} s, and nobody was told"


def _too_early(
    alarm: Told, heartbeat: Heartbeat, heard: Sequence[float], lives: Sequence[tuple[float, float]], slack: float
) -> Iterator[str]:
    """False unless somebody has listened for so long without a word of it: our outage is not its silence."""
    listened, needed = _listened(heard, alarm.at, lives), heartbeat.period_seconds + heartbeat.grace_seconds
    if listened < needed - slack:
        why = f"nobody heard it for {listened:.0f} s of listening only"
        yield f"{alarm.name} was told at {alarm.at:.0f} s, falsely: {why}"


def _listened(heard: Sequence[float], until: float, lives: Sequence[tuple[float, float]]) -> float:
    """For how long somebody has listened since the last word before that instant."""
    since = max((at for at in heard if at < until), default=0.0)
    return sum(max(0.0, min(end, until) - max(start, since)) for start, end in lives)
