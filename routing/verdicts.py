"""Was the deadline kept: the event's outcome and each person's, with the reason in words. Pure."""

from collections.abc import Iterable, Iterator

from model.plan import Notification
from model.reply import Answer
from model.roster import Objective
from model.verdict import Outcome, Verdict
from routing.facts import Facts
from routing.objective import counted


def verdict(facts: Facts, outcome: Outcome, reason: str, person: str | None = None) -> Verdict:
    return Verdict(
        event_pk=facts.case.event.pk,
        revision=facts.revision,
        outcome=outcome,
        reason=reason,
        at=facts.case.now,
        person=person,
    )


def verdicts(facts: Facts, outcome: Outcome, reason: str) -> Iterator[Verdict]:
    """The event's outcome, and that of each person on its timetable."""
    yield verdict(facts, outcome, reason)
    replies, deadline = facts.latest_replies(), facts.case.event.deadline_at
    reached = {c.person: c.at for c in counted(facts)}
    for person, rows in facts.by_person(revision=facts.revision).items():
        reply = replies.get(person)
        if reply and reply.answer is Answer.ACKNOWLEDGE:
            in_time = facts.case.policy.objective is not Objective.ANYONE and reply.received_at <= deadline
            own = Outcome.MET if in_time and outcome is Outcome.MISSED else outcome
            yield verdict(facts, own, f"accepted by {reply.channel}", person)
        elif reply:
            yield verdict(facts, outcome if outcome is Outcome.MISSED else Outcome.NOT_NEEDED, reply.verb, person)
        elif person in reached:
            own = Outcome.MET if outcome is Outcome.MISSED and reached[person] <= deadline else outcome
            yield verdict(facts, own, "picked up the phone", person)
        elif outcome is Outcome.MISSED:
            yield verdict(facts, Outcome.MISSED, _why_silent(rows), person)
        else:
            yield verdict(facts, Outcome.NOT_NEEDED, reason, person)


def _why_silent(rows: Iterable[Notification]) -> str:
    return "; ".join(dict.fromkeys(f"{n.channel}: {n.reason or n.state}" for n in rows))
