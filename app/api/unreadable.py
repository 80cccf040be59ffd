"""Messages nobody could read: shown, repaired by a person and sent through the door again, or dismissed."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.api.deps import CallerDep, ServiceDep
from app.api.edits import MAX_REASON_CHARS, one_line
from app.api.events_in import answer_to
from app.api.instants import iso
from app.api.paging import DEFAULT_LIMIT, AfterId, Limit, first_of
from app.api.text import Text
from app.intake_door import Posted, feed_of
from app.problems import MEDIA_TYPE, Problem
from app.service import Service
from intake.places import place_of
from intake.read import answer as expected_answer
from intake.read import read
from model.errors import Refused
from model.reading import Reading, Unreadable
from routing.unreadable import record
from store import deliveries, unreadables
from store.codec import mapping
from store.database import Connection
from store.unreadables import UnreadableRow, UnreadableState

router = APIRouter(
    tags=["unreadable"],
    responses={
        status: {"description": text, "content": {MEDIA_TYPE: {}}}
        for status, text in {401: "No key, or a wrong one", 403: "For operators and admins"}.items()
    },
)

_ONE: dict[int | str, dict[str, Any]] = {404: {"description": "No such message"}}
_DONE: dict[int | str, dict[str, Any]] = {409: {"description": "Replayed or dismissed already"}}
_CHANGE = _ONE | _DONE | {413: {"description": "The body is too large"}}
MARKS = 20


class Kept(NamedTuple):
    """A message with the POST it came in. `headers` are lower-cased and without credentials."""

    row: UnreadableRow
    body: bytes
    headers: Mapping[str, str]
    sender: str
    sha256: str
    truncated: bool

    @property
    def current(self) -> bytes:
        """What a replay sends: the repaired body where there is one."""
        return self.row.repaired if self.row.repaired is not None else self.body


class RepairIn(BaseModel):
    """The whole body as its sender should have sent it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    body: Text


