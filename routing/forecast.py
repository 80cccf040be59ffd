"""Whom later steps would tell, by the rota at the instants they fall due. The router asks again then. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from model.plan import Agenda, AgendaKind, AgendaState, Notification
from routing import planner
from routing.planner import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One step to come. `rows` are what it would add; `remarks` say whom it would not find."""

    agenda: Agenda
    rows: tuple[Notification, ...]
    remarks: tuple[str, ...] = ()


def forecast(case: Case, agenda: Iterable[Agenda]) -> Iterator[Forecast]:
    """The pending steps of `agenda`, and those of sleepers that they would add, in order of their due time.

    Nobody is told twice on one channel: `case.told` counts, and so does what an earlier step would add.
    """
    steps = [a for a in agenda if a.kind is AgendaKind.STEP and a.state is AgendaState.PENDING]
    told, known = case.told, {(a.slot, a.due_at) for a in steps}
    while steps:
        step = min(steps, key=lambda a: (a.due_at, a.step))
        steps.remove(step)
        at = max(step.due_at, case.now)
        plan = planner.take_step(replace(case, now=at, told=told), step.step, asleep=step.asleep)
        told |= {(row.person, row.channel) for row in plan.notifications if row.person}
        added = [a for a in plan.agenda if (a.slot, a.due_at) not in known]
        known |= {(a.slot, a.due_at) for a in added}
        steps += added
        yield Forecast(agenda=step, rows=plan.notifications, remarks=plan.remarks)
