"""Where the time of a missed deadline went, and what a month adds up to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from model.event import Mode
from model.ledger import EventLine, Late, Paged, PersonLine, Spread, late_by, totals
from model.verdict import Outcome

START = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


ANA = PersonLine(person="ana", due_at=START, started_at=at(1), ringing_at=at(3))
MISSED = EventLine(
    pk="1",
    source="miso",
    event_id="E-1",
    revision=1,
    mode=Mode.ACTUAL,
    severity="critical",
    policy="default",
    received_at=START,
    planned_at=START,
    deadline_at=at(600),
    outcome=Outcome.MISSED,
    outcome_at=at(600),
    reason="nobody accepted in time",
    people=[ANA],
)
UNTOUCHED = PersonLine(person="ana", due_at=START)


@pytest.mark.parametrize(
    ("line", "late"),
    [
        (MISSED, Late.PERSON),
        (replace(MISSED, deadline_at=START), Late.SOURCE),
        (replace(MISSED, people=[UNTOUCHED]), Late.US),
        (replace(MISSED, people=[]), Late.US),
        (replace(MISSED, people=[replace(ANA, started_at=at(15))]), Late.PERSON),
        (replace(MISSED, people=[replace(ANA, started_at=at(15.001))]), Late.US),
        (replace(MISSED, people=[replace(ANA, ringing_at=None)]), Late.VENDOR),
        (replace(MISSED, people=[replace(ANA, ringing_at=at(601))]), Late.VENDOR),
        (replace(MISSED, people=[replace(ANA, ringing_at=None, delivered_at=at(5))]), Late.PERSON),
        (replace(MISSED, people=[UNTOUCHED, ANA]), Late.PERSON),
        # a policy whose first step waits a minute
        (replace(MISSED, people=[replace(ANA, due_at=at(60), started_at=at(60), ringing_at=at(64))]), Late.PERSON),
        (replace(MISSED, people=[replace(ANA, due_at=at(60), started_at=at(76), ringing_at=at(78))]), Late.US),
        # away until we made the plan, and what is planned begins at once
        (replace(MISSED, planned_at=at(100), people=[replace(ANA, due_at=at(100), started_at=at(100))]), Late.US),
        (replace(MISSED, planned_at=at(8), people=[replace(ANA, due_at=at(8), started_at=at(16))]), Late.US),
        (replace(MISSED, planned_at=None), Late.PERSON),
        # it came so late that nobody could have heard what to press
        (replace(MISSED, deadline_at=at(5)), Late.SOURCE),
        (replace(MISSED, deadline_at=at(29)), Late.SOURCE),
        (replace(MISSED, deadline_at=at(30)), Late.PERSON),
        (replace(MISSED, deadline_at=at(5), people=[]), Late.US),
        # where PagerDuty calls, telling it is the first send; whom it reached it does not say
        (replace(MISSED, people=[], paged=Paged(START, at(1))), Late.VENDOR),
        (replace(MISSED, people=[], paged=Paged(START, at(16))), Late.US),
        (replace(MISSED, people=[], paged=Paged(START)), Late.US),
        (replace(MISSED, people=[replace(ANA, started_at=at(40))], paged=Paged(START, at(1))), Late.PERSON),
        (replace(MISSED, outcome=Outcome.MET), None),
        (replace(MISSED, outcome=None), None),
    ],
)
def test_by_whose_doing_it_was_missed(line: EventLine, late: Late | None) -> None:
    assert late_by(line) is late


def test_what_it_adds_up_to() -> None:
    accepted = replace(ANA, replied_at=at(20), accepted_at=at(20), reply="acknowledge")
    met = [
        replace(
            MISSED,
            pk=f"met-{n}",
            outcome=Outcome.MET,
            people=[replace(accepted, ringing_at=at(n), accepted_at=at(10 * n))],
        )
        for n in range(1, 20)
    ]
    still_open = replace(MISSED, revision=2, outcome=None, people=[UNTOUCHED])
    found = totals([*met, MISSED, still_open])
    assert (found.events, found.deadlines, found.late_by) == (20, 21, {"person": 1})
    assert found.outcomes == {"met": 19, "missed": 1, "open": 1}
    assert found.kept == 0.95
    assert found.first_ring == Spread(20, 1, 9, 18, 19)
    assert found.first_acceptance == Spread(19, 10, 100, 190, 190)
    assert found.left_at_first_ring == Spread(20, 581, 590, 598, 599)


def test_of_nothing_there_is_nothing() -> None:
    found = totals([])
    assert (found.events, found.kept, found.first_ring) == (0, None, Spread(0, None, None, None, None))
