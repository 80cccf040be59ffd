"""Who covers from when until when: `POST /v1/rotations/preview`, and the shifts of a rotation in force."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from app.api import roster_shapes as shapes
from app.api.deps import CallerDep, ServiceDep
from app.api.instants import Instant, iso
from app.api.rota_in import MAX_AT_ONCE, PreviewIn, most_at_once
from app.problems import MEDIA_TYPE, Problem, refused
from app.roster_effect import shown_clocks
from model.roster import Roster
from model.rota import Rota, ShiftUnit
from routing.effect import Change, rota_effect, words
from routing.notices import Notice, NoticeKind, next_clocks, notices
from routing.on_call import spans
from routing.rota_words import Names

router = APIRouter(
    tags=["roster"],
    responses={
        status: {"description": text, "content": {MEDIA_TYPE: {}}}
        for status, text in {
            401: "No key, or a wrong one",
            403: "For operators and admins",
            422: "Cannot be read: `errors` names the fields",
        }.items()
    },
)

MAX_WINDOW = timedelta(days=366)
DEFAULT_WINDOW = timedelta(days=14)
MAX_PIECES = 30_000  # turns and hours of restrictions in one answer
_HOURS = {ShiftUnit.HOUR: 1, ShiftUnit.DAY: 24, ShiftUnit.WEEK: 168, ShiftUnit.MONTH: 672}


@router.post(
    "/v1/rotations/preview",
    responses={
        400: {"description": "The body is no JSON", "content": {MEDIA_TYPE: {}}},
        404: {"description": "No such rotation", "content": {MEDIA_TYPE: {}}},
    },
)
async def preview(
    body: PreviewIn,
    service: ServiceDep,
    _: CallerDep,
    against: Annotated[str | None, Query(max_length=63, description="A rotation in force to compare with")] = None,
) -> dict[str, Any]:
    """Who would be on call by this rotation: `{"shifts", "gaps", "notices"}`. Nothing is stored.

    Shifts are `{"person", "from", "to", "layer", "override"}`, one for each person and turn, cut to the window, by
    start, then overrides before layers of falling priority, then by person; `layer` is null where an override put the
    person there. Gaps are `{"from", "to"}`. Notices are `{"kind", "text", "from", "to", "people"}`. With `?against=`
    there is an `effect` as well: `{"rotation", "from", "to", "before", "after", "text"}` for each interval in which
    other people would be on call than by the rotation in force, and `clocks`: who works an hour less or more at each of
    the next two changes of clocks, wherever the window ends.
    """
    roster = service.rosters.roster
    if against is not None and against not in roster.rotas:
        raise unknown("rotation", against)
    if wrong := body.wrong_intervals():
        raise refused([(path, "an instant later than `from`") for path in wrong])
    start, end = body.within(body.rotation.timezone)
    rota = body.rota()
    if most_at_once(rota.overrides) > MAX_AT_ONCE:
        raise refused([("body.overrides", f"at most {MAX_AT_ONCE} in force at one instant")])
    return await asyncio.to_thread(_preview, rota, start, end, roster, against)


@router.get(
    "/v1/rotations/{rotation_id}/shifts",
    responses={404: {"description": "No such rotation", "content": {MEDIA_TYPE: {}}}},
)
async def rotation_shifts(
    rotation_id: str,
    service: ServiceDep,
    _: CallerDep,
    start: Annotated[Instant | None, Query(alias="from", description="Default: now")] = None,
    end: Annotated[Instant | None, Query(alias="to", description="At most 366 days later; default: 14")] = None,
) -> dict[str, Any]:
    """`{"rotation", "from", "to", "shifts", "gaps", "notices"}`, as the preview has them."""
    roster = service.rosters.roster
    rota = roster.rotas.get(rotation_id)
    if rota is None:
        raise unknown("rotation", rotation_id)
    start = start or service.clock.now()
    end = end or start + DEFAULT_WINDOW
    if start >= end:
        raise refused([("query.to", "an instant later than `from`")])
    found = await asyncio.to_thread(_preview, rota, start, end, roster, None, "query.to")
    return {"rotation": rotation_id, "from": iso(start), "to": iso(end)} | found


def unknown(what: str, name: str) -> Problem:
    return Problem(404, f"No such {what}", f"{what} {name} is not in the roster")


def _preview(
    rota: Rota, start: datetime, end: datetime, roster: Roster, against: str | None, field: str = "body.to"
) -> dict[str, Any]:
    check_size(rota, start, end, field)
    names = names_in(roster)
    found = spans(rota, start, end)
    said = (*notices(rota, found, names), *_unknown_people(rota, roster, start, end))
    answer = shapes.covered(found) | {"notices": [_notice(n) for n in said]}
    if against is None:
        return answer
    zone = ZoneInfo(rota.rotation.timezone)
    changes = rota_effect(roster.rotas[against], rota, start, end)
    told = [_change(c, against) | {"text": words(c, zone, names, start)} for c in changes]
    moved = [(against, notice) for notice in next_clocks(rota, names, start) if notice.people]
    return answer | {"effect": told, "clocks": shown_clocks(moved)["clocks"]}


def names_in(roster: Roster) -> Names:
    """People by their names, strangers by their ids."""
    return lambda person: found.name if (found := roster.people.get(person)) else person


def _unknown_people(rota: Rota, roster: Roster, start: datetime, end: datetime) -> Iterator[Notice]:
    for person in sorted(rota.people - roster.people.keys()):
        text = f"{person} is not in the roster, and could not be told of anything"
        yield Notice(kind=NoticeKind.UNKNOWN_PERSON, text=text, start=start, end=end, people=(person,))


def check_size(rota: Rota, start: datetime, end: datetime, field: str) -> None:
    if end - start > MAX_WINDOW:
        raise refused([(field, f"at most {MAX_WINDOW.days} days later than `from`")])
    hours = (end - start) / timedelta(hours=1)
    pieces = sum(
        hours / (_HOURS[layer.shift.unit] * layer.shift.count) + hours / 24 * len(layer.restrictions)
        for layer in rota.rotation.layers
    )
    if pieces > MAX_PIECES:
        raise refused([(field, f"a shorter window: this one holds more than {MAX_PIECES} turns")])


def _notice(found: Notice) -> dict[str, Any]:
    return {
        "kind": str(found.kind),
        "text": found.text,
        "from": iso(found.start),
        "to": iso(found.end),
        "people": list(found.people),
    }


def _change(found: Change, rotation: str) -> dict[str, Any]:
    return {
        "rotation": rotation,
        "from": iso(found.start),
        "to": iso(found.end),
        "before": list(found.before),
        "after": list(found.after),
    }
