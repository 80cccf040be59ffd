"""`POST /v1/sources/{source}/try`: how a message of the source would be read. Nothing is sent, nothing is kept."""

import asyncio
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app import roster_edits
from app.api.deps import CallerDep, ServiceDep
from app.api.edits import problems, unknown
from app.api.text import Text
from app.intake_door import feed_of
from app.problems import Problem
from app.security import without_credentials
from intake.read import answer as expected_answer
from intake.read import read
from model.event import Content
from model.reading import Reading, Unreadable
from model.roster import Roster
from store.codec import CONTENT

MAX_HEADERS = 50

router = APIRouter(tags=["roster"], responses=problems(401, 403))


class TryIn(BaseModel):
    """`body`: as it would be posted, with those `headers`. `entry`: the source as `PUT` of it takes it, not kept."""

    model_config = ConfigDict(extra="forbid", strict=True)

    body: Text
    headers: dict[Text, Text] = Field(default_factory=dict, max_length=MAX_HEADERS)
    entry: dict[str, Any] | None = None


@router.post("/v1/sources/{source}/try", responses=problems(400, 404, 422))
async def try_it(source: str, given: TryIn, service: ServiceDep, _: CallerDep) -> dict[str, Any]:
    """How the message would be read: with the source as it is, or as `entry` would make it.

    `{"source", "format", "status", "results"}`; `status` is the HTTP status its sender would get. Each result is
    `{"readable": true, "event_id", "revision", "content", "route", "warnings", "missing"}`, where `missing` names
    what the event does not say, or `{"readable": false, "problems": [{"field", "found", "expected"}]}`.
    """
    body, roster = given.body.encode(), service.rosters.roster
    if len(body) > service.settings.max_body_bytes:
        raise Problem(422, "The body is too large", f"at most {service.settings.max_body_bytes} bytes are taken")
    if given.entry is not None:
        # The whole roster is read again: other requests must not wait for that.
        known = service.rosters.known
        roster = (await asyncio.to_thread(roster_edits.put, known, "sources", source, given.entry)).roster
    if source not in roster.sources:
        raise unknown("source", source)
    headers = without_credentials({name.lower(): value for name, value in given.headers.items()})
    found = read(body, headers, feed_of(roster, source), service.clock.now())
    status, _own = expected_answer(roster.sources[source].format, found)
    results = [_read(one, roster, source) if isinstance(one, Reading) else _unread(one) for one in found]
    return {"source": source, "format": roster.sources[source].format, "status": status, "results": results}


def _read(reading: Reading, roster: Roster, source: str) -> dict[str, Any]:
    routed = roster.routed(source, reading.content)
    return {
        "readable": True,
        "event_id": reading.event_id,
        "revision": reading.revision,
        "content": CONTENT.dump_python(reading.content, mode="json"),
        "route": routed.route.id,
        "also": [route.id for route in routed.also],
        "warnings": list(reading.warnings),
        "missing": [*([] if reading.revision else ["revision"]), *_missing(reading.content)],
    }


def _missing(content: Content) -> Iterator[str]:
    """What decides who is told how fast, and is not said."""
    said = {
        "issued_at": content.issued_at,
        "effective_at": content.effective_at,
        "ends_at": content.ends_at,
        "ack_due_at": content.ack_due_at,
        "instruction.action": content.instruction.action,
        "instruction.target_mw": content.instruction.target_mw,
        "zones": content.zones or None,
        "resources": content.resources or None,
        "text": content.text or None,
    }
    return (name for name, value in said.items() if value is None)


def _unread(unreadable: Unreadable) -> dict[str, Any]:
    problems = [{"field": p.field, "found": p.found, "expected": p.expected} for p in unreadable.problems]
    return {"readable": False, "problems": problems}
