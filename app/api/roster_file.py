"""The roster as one file: read it, plan another one, apply it whole or not at all. For admins."""

import asyncio
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response

from app import undoing
from app.api import preconditions
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import WhyDep, problems, version_etag
from app.api.preconditions import IfMatch
from app.editing import Decide
from app.problems import Problem
from app.rosters import Snapshot, key_rows, refuse_demo_keys
from config.roster_file import RosterFile, load_roster
from config.roster_writer import exported

YAML = "application/yaml"
NAME = "roster"  # what the file is called in messages

router = APIRouter(tags=["roster"], responses=problems(401, 403))

_FILE = {"requestBody": {"required": True, "content": {YAML: {"schema": {"type": "string"}}}}}


@router.get("/v1/roster", response_class=Response, responses={200: {"content": {YAML: {}}}})
async def export(service: ServiceDep, _: CallerDep) -> Response:
    """The roster in force as its file, without keys: of their secrets only hashes are known. Its ETag is the version.

    It has whole phone numbers and PagerDuty's routing keys in it, and the version as its `from_version`.
    """
    roster = service.rosters.roster
    text = await asyncio.to_thread(exported, roster)  # of thousands of people it takes seconds
    return Response(text, media_type=YAML, headers={"ETag": version_etag(roster.version)})


@router.post("/v1/roster/plan", openapi_extra=_FILE, responses=problems(409, 422))
async def plan(request: Request, service: ServiceDep, _: CallerDep) -> dict[str, Any]:
    """What `PUT /v1/roster` with this file would change, in words and as data; nothing is kept.

    `{"version", "changes": [{"what", "change", "text", "before", "after"}], "effect": [{"rotation", "from", "to",
    "before", "after", "text"}], "effect_omitted"}`; `version` is the one in force. `undoes`: what was changed since the
    version from which the file was exported, and is refused: `[{"what", "text", "actor", "at", "reason"}]`.
    """
    file = await _file(request)
    planned = await service.editor.plan(_bring(file, None), file.from_version)
    undoes = undoing.shown(planned.undone)
    return planned.shown() | {"version": planned.before.roster.version, "undoes": undoes}


@router.put("/v1/roster", openapi_extra=_FILE, responses=problems(409, 412, 422, 428, 503))
async def apply(
    request: Request, response: Response, service: ServiceDep, caller: CallerDep, why: WhyDep, if_match: IfMatch = None
) -> dict[str, Any]:
    """Bring the file in force, whole or not at all. A file that names no keys leaves the keys as they are.

    One that would undo what was changed since the version from which it was exported is refused: 409, with `undoes` as
    the plan has it. Answers as the plan does, with the version it got.
    """
    if if_match is None:
        preconditions.check(None, version_etag(service.rosters.roster.version))
    file = await _file(request)
    edit = await service.editor.edit(_bring(file, if_match), caller, why, file.from_version)
    response.headers["ETag"] = version_etag(edit.after.roster.version)
    return edit.shown()


async def _file(request: Request) -> RosterFile:
    try:
        text = (await request.body()).decode()
    except UnicodeDecodeError:
        raise Problem(422, "The roster cannot be read", "expected YAML in UTF-8") from None
    return await asyncio.to_thread(load_roster, text, NAME)


def _bring(file: RosterFile, if_match: str | None) -> Decide:
    """`if_match` None: against whatever is in force."""

    def decide(before: Snapshot) -> Snapshot:
        version = before.roster.version
        if if_match is not None:
            preconditions.check(if_match, version_etag(version))
        rows = key_rows(file)
        # Where a demo's key is in force, it is a demo.
        refuse_demo_keys(rows, demo=any(key.demo for key in before.keys))
        return Snapshot(roster=replace(file.roster, version=version), keys=tuple(rows) or before.keys)

    return decide
