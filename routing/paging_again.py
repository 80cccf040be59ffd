"""Somebody accepted, and nothing was heard since: they are called once and asked whether it is in hand. Pure.

Heard is an answer of anybody else, that the issuer was told, a new revision that asks, or the end. Who does not answer
the call has it no more: the event is open again, as after a "cannot comply".
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from model.issuer import first
from model.plan import Agenda, AgendaKind, AgendaState, ChannelName, Kind, Notification
from model.verdict import Outcome
from routing import objective, planner
from routing.facts import Facts, PlanChange, name, thread_line
from routing.objective import Counted
from routing.planner import Case

LIFE = timedelta(minutes=5)  # for as long it is tried: no line, a busy number, a vendor that does not answer


def look(facts: Facts, accepted: Counted) -> Iterator[Agenda]:
    """When to look whether anything was heard, of each time that the objective was met in time."""
    seconds = facts.case.policy.page_again_seconds
    in_time = accepted.at <= facts.case.event.deadline_at
    if seconds and in_time and not _looked_at(facts):
        yield planner.agenda_page_again(facts.case, accepted.at + timedelta(seconds=seconds))


def _looked_at(facts: Facts) -> bool:
    """It is on the agenda, or was, since the event was last open again."""
    mine = [v for v in facts.verdicts if v.person is None and v.revision == facts.revision]
    reopened = [v.at for v in mine if v.outcome is Outcome.REOPENED]
    rows = [a for a in facts.agenda if a.kind is AgendaKind.PAGE_AGAIN and a.revision == facts.revision]
    kept = [a for a in rows if a.state is not AgendaState.SUPERSEDED]
    return any(not reopened or a.due_at > reopened[-1] for a in kept)


def ask(facts: Facts, change: PlanChange, accepted: Counted) -> None:
    """The time has come. Who accepted again since then has that long from there."""
    case, seconds = facts.case, facts.case.policy.page_again_seconds
    due_at = accepted.at + timedelta(seconds=seconds)
    if not seconds or _heard(facts, accepted):
        return
    if due_at > case.now:
        change.add_agenda.append(planner.agenda_page_again(case, due_at))
        return
    known = case.roster.people.get(accepted.person)
    number = known.address(ChannelName.VOICE) if known else None
    change.add += _call(case, accepted, number) if number else _cannot_ask(facts, accepted)


def _call(case: Case, accepted: Counted, number: str) -> Iterator[Notification]:
    until, details = case.now + LIFE, {"accepted_at": accepted.at.isoformat()}
    yield planner.row(
        case, Kind.CONFIRM, ChannelName.VOICE, number, person=accepted.person, until=until, details=dict(details)
    )


def _cannot_ask(facts: Facts, accepted: Counted) -> Iterator[Notification]:
    """To the admins and in the thread: they keep it."""
    note = f"{name(facts, accepted.person)} accepted it, nothing was heard since, and there is no phone to ask on"
    yield from planner.admin_rows(facts.case, note)
    yield from thread_line(facts, note, f"ask {accepted.at.isoformat()}")


def _heard(facts: Facts, accepted: Counted) -> bool:
    """Somebody else said something since, or the issuer was told."""
    return _answers_since(facts, accepted.at) or first(facts.issuer_acks, facts.revision) is not None


def _answers_since(facts: Facts, at: datetime) -> bool:
    return any(r.revision == facts.revision and r.received_at > at for r in facts.replies)


def needless(facts: Facts, accepted: Counted) -> list[Notification]:
    """The calls that ask what was answered meanwhile, by another way or by somebody else."""
    calls = list(facts.rows(revision=facts.revision, kind=Kind.CONFIRM))
    return [n for n in calls if accepted.at > objective.accepted_at(n) or _heard(facts, accepted)]


def notes(facts: Facts, change: PlanChange) -> None:
    """One line in the event's Slack thread for each call that was in vain, while nothing else was heard."""
    for row in facts.rows(revision=facts.revision, kind=Kind.CONFIRM):
        silent = row.state in objective.IN_VAIN and not _answers_since(facts, objective.accepted_at(row))
        if silent and row.person:
            who = name(facts, row.person)
            note = f"{who} did not say whether it is in hand: {row.reason or 'no answer'}"
            change.add += thread_line(facts, note, row.id)


def why(facts: Facts) -> str:
    """Who has it no more, in words; "" where that is not what happened last."""
    silent = objective.fell_silent(facts)
    last = max(silent, key=lambda person: silent[person], default=None)
    if last is None or _answers_since(facts, silent[last]):
        return ""
    return f"{name(facts, last)} accepted it and did not say whether it is in hand"
