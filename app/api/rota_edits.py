"""Changes of a rota for some hours: overrides, swaps and absences. For admins."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app import roster_edits
from app.api import roster_shapes as shapes
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import Entry, WhyDep, named, problems, unknown
from app.api.paging import DEFAULT_LIMIT, After, Limit, page
from app.api.rotas import names_in
from app.editing import Edit
from app.problems import Problem, refused
from app.roster_diff import Kind, entries
from app.rosters import Snapshot
from config.roster_writer import document
from model.rota import Override
from routing.effect import rota_effect

router = APIRouter(tags=["roster"], responses=problems(401, 403))


class TurnIn(BaseModel):
    """Hours in which a person is on call: instants, or wall times of the rotation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    person: str = Field(max_length=63)
    start: str = Field(alias="from", max_length=64)
    end: str = Field(alias="to", max_length=64)


class SwapIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    first: TurnIn
    second: TurnIn


@router.post("/v1/rotations/{rotation_id}/overrides", status_code=201, responses=problems(400, 404, 409, 422, 503))
async def add_override(
    rotation_id: str, body: Entry, service: ServiceDep, caller: CallerDep, why: WhyDep
) -> dict[str, Any]:
    """Change a rota for some hours: `{"action": "add|replace|remove", "person", "replaces", "from", "to"}`.

    Answers with its id in `ids`, and who is on call instead of whom.
    """
    entry, now = named(body, rotation=rotation_id), service.clock.now()
    decide = _in_rotation(rotation_id, lambda before: roster_edits.add(before, "overrides", entry, now))
    return _added(await service.editor.edit(decide, caller, why))


@router.delete("/v1/rotations/{rotation_id}/overrides/{override_id}", responses=problems(404, 409, 422, 503))
async def remove_override(
    rotation_id: str, override_id: str, service: ServiceDep, caller: CallerDep, why: WhyDep
) -> dict[str, Any]:
    """An override says always the same, so its id is enough to know which one is meant."""

    def without(before: Snapshot) -> Snapshot:
        found = _listed(before, "overrides").get(override_id)
        if found is None or found["rotation"] != rotation_id:
            raise unknown("override", override_id)
        return roster_edits.remove_listed(before, "overrides", override_id)

    return (await service.editor.edit(_in_rotation(rotation_id, without), caller, why)).shown()


@router.post("/v1/rotations/{rotation_id}/swaps", status_code=201, responses=problems(400, 404, 409, 422, 503))
async def swap(rotation_id: str, body: SwapIn, service: ServiceDep, caller: CallerDep, why: WhyDep) -> dict[str, Any]:
    """Two people take each other's hours: `{"first": {"person", "from", "to"}, "second": {"person", "from", "to"}}`.

    Both overrides are made, or none. Who is not on call in the hours named is answered 409.
    """
    now = service.clock.now()

    def swapped(before: Snapshot) -> Snapshot:
        halves = ((body.first, body.second), (body.second, body.first))
        after = before
        for name, (whose, other) in zip(("first", "second"), halves, strict=True):
            if whose.person not in before.roster.people:
                raise refused([(f"body.{name}.person", "the id of a person of the roster")])
            entry = {"rotation": rotation_id, "action": "replace", "person": other.person, "replaces": whose.person}
            entry |= {"from": whose.start, "to": whose.end}
            after = roster_edits.add(after, "overrides", entry, now, f"body.{name}")
            _check_moved(before, after, name)
        return after

    return _added(await service.editor.edit(_in_rotation(rotation_id, swapped), caller, why))


@router.get("/v1/absences")
async def absences(
    service: ServiceDep, _: CallerDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """`{"absences": [{"id", "person", "from", "to"}], "next"}` by start."""
    unique = {shown["id"]: shown for shown in map(shapes.absence, service.rosters.roster.absences)}
    found = page(unique.values(), lambda shown: f"{shown['from']} {shown['id']}", limit, after)
    return {"absences": found.items, "next": found.next}


@router.post("/v1/absences", status_code=201, responses=problems(400, 409, 422, 503))
async def add_absence(body: Entry, service: ServiceDep, caller: CallerDep, why: WhyDep) -> dict[str, Any]:
    """From then until then a person is on call nowhere: `{"person", "from", "to"}`."""
    now = service.clock.now()
    return _added(
        await service.editor.edit(lambda before: roster_edits.add(before, "absences", body, now), caller, why)
    )


@router.delete("/v1/absences/{absence_id}", responses=problems(404, 409, 422, 503))
async def remove_absence(absence_id: str, service: ServiceDep, caller: CallerDep, why: WhyDep) -> dict[str, Any]:
    """The person is back."""

    def without(before: Snapshot) -> Snapshot:
        if absence_id not in _listed(before, "absences"):
            raise unknown("absence", absence_id)
        return roster_edits.remove_listed(before, "absences", absence_id)

    return (await service.editor.edit(without, caller, why)).shown()


def _in_rotation(rotation: str, decide: Callable[[Snapshot], Snapshot]) -> Callable[[Snapshot], Snapshot]:
    def decide_there(before: Snapshot) -> Snapshot:
        if rotation not in before.roster.rotations:
            raise unknown("rotation", rotation)
        return decide(before)

    return decide_there


def _listed(before: Snapshot, section: str) -> dict[str, Any]:
    return entries(section, document(before.roster).get(section))


def _check_moved(before: Snapshot, after: Snapshot, name: str) -> None:
    """The override just added puts somebody else on call all the time that it names."""
    made: Override = after.roster.overrides[-1]
    one, other = before.roster.rotas[made.rotation], after.roster.rotas[made.rotation]
    moved = rota_effect(one, other, made.start, made.end)
    held = sum((c.end - c.start for c in moved if made.replaces in c.going), timedelta())
    if held != made.end - made.start:
        said = names_in(before.roster)(made.replaces or "")
        detail = f"{said} is not on call in {made.rotation} all the time that {name} names"
        raise Problem(409, "Nothing to swap", detail)


def _added(edit: Edit) -> dict[str, Any]:
    """With the ids of what was added: a swap makes two."""
    return {"ids": [d.what.partition("/")[2] for d in edit.differences if d.kind is Kind.ADDED]} | edit.shown()
