"""`POST /v1/plans`: an event in, its timetable with the exact words out. Nothing is sent, nothing is stored."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request

from app.api.deps import CallerDep, ServiceDep
from app.api.event_shapes import forecast_shape, reach_shape, step_shape, texts_shape
from app.api.instants import iso
from app.api.let_in import body_of
from app.gantt import gantt
from app.intake_door import feed_of
from app.masking import masked
from app.preview import Called, Preview, Spoken, preview
from app.problems import MEDIA_TYPE, Problem
from app.security import Caller
from app.service import Service
from intake.read import read
from model.errors import Undecidable
from model.event import Event, EventStatus
from model.ids import Ids
from model.reading import Reading, Unreadable
from model.roster import Roster
from model.silence import Silence
from routing import following, silencing
from routing.capacity import Lines
from routing.cases import lines_known
from store import events, silences
from store.database import Connection

router = APIRouter(tags=["planning"])

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {}}}
    for status, text in {
        401: "No key, or a wrong one",
        403: "The key is for another source",
        404: "No such source",
        413: "Too large",
        422: "Cannot be read, or holds several events",
    }.items()
}


@router.post("/v1/plans", responses=_PROBLEMS)
async def plan(
    request: Request, service: ServiceDep, caller: CallerDep, source: Annotated[str | None, Query(max_length=63)] = None
) -> dict[str, Any]:
    """Who would be told, how, when and in which words, if this event came in now as the first of its id.

    Where a silence holds it, or another event rings for it (`goes_with`), `rings` is false and the remarks say why.

    The body is what `POST /v1/events` takes, one event. `source` is whose event it is; an upstream's own by default.
    422 with the problems when it cannot be read, 413 when it is too large; neither is kept.
    """
    name = _source(service, caller, source)
    body, truncated = await body_of(request.receive, service.settings.max_body_bytes)
    if truncated:
        raise Problem(413, "The body is too large", f"at most {service.settings.max_body_bytes} bytes are taken")
    now, roster = service.clock.now(), service.rosters.roster
    reading = _only([*read(body, dict(request.headers), feed_of(roster, name), now)])
    try:
        found = preview(reading, name, roster, service.house, service.ids, now, await _lines(service, roster, now))
    except Undecidable as why:
        raise Problem(422, "The event cannot be planned", str(why)) from None
    meets = await service.database.read(lambda conn: _meets(conn, found.event, roster, service.ids, now))
    return _shape(found, meets, [*_instead(meets), *found.plan.remarks, *reading.warnings, *_known(meets.known)])


class _Meets(NamedTuple):
    """What there is now that the event meets: one of its id, what holds it, what would ring for it."""

    known: Event | None
    silence: Silence | None
    leader: Event | None


def _meets(conn: Connection, event: Event, roster: Roster, ids: Ids, now: datetime) -> _Meets:
    known = events.find(conn, event.source, event.event_id)
    anew = known is None and event.status is EventStatus.OPEN
    return _Meets(
        known,
        silencing.holding(event, silences.active(conn, now), now),
        following.would_join(conn, event, roster, ids, now) if anew else None,
    )


def _instead(meets: _Meets) -> Iterator[str]:
    """Why nobody would be called by this plan."""
    if meets.silence:
        yield f"{silencing.why(meets.silence)}: nobody would be told now"
    if meets.leader:
        yield f"it would go with {meets.leader.event_id} now, which rings for it; by itself it would be told like this"


async def _lines(service: Service, roster: Roster, now: datetime) -> Lines:
    """The lines in use and the calls that wait, as far as any policy looks ahead."""
    until = now + timedelta(seconds=max((p.sla_seconds for p in roster.policies.values()), default=0))
    return await service.database.read(lambda conn: lines_known(conn, roster, service.call_lengths.phones, now, until))


def _source(service: Service, caller: Caller, given: str | None) -> str:
    source = given or caller.source
    if source is None:
        raise Problem(422, "The request cannot be read", "query.source: say whose event it is, ?source=")
    if not caller.may_read(source):
        raise service.doorkeeper.forbidden(f"key {caller.key_id} is not for source {source}")
    if source not in service.rosters.roster.sources:
        raise Problem(404, "No such source", f"source {source} is not in the roster")
    return source


def _only(found: list[Reading | Unreadable]) -> Reading:
    """Raises Problem 422 unless there is exactly one event, readable."""
    if len(found) != 1:
        raise Problem(422, "One event at a time", f"the body holds {len(found)} events")
    reading = found[0]
    if isinstance(reading, Unreadable):
        errors = [{"field": p.field, "found": p.found, "expected": p.expected} for p in reading.problems]
        raise Problem(422, "The message cannot be read", reading.reason, errors=errors)
    return reading


def _known(event: Event | None) -> Iterator[str]:
    if event is not None:
        heard = f"revision {event.latest.number}, {event.status}"
        yield f"event {event.event_id} is known already ({heard}); this is planned as if it were not"


def _shape(found: Preview, meets: _Meets, remarks: list[str]) -> dict[str, Any]:
    event, plan = found.event, found.plan
    return {
        "source": event.source,
        "event_id": event.event_id,
        "revision": event.latest.number,
        "mode": str(event.content.mode),
        "received_at": iso(event.received_at),
        "rings": plan.rings and not (meets.silence or meets.leader),
        "goes_with": meets.leader.event_id if meets.leader else None,
        "at_risk": plan.at_risk,
        "deadline_at": iso(event.deadline_at) if plan.agenda or plan.notifications else None,
        "remarks": remarks,
        **reach_shape(plan.reach),
        "texts": texts_shape(found.texts),
        "gantt": gantt(found),
        "route": event.route,
        "policy": event.policy,
        "team": event.team,
        "also": [other._asdict() for other in event.also],
        "groups": [_group(g) for g in found.groups],
        "notifications": [_row(s) for s in found.spoken],
        "later": [
            {"kind": str(a.kind), "step": step_shape(a.step), "due_at": iso(a.due_at), "asleep": a.asleep}
            for a in plan.agenda
        ],
        "forecast": [forecast_shape(f) for f in found.forecasts],
    }


def _group(called: Called) -> dict[str, Any]:
    timezone, _, rotation = called.group.partition(" ")
    return {
        "step": step_shape(called.step),
        "due_at": iso(called.due_at),
        "timezone": timezone,
        "rotation": rotation or None,
        "awake": called.awake,
        "people": list(called.people),
    }


def _row(spoken: Spoken) -> dict[str, Any]:
    row = spoken.row
    return {
        "due_at": iso(row.due_at),
        "until": iso(row.until),
        "kind": str(row.kind),
        "channel": str(row.channel),
        "address": masked(row.channel, row.address),
        "person": row.person,
        "team": row.team,
        "group": row.group,
        "step": step_shape(row.step),
        "forecast": spoken.forecast,
        "words": [{"text": words.text, "template": words.template} for words in spoken.words],
    }
