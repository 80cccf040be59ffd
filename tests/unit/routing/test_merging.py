"""Which event goes with which other, and what becomes of it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model.event import (
    CHANGES_LATER,
    NEEDS_READING,
    Action,
    Content,
    Event,
    EventStatus,
    Instruction,
    Mode,
    Phase,
    ResourceRef,
    Severity,
    Zone,
)
from model.plan import AgendaKind, ChannelName, Kind
from model.reply import Answer
from model.verdict import Outcome, Verdict
from routing import merging, planner
from routing.event_after import event_after
from routing.facts import Facts, Leader
from routing.merging import Apart, Member
from routing.placing import place
from routing.revision import revise
from tests.unit.routing.house import NOW, ROSTER, CountingIds, case, content, event, facts, reply, revision, sent
from tests.unit.routing.test_poison_is_kept import reading

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
SOON = NOW + 20 * SECOND
ZONES = [Zone(scheme="MISO-LRZ", code=code) for code in "45"]
SITES = [ResourceRef(scheme="MISO-EPNODE", code=code) for code in ("F1", "F2")]
PHASES = [Phase.INFO, Phase.TERMINATION, Phase.ADVISORY, Phase.ALERT, Phase.WARNING, Phase.EVENT]


def member(**changes: object) -> Event:
    return event(pk="event-2", event_id="E-2", leader_pk="event-1", merge_key="k", **changes)


def leads(event_: Event | None = None, **changes: object) -> Leader:
    return replace(Leader(event=event_ or event(merge_key="k"), verdict=None), **changes)


def met(at: datetime = SOON) -> Leader:
    return leads(accepted_at=at, how="accepted by Ana")


def going(leader: Leader | None, *, now: datetime = SOON, event_: Event | None = None, **more: object) -> Facts:
    return replace(facts(event_ or member(), [], now=now, **more), leader=leader)  # type: ignore[arg-type]


def verdict(outcome: Outcome) -> Verdict:
    return Verdict(event_pk="event-2", revision=1, outcome=outcome, reason="", at=NOW)


# --- the law: whoever goes with another asks for nothing that the other's plan does not cover -----------------------


@st.composite
def contents(draw: st.DrawFn) -> Content:
    hours = st.sampled_from([None, NOW + timedelta(hours=1), NOW + timedelta(hours=1, seconds=50), NOW + 2 * MINUTE])
    return content(
        mode=draw(st.sampled_from([Mode.ACTUAL, Mode.ACTUAL, Mode.DRILL])),
        severity=draw(st.sampled_from(Severity)),
        phase=draw(st.sampled_from(PHASES)),
        nerc_eea=draw(st.sampled_from([None, 1, 2])),
        instruction=Instruction(
            action=draw(st.sampled_from([Action.REDUCE_LOAD, Action.INFORMATIONAL])),
            target_mw=draw(st.sampled_from([None, 5.0, 12.5])),
        ),
        zones=tuple(draw(st.lists(st.sampled_from(ZONES), unique=True))),
        resources=tuple(draw(st.lists(st.sampled_from(SITES), unique=True))),
        effective_at=draw(hours),
        ends_at=draw(hours),
        extra=draw(st.sampled_from([{}, {}, {NEEDS_READING: "free text"}])),
    )


ASKED = (
    "mode",
    "severity",
    "phase",
    "nerc_eea",
    "instruction",
    "zones",
    "resources",
    "effective_at",
    "ends_at",
    "extra",
)
DIFFERENT = (*ASKED, "deadline", "team")


@st.composite
def pairs(draw: st.DrawFn, name: str) -> tuple[Event, Event]:
    """Two events that differ in one thing that is asked, or in by when it is, or in whom it concerns."""
    its = draw(contents())
    own = replace(its, **{name: getattr(draw(contents()), name)}) if name in ASKED else its
    seconds = draw(st.integers(-70, 20)) if name == "deadline" else 0
    team = draw(st.sampled_from(["ops", "plant"])) if name == "team" else "ops"
    return _asked("event-1", its, 60, "ops"), _asked("event-2", own, 60 + seconds, team)


def _asked(pk: str, said: Content, seconds: int, team: str) -> Event:
    due, one = NOW + seconds * SECOND, replace(revision(), content=said)
    return event(one, pk=pk, severity=said.severity, deadline_at=due, work_until=due, team=team)


def _close(one: datetime | None, other: datetime | None) -> bool:
    return one == other if None in (one, other) else abs(one - other) <= MINUTE  # type: ignore[operator]


@pytest.mark.parametrize("name", DIFFERENT)
@settings(max_examples=40)
@given(data=st.data(), accepted=st.booleans())
def test_nothing_that_is_worse_than_its_leader_goes_with_it(name: str, data: st.DataObject, accepted: bool) -> None:
    leader, other = data.draw(pairs(name))
    known = leads(leader, accepted_at=NOW if accepted else None)
    if merging.why_not(known, other, NOW) is not None:
        return
    its, own = leader.content, other.content
    assert own.mode is its.mode
    assert other.severity.rank <= leader.severity.rank
    assert PHASES.index(own.phase) <= max(PHASES.index(its.phase), 1)
    assert (own.nerc_eea or 0) <= (its.nerc_eea or 0)
    assert own.instruction == its.instruction
    assert set(own.zones) <= set(its.zones)
    assert bool(own.zones) is bool(its.zones)
    assert set(own.resources) <= set(its.resources)
    assert bool(own.resources) is bool(its.resources)
    assert _close(own.effective_at, its.effective_at)
    assert _close(own.ends_at, its.ends_at)
    assert other.team == leader.team
    assert leader.rings or not other.rings
    assert accepted or other.deadline_at >= leader.deadline_at - 10 * SECOND
    assert {own.needs_reading, its.needs_reading} == {False}


def test_what_is_ordered_later_counts_too() -> None:
    leader, other = _asked("event-1", content(), 60, "ops"), _asked("event-2", content(), 60, "ops")
    later = replace(content(), extra={CHANGES_LATER: "Interval 2, 15:00: SIMPLE 0"})
    assert merging.why_not(leads(leader), other, NOW) is None
    assert merging.why_not(leads(leader), _asked("event-2", later, 60, "ops"), NOW) is merging.Apart.ASKED


@given(contents(), st.integers(0, 120))
def test_the_same_again_goes_with_what_is_asked_of_people(said: Content, later: int) -> None:
    leader, same = _asked("event-1", said, 60, "ops"), _asked("event-2", said, 60 + later, "ops")
    assume(not said.needs_reading)
    assert merging.why_not(leads(leader), same, NOW) is None


@given(
    st.lists(
        st.tuples(st.sampled_from(Severity), st.integers(-100, 100)).map(
            lambda t: Member(f"m-{t[1]}-{t[0]}", t[0], NOW + t[1] * SECOND)
        ),
        min_size=1,
        unique_by=lambda m: m.pk,
    )
)
def test_whoever_rings_for_the_others_can_be_accepted_in_time_for_the_first_of_them(members: list[Member]) -> None:
    one = merging.successor(members, NOW)
    assert one in members
    assert one.severity.rank == max(m.severity.rank for m in members)
    waiting = [m for m in members if m.severity is one.severity and m.deadline_at > NOW]
    assert all(one.deadline_at <= m.deadline_at + 10 * SECOND for m in waiting)


# --- who may lead ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leader", "why"),
    [
        (leads(event(status=EventStatus.CANCELLED)), Apart.OVER),
        (leads(event(leader_pk="event-0")), Apart.ITSELF),
        (leads(verdict=verdict(Outcome.MISSED)), Apart.MISSED),
        (leads(verdict=verdict(Outcome.NOT_NEEDED)), Apart.MISSED),
        (leads(event(deadline_at=NOW)), Apart.MISSED),
        (leads(event(deadline_at=NOW), accepted_at=NOW, verdict=verdict(Outcome.MET)), None),
        (leads(verdict=verdict(Outcome.REOPENED)), None),
    ],
)
def test_who_leads_is_still_asked_of_people_or_accepted(leader: Leader, why: Apart | None) -> None:
    assert merging.why_not(leader, event(pk="event-2"), NOW) is why


def test_what_came_late_rings_by_itself() -> None:
    late = event(pk="event-2", deadline_at=NOW - SECOND, work_until=NOW + 10 * MINUTE)
    assert merging.why_not(leads(), late, NOW) is Apart.DEADLINE


def test_what_is_in_common_is_said_by_fields_of_the_event_and_of_its_format() -> None:
    said = content(extra={"labels": {"site": "F1", "pod": "a"}}, zones=(ZONES[0],))
    fields = ("program", "zone", "extra.labels.site")
    assert merging.key(fields, said) == merging.key(fields, replace(said, extra={"labels": {"site": "F1", "pod": "b"}}))
    assert merging.key(fields, said) != merging.key(fields, replace(said, extra={"labels": {"site": "F2"}}))
    assert merging.key(fields, said) != merging.key(fields, replace(said, extra={"labels": "F1"}))
    assert merging.key(fields, said) != merging.key(fields, replace(said, mode=Mode.DRILL))
    assert merging.key(("phase",), said) == merging.key(("phase",), replace(said, program="LMR"))


# --- what becomes of a member ---------------------------------------------------------------------------------------


def test_who_accepts_the_leader_has_accepted_the_member_by_its_own_deadline() -> None:
    change = revise(going(met()))
    assert [(v.outcome, v.reason) for v in change.verdicts] == [(Outcome.MET, "with E-1, accepted by Ana")]
    assert not change.add
    hurried = member(deadline_at=SOON - SECOND, work_until=SOON - SECOND)
    assert [v.outcome for v in revise(going(met(), event_=hurried)).verdicts] == [Outcome.MISSED]


def test_while_nobody_has_accepted_the_leader_nothing_is_said_of_the_member() -> None:
    assert not revise(going(leads()))
    assert not revise(going(leads(verdict=verdict(Outcome.MISSED)))), "its own deadline is later"


def test_an_acceptance_taken_back_is_taken_back_for_the_member_too() -> None:
    kept = {"verdicts": [verdict(Outcome.MET)]}
    assert not revise(going(met(), **kept))
    assert not revise(going(leads(), **kept)), "the leader asks something new, and the member does not"
    change = revise(going(leads(taken_back=True), **kept))
    assert [v.outcome for v in change.verdicts] == [Outcome.REOPENED]
    assert [(a.kind, a.due_at) for a in change.add_agenda] == [(AgendaKind.MEMBER, NOW + 10 * MINUTE)]


def test_its_own_deadline_is_kept() -> None:
    at = NOW + 10 * MINUTE
    change = merging.take_deadline(going(leads(), now=at))
    assert [(v.outcome, v.reason) for v in change.verdicts] == [(Outcome.MISSED, "nobody accepted E-1 in time")]
    assert [v.outcome for v in merging.take_deadline(going(met(), now=at)).verdicts] == [Outcome.MET]
    assert not merging.take_deadline(going(leads(), now=at, verdicts=[verdict(Outcome.MISSED)]))
    assert not merging.take_deadline(going(None, now=at, event_=event()))


def test_an_answer_to_the_member_itself_counts_for_it_alone() -> None:
    change = revise(going(leads(), replies=[reply("ana", at=SOON)]))
    assert [v.outcome for v in change.verdicts] == [Outcome.MET]
    cannot = going(met(), replies=[reply("ana", Answer.CANNOT_COMPLY, at=SOON)])
    assert merging.why_leave(cannot) is Apart.CANNOT


def over(at: datetime, **changes: object) -> Leader:
    return leads(event(status=EventStatus.CANCELLED, closed_at=at), **changes)


def test_a_leader_that_ended_is_left_at_once_unless_somebody_had_accepted_it() -> None:
    assert merging.why_leave(going(over(SOON))) is Apart.OVER
    accepted = over(SOON, accepted_at=NOW, how="accepted by Ana")
    assert merging.why_leave(going(accepted)) is None
    change = revise(going(accepted, verdicts=[verdict(Outcome.MET)]))
    assert [(a.kind, a.due_at) for a in change.add_agenda] == [(AgendaKind.REVISE, SOON + MINUTE)]
    assert merging.why_leave(going(accepted, now=SOON + MINUTE)) is Apart.OVER
    assert merging.why_leave(going(None)) is Apart.GONE


def test_a_leader_nobody_accepted_is_left_while_a_call_can_still_be_over_in_time() -> None:
    missed = leads(verdict=verdict(Outcome.MISSED))
    assert merging.why_leave(going(missed, now=NOW + 7 * MINUTE)) is Apart.MISSED
    assert merging.why_leave(going(missed, now=NOW + 9 * MINUTE)) is None


def test_a_leader_that_asks_for_less_is_left() -> None:
    less = event(revision(), revision(2, instruction=Instruction(action=Action.REDUCE_LOAD, target_mw=5.0)))
    assert merging.why_leave(going(leads(less))) is Apart.ASKED


def test_whoever_leaves_has_its_own_deadline_and_a_new_one_where_that_is_decided() -> None:
    own = merging.on_its_own(going(over(SOON)), case().policy)
    assert (own.leader_pk, own.deadline_at) == (None, NOW + 10 * MINUTE)
    later = NOW + timedelta(hours=1)
    own = merging.on_its_own(going(over(later), now=later, verdicts=[verdict(Outcome.MET)]), case().policy)
    assert (own.deadline_at, own.work_until, own.late) == (later + 10 * MINUTE, later + 10 * MINUTE, False)


def test_whoever_left_is_planned_though_its_deadline_stood_in_the_agenda() -> None:
    alone = replace(member(), leader_pk=None)
    agenda = [planner.agenda_member(case(member())), planner.agenda_revise(case(member()), "E-1 is over")]
    change = revise(facts(alone, [], agenda=agenda, now=SOON))
    assert {n.person for n in change.add if n.channel is ChannelName.VOICE} == {"ana"}
    assert change.drop_agenda == [agenda[0].id]
    assert AgendaKind.VERDICT in {a.kind for a in change.add_agenda}


def test_whoever_has_answered_it_already_is_not_called_for_it() -> None:
    alone, cannot = replace(member(), leader_pk=None), [reply("ana", Answer.CANNOT_COMPLY, at=SOON)]
    change = revise(facts(alone, [], replies=cannot, now=SOON))
    assert "ana" not in {n.person for n in change.add}


def test_an_update_that_changes_what_is_asked_leaves() -> None:
    for mw, leader_pk in ((12.5, "event-1"), (15.0, None)):
        said = content(instruction=Instruction(action=Action.REDUCE_LOAD, target_mw=mw), text="More.")
        placed = place(replace(reading("E-2"), revision=2, content=said), member(), "d-2", SOON)
        after = event_after(placed, member(), "miso", ROSTER, CountingIds())
        assert (after.leader_pk, after.answer_revision) == (leader_pk, 1 if leader_pk else 2)


def test_the_end_of_a_member_is_told_to_nobody() -> None:
    change = revise(going(leads(), event_=member(status=EventStatus.CANCELLED, closed_at=SOON)))
    assert not change.add
    assert [(v.outcome, v.person) for v in change.verdicts] == [(Outcome.NOT_NEEDED, None)]


# --- what the leader says -------------------------------------------------------------------------------------------


def test_its_thread_says_how_many_there_are_at_once_then_each_half_minute() -> None:
    rows = [sent(n) for n in planner.plan(case()).notifications]
    found = []
    for n in range(1, 80):
        now = NOW + n * SECOND
        lines = merging.count_lines(facts(event(), rows, now=now), n, f"E-{n}")
        new = [replace(line, id=f"line-{n}") for line in lines]
        found += [(line.due_at - NOW).total_seconds() for line in new]
        rows = [sent(row) if row.details.get("alike") and row.due_at <= now else row for row in [*rows, *new]]
    assert found == [1, 31, 61, 91]
    assert {row.kind for row in rows if row.details.get("alike")} == {Kind.NOTE}
