"""`calendar.ics` of a rotation and of a person, for calendars that subscribe."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from app.api.deps import CallerDep, ServiceDep
from app.api.instants import Instant
from app.api.rotas import check_size, names_in, unknown
from app.problems import MEDIA_TYPE, refused
from app.rota_calendar import Entry, calendar
from app.service import Service
from model.roster import Roster
from model.rota import Rota, Rotation, Shift
from routing.on_call import whole_shifts

_ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {kind: {}}}
    for status, text, kind in (
        (200, "The calendar", "text/calendar"),
        (401, "No key, or a wrong one", MEDIA_TYPE),
        (403, "For operators and admins", MEDIA_TYPE),
        (404, "Not in the roster", MEDIA_TYPE),
        (422, "Cannot be read: `errors` names the fields", MEDIA_TYPE),
    )
}
router = APIRouter(tags=["roster"], responses=_ANSWERS, default_response_class=Response)

BACK, WINDOW = timedelta(days=30), timedelta(days=210)


@dataclass(frozen=True, slots=True)
class Window:
    start: datetime
    end: datetime
    now: datetime


async def _window(
    service: ServiceDep,
    start: Annotated[Instant | None, Query(alias="from", description="Default: 30 days ago")] = None,
    end: Annotated[Instant | None, Query(alias="to", description="At most 366 days later; default: 210")] = None,
) -> Window:
    now = service.clock.now()
    start = start or now - BACK
    end = end or start + WINDOW
    if start >= end:
        raise refused([("query.to", "an instant later than `from`")])
    return Window(start, end, now)


WindowDep = Annotated[Window, Depends(_window)]


@router.get("/v1/rotations/{rotation_id}/calendar.ics")
async def rotation_calendar(rotation_id: str, service: ServiceDep, _: CallerDep, window: WindowDep) -> Response:
    """The shifts of a rotation as a calendar (iCalendar): those that touch the window, whole, in UTC."""
    return await of_rotation(service, rotation_id, window)


@router.get("/v1/people/{person_id}/calendar.ics")
async def person_calendar(person_id: str, service: ServiceDep, _: CallerDep, window: WindowDep) -> Response:
    """The shifts of a person in all rotations as a calendar (iCalendar), in UTC."""
    return await of_person(service, person_id, window)


async def of_rotation(service: Service, rotation_id: str, window: Window) -> Response:
    """Raises Problem 404."""
    roster = service.rosters.roster
    rota = roster.rotas.get(rotation_id)
    if rota is None:
        raise unknown("rotation", rotation_id)
    name = names_in(roster)

    def title(rotation: Rotation, shift: Shift) -> str:
        return f"{name(shift.person)}: {rotation.name}"

    return await asyncio.to_thread(_calendar, rota.rotation.name, [rota], title, window, roster)


async def of_person(service: Service, person_id: str, window: Window) -> Response:
    """Raises Problem 404."""
    roster = service.rosters.roster
    person = roster.people.get(person_id)
    if person is None:
        raise unknown("person", person_id)
    rotas = [rota for rota in roster.rotas.values() if person_id in rota.people]

    def title(rotation: Rotation, _: Shift) -> str:
        return f"On call: {rotation.name}"

    return await asyncio.to_thread(_calendar, f"On call: {person.name}", rotas, title, window, roster, person_id)


def _calendar(
    name: str,
    rotas: Sequence[Rota],
    title: Callable[[Rotation, Shift], str],
    window: Window,
    roster: Roster,
    person: str | None = None,
) -> Response:
    """`person` None: everybody's."""
    for rota in rotas:
        check_size(rota, window.start, window.end, "query.to")
    entries = [
        Entry(rotation=rota.rotation, shift=shift, title=title(rota.rotation, shift))
        for rota in rotas
        for shift in whole_shifts(rota, window.start, window.end)
        if person in (None, shift.person)
    ]
    file = calendar(name, entries, roster.version, window.now)
    return Response(file, media_type="text/calendar; charset=utf-8")