class DismissIn(BaseModel):
    """Why nobody needs it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[Text, AfterValidator(one_line), Field(min_length=1, max_length=MAX_REASON_CHARS)]


@router.get("/v1/unreadable")
async def list_unreadables(
    service: ServiceDep,
    _: CallerDep,
    state: UnreadableState | None = None,
    limit: Limit = DEFAULT_LIMIT,
    after: AfterId = None,
) -> dict[str, Any]:
    """Newest first: `{"unreadables": [...], "next": cursor or null}`."""
    rows = await service.database.read(lambda conn: unreadables.page(conn, limit + 1, after, state))
    found = first_of(rows, lambda row: row.id, limit)
    return {"unreadables": [_summary(row, service) for row in found.items], "next": found.next}


@router.get("/v1/unreadable/{unreadable_id}", responses=_ONE)
async def get_unreadable(unreadable_id: str, service: ServiceDep, _: CallerDep) -> dict[str, Any]:
    """The message whole: `body` and `repaired` are `{"text"}`, or `{"base64"}` where it is no UTF-8.

    `marks`: where in the repaired body, else in the body, something is wrong by now: `[{"line", "column", "problem"}]`,
    both counted from 1. The id may be that of any delivery that was counted with it.
    """
    kept = await service.database.read(lambda conn: _find(conn, unreadable_id))
    return _summary(kept.row, service) | {
        "marks": _marks(kept, service),
        "body": _text(kept.body),
        "repaired": _text(kept.row.repaired) if kept.row.repaired is not None else None,
        "headers": dict(kept.headers),
        "sender": kept.sender,
        "sha256": kept.sha256,
        "truncated": kept.truncated,
    }


@router.put("/v1/unreadable/{unreadable_id}", responses=_CHANGE | {400: {"description": "The body is no JSON"}})
async def repair(unreadable_id: str, given: RepairIn, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """Keep a repaired body, `{"body": "..."}`, beside the original, and say how it reads now.

    `{"id", "readable": bool, "events": [{"event_id", "revision", "message_type", "headline", "warnings"}],
    "problems": [{"field", "found", "expected"}]}`. Nothing is sent before a replay.
    """
    body = given.body.encode()
    if len(body) > service.settings.max_body_bytes:
        raise Problem(413, "The body is too large", f"at most {service.settings.max_body_bytes} bytes are taken")

    def work(conn: Connection) -> Kept:
        kept = _waiting(_find(conn, unreadable_id))
        unreadables.repair(conn, kept.row.id, body, caller.key_id)
        record(conn, kept.row, "repaired", kept.row.state, caller.who(), service.clock.now())
        return kept

    kept = await service.database.transact(work)
    feed = feed_of(service.rosters.roster, kept.row.source)
    return {"id": kept.row.id} | _reads(read(body, kept.headers, feed, service.clock.now()))


@router.post("/v1/unreadable/{unreadable_id}/dismiss", responses=_ONE | _DONE | {400: {"description": "No JSON"}})
async def dismiss(unreadable_id: str, given: DismissIn, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """Nobody needs it, for a reason that is kept. The same body again waits for a person again."""

    def work(conn: Connection) -> UnreadableRow:
        kept = _waiting(_find(conn, unreadable_id))
        unreadables.dismiss(conn, kept.row.id, given.reason, caller.key_id)
        after = UnreadableState.DISMISSED
        record(conn, kept.row, "dismissed", after, caller.who(), service.clock.now(), given.reason)
        return replace(kept.row, state=after, reason=given.reason, acted_by=caller.key_id)

    return _summary(await service.database.transact(work), service)


@router.post("/v1/unreadable/{unreadable_id}/replay", status_code=202, responses=_CHANGE | {422: {}, 503: {}})
async def replay(unreadable_id: str, request: Request, service: ServiceDep, caller: CallerDep) -> JSONResponse:
    """Send it through the door again, as its source's, repaired where it was. Answers like `POST /v1/events`.

    What still cannot be read waits for a person as before, and nobody else is told.
    """
    kept = _waiting(await service.database.read(lambda conn: _find(conn, unreadable_id)))
    if kept.truncated and kept.row.repaired is None:
        raise Refused("only its beginning was kept: put a repaired body first")
    posted = Posted(
        body=kept.current,
        headers=kept.headers,
        sender=request.client.host if request.client else "",
        request_id=request.scope.get("request_id", ""),
        replay_of=kept.row.id,
    )
    accepted = await service.door.accept(posted, kept.row.source, caller, service.rosters.roster)
    body, headers = await answer_to(service, accepted, request.headers.get("prefer", ""))
    for answer in body.get("results", [body]):
        if "unreadable_id" in answer:
            answer["unreadable_id"] = kept.row.id
    status, _ = expected_answer("canonical", accepted.readings)  # it is a person who asks, not the source
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE if status >= 400 else None)


def _find(conn: Connection, unreadable_id: str) -> Kept:
    """Raises Problem 404."""
    row = unreadables.find(conn, unreadable_id)
    post = deliveries.body(conn, row.body_id) if row else None
    if row is None or post is None:
        raise Problem(404, "No such message", f"no unreadable message {unreadable_id} is kept")
    return Kept(row, post.body, mapping(post.headers), post.sender, post.sha256, post.truncated)


def _waiting(kept: Kept) -> Kept:
    """Raises Refused when somebody is done with it."""
    if kept.row.state is not UnreadableState.NEW:
        raise Refused(f"the message was {kept.row.state} already")
    return kept


def _summary(row: UnreadableRow, service: Service) -> dict[str, Any]:
    return {
        "id": row.id,
        "source": row.source,
        "received_at": iso(row.received_at),
        "last_at": iso(row.last_at),
        "count": row.count,
        "state": str(row.state),
        "member": row.member,
        "problems": list(row.problems),
        "told_as": row.told_as,
        "is_repaired": row.repaired is not None,
        "replayed_as": service.delivery_ids.shown(row.replayed_as) if row.replayed_as else None,
        "acted_by": row.acted_by or None,
        "reason": row.reason or None,
    }


def _marks(kept: Kept, service: Service) -> list[dict[str, Any]]:
    """What is wrong by today's reading, as far as it has a place in a text."""
    try:
        text = kept.current.decode()
    except UnicodeDecodeError:
        return []
    feed = feed_of(service.rosters.roster, kept.row.source)
    found = read(kept.current, kept.headers, feed, kept.row.received_at)
    problems = [problem for result in found if isinstance(result, Unreadable) for problem in result.problems]
    placed = [(place, problem) for problem in problems[:MARKS] if (place := place_of(text, problem))]
    return [{"line": place.line, "column": place.column, "problem": str(problem)} for place, problem in placed]


def _text(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _reads(found: Sequence[Reading | Unreadable]) -> dict[str, Any]:
    problems = [p for r in found if isinstance(r, Unreadable) for p in r.problems]
    return {
        "readable": not problems,
        "events": [_event(r) for r in found if isinstance(r, Reading)],
        "problems": [{"field": p.field, "found": p.found, "expected": p.expected} for p in problems],
    }


def _event(reading: Reading) -> dict[str, Any]:
    return {
        "event_id": reading.event_id,
        "revision": reading.revision,
        "message_type": str(reading.content.message_type),
        "headline": reading.content.headline,
        "warnings": list(reading.warnings),
    }
