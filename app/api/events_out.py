"""Events go out here: the list, one event with all that is known of it, and a person's answer by API."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from app import record
from app.answering import within_a_second
from app.api.deps import CallerDep, ServiceDep
from app.api.event_shapes import detail, summary
from app.api.instants import iso
from app.api.paging import DEFAULT_LIMIT, AfterId, Limit, first_of
from app.api.text import Text
from app.problems import MEDIA_TYPE, Problem
from app.service import Service
from config.keys import Role
from model.event import Event
from model.reply import Answer, Heard
from model.verdict import Verdict
from routing.following import Together, together
from routing.heard import take_heard
from routing.replies import Answered
from store import events, verdicts
from store.database import Connection

router = APIRouter(
    tags=["events"],
    responses={
        status: {"description": text, "content": {MEDIA_TYPE: {}}}
        for status, text in {401: "No key, or a wrong one", 403: "The key is for another source"}.items()
    },
)

SourceId = Annotated[str, Path(max_length=63)]
EventId = Annotated[
    str,
    Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="Percent-encoded; may hold slashes"),
]


class ReplyIn(BaseModel):
    """A person's answer as an operator heard it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    person: Text = Field(max_length=63, description="Id of a person of the roster")
    reply: Literal["acknowledge", "cannot_comply"]
    revision: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="Default: the highest revision sent to that person"
    )


@router.get("/v1/events")
async def list_events(
    service: ServiceDep, caller: CallerDep, limit: Limit = DEFAULT_LIMIT, after: AfterId = None
) -> dict[str, Any]:
    """Newest first: `{"events": [...], "next": cursor or null}`. An upstream sees its own source only."""
    source = caller.source if caller.role is Role.UPSTREAM else None

    def read(conn: Connection) -> tuple[list[Event], dict[tuple[str, int], Verdict], dict[str, Together]]:
        found = events.page(conn, limit + 1, after, source)
        return found, verdicts.latest(conn, [event.pk for event in found]), together(conn, found)

    found, outcomes, with_whom = await service.database.read(read)
    shown = first_of(found, lambda event: event.pk, limit)
    rows = [
        summary(event, outcomes.get((event.pk, event.answer_revision)), with_whom[event.pk]) for event in shown.items
    ]
    return {"events": rows, "next": shown.next}


@router.get("/v1/events/{source}/{event_id:path}", responses={404: {"description": "No such event"}})
async def get_event(source: SourceId, event_id: EventId, service: ServiceDep, caller: CallerDep) -> dict[str, Any]:
    """One event: revisions, plan with forecast, attempts, receipts, replies, verdicts, timeline, deliveries.

    Addresses are masked. `step` counts from 1 and is null for the event's own rows (Slack channel, PagerDuty).
    """
    if not caller.may_read(source):
        raise service.doorkeeper.forbidden(f"key {caller.key_id} is not for source {source}")
    roster, now = service.rosters.roster, service.clock.now()
    found = await service.database.read(lambda conn: record.load(conn, source, event_id, roster, service.ids, now))
    if found is None:
        raise no_such_event(source, event_id)
    return detail(found, roster, service.delivery_ids.shown, now)


@router.post(
    "/v1/events/{source}/{event_id:path}/reply",
    responses={
        202: {"description": "Received and durable, not looked at yet: the database is away"},
        400: {"description": "The body is no JSON", "content": {MEDIA_TYPE: {}}},
        404: {"description": "No such event", "content": {MEDIA_TYPE: {}}},
        409: {"description": "A replaced revision"},
    },
)
async def reply(
    source: SourceId, event_id: EventId, given: ReplyIn, service: ServiceDep, caller: CallerDep, response: Response
) -> dict[str, Any]:
    """Take a person's answer. `counted` is false when the event was over already: it is kept all the same.

    202 with `counted` null: the answer is safe and will be counted; whether it fits the event is not known yet.
    """
    if given.person not in service.rosters.roster.people:
        expected = "the id of a person of the roster"
        raise Problem(
            422,
            "The request cannot be read",
            f"body.person: {expected} was expected",
            errors=[{"field": "body.person", "found": given.person, "expected": expected}],
        )
    heard = Heard(
        id=service.ids.new(),
        channel="api",
        answer=Answer(given.reply),
        received_at=service.clock.now(),
        person=given.person,
        revision=given.revision,
        by=caller.key_id,
        source=source,
        event_id=event_id,
    )
    answered = await within_a_second(service, heard, lambda: _take(service, heard))
    shown = {
        "reply_id": heard.id,
        "person": heard.person,
        "reply": str(heard.answer),
        "revision": heard.revision,
        "received_at": iso(heard.received_at),
        "counted": None,
        "detail": "received; it will be counted as soon as the database is back",
    }
    if answered is None:
        response.status_code = 202
        return shown
    kept = f"kept, and nothing changes: the event is {answered.event.status}"
    return shown | {
        "revision": answered.reply.revision,
        "counted": answered.counted,
        "detail": "accepted" if answered.counted else kept,
    }


async def _take(service: Service, heard: Heard) -> Answered:
    """Raises Problem 404 for an unknown event, Refused for a revision that needs no answer any more."""

    def work(conn: Connection) -> Answered:
        source, event_id = heard.source or "", heard.event_id or ""
        if events.find(conn, source, event_id) is None:
            raise no_such_event(source, event_id)
        [answered] = take_heard(conn, service.ids, heard)
        return answered

    return await service.database.transact(work)


def no_such_event(source: str, event_id: str) -> Problem:
    return Problem(404, "No such event", f"source {source} has sent no event {event_id}")
