"""Where PagerDuty calls a team's people and does not take the alert, or nobody answers it, we call them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from model.plan import Agenda, AgendaKind, AgendaState, ChannelName, Hold, Kind, Notification, PagerDutyAction, State
from model.roster import PagerDutyMode, PagerDutyService, Roster
from model.verdict import Outcome
from routing import falling_due, planner
from routing.facts import Facts, PlanChange
from routing.revision import revise
from tests.unit.routing.house import NOW, ROSTER, case, event, facts, reply, sent

VOICE, PAGERDUTY = ChannelName.VOICE, ChannelName.PAGERDUTY
SERVICE = PagerDutyService(routing_key="k" * 32, mode=PagerDutyMode.PRIMARY)
PRIMARY = replace(ROSTER, teams={"ops": replace(ROSTER.teams["ops"], pagerduty=SERVICE)})
SOON = NOW + timedelta(seconds=8)
SAID = "PagerDuty does not take the alert for team ops, whose people it was to call: Gridcall calls them"


class Story:
    """The event's rows and agenda, as the reviser leaves them. `roster`: when it came; PRIMARY is in force then."""

    def __init__(self, roster: Roster = PRIMARY, **trigger: object) -> None:
        plan = planner.plan(case(roster=roster))
        self.rows = [replace(n, **trigger) if n.channel is PAGERDUTY else sent(n) for n in plan.notifications]
        self.agenda: list[Agenda] = list(plan.agenda)

    def facts(self, now: datetime, **more: Sequence[object]) -> Facts:
        return facts(event(), self.rows, agenda=self.agenda, now=now, roster=PRIMARY, **more)

    def look(self, now: datetime, **more: Sequence[object]) -> PlanChange:
        change = revise(self.facts(now, **more))
        brought = {agenda_id for agenda_id, _, _ in change.bring_forward}
        self.agenda = [replace(a, due_at=now) if a.id in brought else a for a in self.agenda]
        self._keep(change, now)
        return change

    def until(self, now: datetime) -> list[Notification]:
        """What is added by all that falls due, one after the other."""
        before = len(self.rows)
        takes = {AgendaKind.STEP: falling_due.take_step, AgendaKind.RAISE: falling_due.take_raise}
        while due := [a for a in self.agenda if a.due_at <= now and a.kind in takes and a.state is AgendaState.PENDING]:
            first = min(due, key=lambda a: a.due_at)
            self.agenda = [replace(a, state=AgendaState.DONE) if a is first else a for a in self.agenda]
            self._keep(takes[first.kind](self.facts(first.due_at), first), first.due_at)
        return self.rows[before:]

    def _keep(self, change: PlanChange, now: datetime) -> None:
        dropped = set(change.drop_agenda)
        kept = [replace(a, state=AgendaState.SUPERSEDED) if a.id in dropped else a for a in self.agenda]
        at = f"{now:%H%M%S}-{len(self.rows)}"  # each look counts its ids anew
        self.agenda = [*kept, *(replace(a, id=f"{at}-{a.id}") for a in change.add_agenda)]
        self.rows += [replace(n, id=f"{at}-{n.id}") for n in change.add]


def called(rows: Sequence[Notification]) -> list[str | None]:
    return [n.person for n in rows if n.channel is VOICE]


def told(change: PlanChange) -> list[object]:
    return [n.details["note"] for n in change.add if n.kind is Kind.ADMIN]


@pytest.mark.parametrize(
    "trouble",
    [
        {"hold": Hold.VENDOR},
        {"reason": "PagerDuty answered 503", "due_at": NOW + timedelta(seconds=12)},
        {"state": State.UNKNOWN},
        {"state": State.SENDING},
        {"state": State.FAILED, "reason": "PagerDuty answered 400"},
        {"state": State.EXPIRED},
    ],
    ids=["held", "retried", "unknown", "asked again", "refused", "expired"],
)
def test_who_is_on_call_is_called_at_once_and_the_admins_hear_once(trouble: dict[str, object]) -> None:
    story = Story(**trouble)
    assert told(story.look(SOON)) == [SAID]
    assert called(story.until(SOON)) == ["ana"]  # chie sleeps, and is called in her turn
    assert told(story.look(SOON + timedelta(seconds=1))) == []
    assert called(story.until(SOON + timedelta(seconds=1))) == []
    # So are the sleepers and those of the next step, once each.
    assert called(story.until(NOW + timedelta(seconds=299))) == ["chie"]
    assert called(story.until(NOW + timedelta(seconds=599))) == ["dee"]


@pytest.mark.parametrize(
    "going",
    [
        {"reason": "PagerDuty answered 503", "due_at": NOW + timedelta(seconds=2)},
        {"state": State.SENDING},
        {"hold": Hold.CHANNEL_RATE, "due_at": NOW + timedelta(seconds=20)},
        {},
    ],
    ids=["first retry", "on its way", "in turn", "due"],
)
def test_a_moment_is_given_to_it(going: dict[str, object]) -> None:
    story = Story(**going)
    change = story.look(NOW + timedelta(seconds=1))
    assert (told(change), change.bring_forward) == ([], [])


def test_where_it_was_taken_and_nobody_accepts_we_call_as_well() -> None:
    """PagerDuty says 202 to what it drops, too."""
    story = Story(state=State.SENT, sent_at=NOW)
    story.look(SOON)
    assert called(story.until(NOW + timedelta(seconds=359))) == []
    assert called(story.until(NOW + timedelta(seconds=360))) == ["ana", "chie", "dee"]


def test_who_has_accepted_is_not_called() -> None:
    story = Story(hold=Hold.VENDOR)
    accepted = story.look(SOON, replies=[reply("ana", at=SOON)])
    assert [v.outcome for v in accepted.verdicts if v.person is None] == [Outcome.MET]
    assert (told(accepted), called(story.until(NOW + timedelta(seconds=599)))) == ([], [])


def test_a_step_that_only_calls_has_its_people_called() -> None:
    """PagerDuty was to do all of it: the step has no row of ours."""
    policy = replace(
        ROSTER.policies["default"], steps=tuple(replace(s, channels=(VOICE,)) for s in ROSTER.policies["default"].steps)
    )
    roster = replace(PRIMARY, policies={"default": policy})
    plan = planner.plan(case(roster=roster))
    assert called(plan.notifications) == []
    [raise_] = [a for a in plan.agenda if a.kind is AgendaKind.RAISE]
    agenda = [replace(a, state=AgendaState.DONE) if a is raise_ else a for a in plan.agenda]
    known = facts(event(), plan.notifications, agenda=agenda, now=SOON, roster=roster)
    [step] = falling_due.take_raise(known, raise_).add_agenda
    assert called(falling_due.take_step(known, step).add) == ["ana", "chie"]


@pytest.mark.parametrize(
    ("service", "raised"),
    [(replace(SERVICE, mode=PagerDutyMode.RECORD), ["critical"]), (None, [])],
    ids=["kept the record", "was none"],
)
def test_where_pagerduty_becomes_primary_meanwhile_we_call_to_the_end(
    service: PagerDutyService | None, raised: list[str]
) -> None:
    """PagerDuty was asked to call nobody about this event."""
    story = Story(replace(ROSTER, teams={"ops": replace(ROSTER.teams["ops"], pagerduty=service)}))
    assert called(story.rows) == ["ana"]
    rows = story.until(NOW + timedelta(seconds=599))
    assert called(rows) == ["chie", "dee"]
    alerts = [n.details for n in rows if n.channel is PAGERDUTY]
    assert [said["severity"] for said in alerts if said["action"] == PagerDutyAction.TRIGGER] == raised
