"""Changes of what has a name: `PUT` makes or replaces an entry, `DELETE` takes it out. For admins."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Query, Response
from fastapi import Path as InPath

from app import roster_edits
from app.api import preconditions
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import Entry, WhyDep, etag, problems, unknown
from app.api.preconditions import IfMatch
from app.api.roster import verified
from app.masking import masked
from app.problems import Problem, refused
from app.roster_effect import effect
from app.rosters import Snapshot
from app.service import Service
from config import roster_writer
from model.plan import WAYS
from model.roster import Person
from routing.on_call import on_call

router = APIRouter(tags=["roster"], responses=problems(401, 403))

_CHANGE = problems(409, 412, 422, 428, 503)
_PUT = _CHANGE | problems(400) | {201: {"description": "It was new"}}


def _put(section: str, what: str) -> None:
    @router.put(f"/v1/{section}/{{{what}_id}}", name=f"put_{what}", responses=_PUT)
    async def put(
        body: Entry,
        service: ServiceDep,
        caller: CallerDep,
        why: WhyDep,
        response: Response,
        name: str = InPath(alias=f"{what}_id"),
        if_match: IfMatch = None,
    ) -> dict[str, Any]:
        """Make it, or replace it whole: what is left out is as in the file. Answers with the effect and the `entry`."""

        def decide(before: Snapshot) -> Snapshot:
            current = roster_writer.entry(before.roster, section, name)
            preconditions.check(if_match, etag(current) if current else None)
            return roster_edits.put(before, section, name, body)

        edit = await service.editor.edit(decide, caller, why)
        if name not in getattr(edit.before.roster, section):
            response.status_code = 201
        entry = roster_writer.entry(edit.after.roster, section, name)
        response.headers["ETag"] = etag(entry)
        told = await _unverified(service, edit.after.roster.people[name]) if section == "people" else {}
        return {"entry": entry} | edit.shown() | told


async def _unverified(service: Service, person: Person) -> dict[str, Any]:
    """`{"notices"}` of what nobody has verified: it is used all the same."""
    sure = await verified(service, [person])
    asked = [m for m in person.methods if not WAYS[m.channel].secret]  # nobody says back a code from a webhook
    unsure = [m for m in asked if sure is not None and m.address not in sure]
    text = "{} of {} is not verified: nobody said back a code that was sent there. It is used all the same"
    told = [text.format(f"{m.channel} {masked(m.channel, m.address)}", person.name) for m in unsure]
    return {"notices": [{"kind": "unverified", "text": t, "people": [person.id]} for t in told]}


def _delete(section: str, what: str) -> None:
    @router.delete(f"/v1/{section}/{{{what}_id}}", name=f"delete_{what}", responses=problems(404) | _CHANGE)
    async def delete(
        service: ServiceDep,
        caller: CallerDep,
        why: WhyDep,
        name: str = InPath(alias=f"{what}_id"),
        if_match: IfMatch = None,
    ) -> dict[str, Any]:
        """Take it out. What still names it is told, and nothing is changed (409)."""
        decide = _existing(section, what, name, if_match, lambda before: roster_edits.remove(before, section, name))
        return (await service.editor.edit(decide, caller, why)).shown()


def _existing(
    section: str, what: str, name: str, if_match: str | None, without: Callable[[Snapshot], Snapshot]
) -> Callable[[Snapshot], Snapshot]:
    def decide(before: Snapshot) -> Snapshot:
        current = roster_writer.entry(before.roster, section, name)
        if current is None:
            raise unknown(what, name)
        preconditions.check(if_match, etag(current))
        return without(before)

    return decide


_put("people", "person")
for _section, _what in (("teams", "team"), ("rotations", "rotation"), ("policies", "policy"), ("sources", "source")):
    _put(_section, _what)
    _delete(_section, _what)


@router.delete("/v1/people/{person_id}", responses=problems(404) | _CHANGE)
async def delete_person(
    person_id: str,
    service: ServiceDep,
    caller: CallerDep,
    why: WhyDep,
    if_match: IfMatch = None,
    force: bool = Query(False, description="Out of turns, overrides, absences and steps as well; give a reason"),
) -> dict[str, Any]:
    """Take a person out. Who is still named anywhere stays, unless forced: 409 says where, and the effect of it."""
    if force and not why.reason:
        raise refused([("query.reason", "why it is forced")])
    now = service.clock.now()

    def without(before: Snapshot) -> Snapshot:
        places = roster_edits.places_of(before, "people", person_id)
        after = roster_edits.without_person(before, person_id, now)
        if places and not force:
            raise _needed(before, after, person_id, places, now)
        return after

    decide = _existing("people", "person", person_id, if_match, without)
    return (await service.editor.edit(decide, caller, why)).shown()


def _needed(
    before: Snapshot, after: Snapshot, person: str, places: tuple[tuple[str, str], ...], now: datetime
) -> Problem:
    rotas = before.roster.rotas
    covering = [name for name, rota in sorted(rotas.items()) if person in on_call(rota, now)]
    held = f"is on call now in {', '.join(covering)}, and " if covering else ""
    named = ", ".join(path for path, _ in places)
    return Problem(
        409,
        "Still needed",
        f"{before.roster.people[person].name} {held}is named in {named}: change that first, or force it",
        errors=[{"field": path, "expected": sentence} for path, sentence in places],
        **effect(before.roster, after.roster, now).shown(),
    )
