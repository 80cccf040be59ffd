"""Who is called again because a call reached nobody, and when nobody is left who could be. Pure.

The same number once more (a repeated call often passes Do Not Disturb), then the person's other number.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from model.plan import UNREACHABLE, CallEnd, ChannelName, Hold, Kind, Notification, State
from model.route import Part
from routing import objective, planner
from routing.facts import Facts, was_told
from routing.planner import Case

# A busy phone is still busy a second later; the others ring again as soon as the call is over.
PAUSES = {
    CallEnd.BUSY: timedelta(seconds=30),
    CallEnd.NO_ANSWER: timedelta(0),
    CallEnd.VOICEMAIL: timedelta(0),
    CallEnd.NO_KEY: timedelta(0),
}

TEXT_AGAIN = timedelta(seconds=30)

_Calls = Sequence[Notification]  # of one person, in order; what was never begun because it was stopped is left out


def redials(facts: Facts) -> Iterator[Notification]:
    """One more call to each whose last one is over and reached nobody, as far as the policy allows."""
    left_alone = objective.answered(facts) | objective.not_needed(facts, list(facts.rows(revision=facts.revision)))
    for person, calls in _calls(facts).items():
        last = calls[-1]
        over = last.state is State.FAILED or (last.redial and last.state is State.EXPIRED)
        if over and person not in left_alone and len(calls) <= facts.case.policy.redials:
            yield from _again(facts.case, person, calls)


def retexts(facts: Facts) -> Iterator[Notification]:
    """One more text to each phone that could not be reached: most are back within half a minute, or not for long."""
    texts = [n for n in facts.rows(revision=facts.revision, kind=Kind.ALERT) if n.channel is ChannelName.SMS]
    tried = Counter((n.person, n.address) for n in texts)
    answered = objective.answered(facts)
    for row in texts:
        lost = row.state is State.FAILED and row.reason.startswith(UNREACHABLE)
        if lost and tried[row.person, row.address] == 1 and row.person not in answered:
            due_at = facts.case.now + TEXT_AGAIN
            if due_at <= facts.case.event.work_until:
                yield planner.row(
                    facts.case,
                    Kind.ALERT,
                    ChannelName.SMS,
                    row.address,
                    person=row.person,
                    step=row.step,
                    group=row.group,
                    due_at=due_at,
                    follows=row.id,
                )


def last_ring(facts: Facts, part: Part) -> Notification | None:
    """The last call of a part's running step, once everybody whom it told has answered or was called in vain.

    None while a phone rings or may ring yet, and where somebody was only written to: they have the step's time.
    """
    rows = [n for n in facts.rows(revision=facts.revision) if n.person and n.step in part.steps]
    if not rows:
        return None
    step = max(n.step for n in rows)
    running = [n for n in rows if n.step == step]
    calls = _calls(facts)
    done = calls.keys() | objective.answered(facts) | objective.not_needed(facts, rows)
    if not all(n.person in done for n in running):
        return None
    if any(_may_ring(n) for each in calls.values() for n in each if n.step in part.steps):
        return None
    if any(again.step in part.steps for again in redials(facts)):
        return None
    return max((n for n in running if n.channel is ChannelName.VOICE), key=lambda n: n.id, default=None)


def _may_ring(row: Notification) -> bool:
    """Whoever has been rung as often as may be is not waited for."""
    return not row.state.terminal and row.hold is not Hold.PERSON_LIMIT


def _calls(facts: Facts) -> dict[str, list[Notification]]:
    found: dict[str, list[Notification]] = {}
    for row in facts.rows(revision=facts.revision, kind=Kind.ALERT):
        stopped = row.state is State.SUPERSEDED and not was_told(row)
        if row.person and row.channel is ChannelName.VOICE and not stopped:
            found.setdefault(row.person, []).append(row)
    return {person: sorted(rows, key=lambda n: (n.step, n.try_no)) for person, rows in found.items()}


def _again(case: Case, person: str, calls: _Calls) -> Iterator[Notification]:
    known = case.roster.people.get(person)
    numbers = known.addresses(ChannelName.VOICE) if known else ()
    yield from list(_same_number(case, calls, numbers)) or _other_number(case, calls, numbers)


def _same_number(case: Case, calls: _Calls, numbers: Sequence[str]) -> Iterator[Notification]:
    last = calls[-1]
    rung = sum(n.address == last.address for n in calls)
    if last.reason in PAUSES and rung == 1 and last.address in numbers and last.sent_at:
        within = last.sent_at + timedelta(seconds=case.policy.redial_within_seconds)
        yield from _call(case, last, last.address, PAUSES[CallEnd(last.reason)], min(within, case.last_ring_at))


def _other_number(case: Case, calls: _Calls, numbers: Sequence[str]) -> Iterator[Notification]:
    rung = {n.address for n in calls}
    other = next((number for number in numbers if number not in rung), None)
    if other:
        yield from _call(case, calls[-1], other, timedelta(0), case.last_ring_at)


def _call(case: Case, last: Notification, number: str, pause: timedelta, until: datetime) -> Iterator[Notification]:
    """A call after `last`, unless it would be too late."""
    due_at = case.now + pause
    if due_at <= until:
        yield planner.row(
            case,
            Kind.ALERT,
            ChannelName.VOICE,
            number,
            person=last.person,
            step=last.step,
            group=last.group,
            due_at=due_at,
            until=until,
            follows=last.id,
        )
